"""What the operator decides: ``dreambot.toml``, the presets, and their loader."""
