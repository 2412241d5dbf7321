"""The durable queue: who asked for what, whose turn it is, and the answer that arrives exactly once."""
