"""Keeps secrets out of the environment of worker processes, which decode untrusted files."""

import os

SECRETS = ("DISCORD_TOKEN", "DREAMBOT_STORE__URL")
"""Variables that hold, or may hold, a secret."""


def forget_secrets() -> None:
    """Remove the secrets from this process's environment, and so from that of processes it starts later."""
    for name in SECRETS:
        os.environ.pop(name, None)
