"""How the bot and its workers log: lines for people on a terminal, else one JSON object a line.

Code logs by the standard library; structlog formats. Fields come from `extra={"server": 5}`, and from
`structlog.contextvars`, by which every line that is logged during a dream has its job's id.
"""

import logging
import os
import re
import sys
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "human", "json"]

_SECRETS: Final = re.compile(
    r"[\w-]{23,30}\.[\w-]{6,7}\.[\w-]{27,45}"  # a bot's token
    r"|(?<=/webhooks/)\d+/[\w-]{20,}|(?<=/interactions/)\d+/[\w-]{20,}"
    r"|(?<=://)[^/@\s:]*:[^/@\s]+(?=@)"  # user and password of a URL
)
_OTHERS: Final = ("discord", "distributed", "alembic", "asyncio", "aiohttp", "sqlalchemy", "PIL", "h5py")
"""Libraries that log more than operators want to read."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged (`level` and above), and how; "auto" is "human" where standard error is a terminal."""

    level: Level = "info"
    format: Format = "auto"

    @property
    def is_json(self) -> bool:
        """Whether each line is a JSON object."""
        return self.format == "json" or (self.format == "auto" and not sys.stderr.isatty())


QUIET: Final = LogSettings("warning")
"""What workers log where nobody says: problems alone."""


def configure(settings: LogSettings) -> None:
    """Let this process log to standard error by `settings`. What looks like a secret is not written.

    Libraries' lines are written from warnings on, with the level "debug" from infos on.
    """
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_process,
    ]
    last: list[Any] = [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            sort_keys=False,
            exception_formatter=structlog.dev.plain_traceback,  # others show local variables, secrets too
        )
    ]
    if settings.is_json:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, _without_secrets],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name in _OTHERS:
        logging.getLogger(name).setLevel(logging.INFO if settings.level == "debug" else logging.WARNING)


def _add_process(_logger: object, _method: str, fields: Any) -> Any:
    fields["process"] = os.getpid()
    return fields


def _without_secrets(_logger: object, _method: str, line: Any) -> Any:
    return _SECRETS.sub("…", line)
