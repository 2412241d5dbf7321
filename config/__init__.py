"""The operator's configuration: ``dreambot.toml``, the presets, and their loaders."""
