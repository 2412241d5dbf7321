"""Log lines: fields, formats, and what is never in them."""

from __future__ import annotations

import io
import json
import logging

import pytest
from structlog.contextvars import bound_contextvars

from dream.log import Format, Level, LogSettings, configure

TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GhIjKl.abcdefghijklmnopqrstuvwxyz0123456789AB"
log = logging.getLogger("dream.something")


def logged(monkeypatch: pytest.MonkeyPatch, format: Format, level: Level = "info") -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure(LogSettings(level, format))
    return stream


def test_a_line_has_its_fields_and_the_id_of_the_dream(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = logged(monkeypatch, "auto")
    with bound_contextvars(job="j1"):
        log.info("%d eyes", 3, extra={"server": 5})
    line = json.loads(stream.getvalue())
    assert (line["event"], line["job"], line["server"], line["level"]) == ("3 eyes", "j1", 5, "info")


def test_people_read_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = logged(monkeypatch, "human")
    log.warning("3 eyes", extra={"job": "j1"})
    assert "3 eyes" in stream.getvalue() and "job=j1" in stream.getvalue() and "{" not in stream.getvalue()


@pytest.mark.parametrize(("level", "count"), [("debug", 3), ("info", 2), ("error", 0)])
def test_what_is_logged_is_a_setting(monkeypatch: pytest.MonkeyPatch, level: Level, count: int) -> None:
    stream = logged(monkeypatch, "json", level)
    log.debug("small")
    log.info("middling")
    log.warning("large")
    logging.getLogger("alembic").debug("a library's")
    assert len(stream.getvalue().splitlines()) == count


@pytest.mark.parametrize("format", ["human", "json"])
@pytest.mark.parametrize(
    ("secret", "line"),
    [
        (TOKEN, f"Bot {TOKEN} was refused"),
        (
            "aW50ZXJhY3Rpb246MTIz",
            "PATCH https://discord.com/api/v10/webhooks/1/aW50ZXJhY3Rpb246MTIz/messages",
        ),
        ("aW50ZXJhY3Rpb246MTIz", "POST /interactions/12/aW50ZXJhY3Rpb246MTIz/callback is slow"),
        ("s3cret", "postgresql://dreambot:s3cret@db.example.org/dreams is away"),
    ],
)
def test_a_secret_is_not_written(
    monkeypatch: pytest.MonkeyPatch, format: Format, secret: str, line: str
) -> None:
    stream = logged(monkeypatch, format)
    try:
        raise OSError(line)
    except OSError:
        log.exception("it broke: %s", line, extra={"url": line})
    assert "it broke" in stream.getvalue() and "OSError" in stream.getvalue()
    assert secret not in stream.getvalue()


def test_local_variables_are_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = logged(monkeypatch, "human")
    picture = b"the bytes of a picture".title()
    try:
        raise OSError(len(picture))
    except OSError:
        log.exception("it broke")
    assert "Bytes" not in stream.getvalue()
