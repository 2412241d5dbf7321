"""A server's settings: definitions, parsing, storage, and the effective values of a channel."""
