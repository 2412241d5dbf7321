"""The environment that worker processes inherit: they open strangers' pictures, so it holds no secret."""

import os

SECRETS = ("DISCORD_TOKEN", "DREAMBOT_STORE__URL")
"""Variables that hold, or may hold, what no worker is to know."""


def forget_secrets() -> None:
    """Take the secrets out of this process's environment, and thereby out of its children's."""
    for name in SECRETS:
        os.environ.pop(name, None)
