"""What members read and press."""
