"""What a server's admins decide, and what of it holds in a channel."""
