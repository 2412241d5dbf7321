"""The one message that a dream has, from its position in the queue to the dream itself."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import discord

from bot.store.jobs import Job, Kind, State
from bot.ui.buttons import Again, Cancel, Deeper, Delete, Flag
from dream.backbone.catalog import NETWORKS
from dream.render import Progress

BAR = 12
PREVIEW = "preview.jpg"


class Status(NamedTuple):
    """A message to send, or to turn an earlier one into."""

    content: str
    view: discord.ui.View
    files: list[discord.File]

    def sending(self) -> dict[str, Any]:
        """Keyword arguments for `channel.send`."""
        return {"content": self.content, "view": self.view, "files": self.files}

    def editing(self) -> dict[str, Any]:
        """Keyword arguments for `message.edit`: the old attachments make way for the new."""
        return {"content": self.content, "view": self.view, "attachments": self.files}


def status(
    job: Job,
    *,
    position: int | None = None,
    ready_at: datetime | None = None,
    progress: Progress | None = None,
    result: bytes | None = None,
) -> Status:
    """How `job` looks to members now.

    `position` is its position in the queue, 1 being the next; `ready_at` when it is likely to be ready;
    `progress` how far it is; `result` the finished dream's file.
    """
    match job.state:
        case State.QUEUED:
            return _waiting(job, position, ready_at)
        case State.DREAMING:
            return _dreaming(job, ready_at, progress)
        case State.FAILED:
            return _message(f"🌧️ {job.reason or 'This dream could not be dreamt; please try again.'}")
        case State.CANCELLED:
            return _message("🌙 This dream was cancelled.")
        case State.DONE:
            return _done(job, result)


def _waiting(job: Job, position: int | None, ready_at: datetime | None) -> Status:
    where = "next in line" if position == 1 else f"{ordinal(position)} in line" if position else "in line"
    return _message(f"💤 **Waiting** · {where}{_when(ready_at)}", _recipe(job), buttons=[Cancel(job.id)])


def _dreaming(job: Job, ready_at: datetime | None, progress: Progress | None) -> Status:
    if progress is None:
        return _message(f"🌀 **Dreaming**{_when(ready_at)}", bar(0), _recipe(job), buttons=[Cancel(job.id)])
    files = []
    if progress.preview:
        alt = f"The dream so far, {progress.done:.0%} done."
        files = [_file(progress.preview, PREVIEW, alt, spoiler=job.spoiler)]
    finishing = progress.done >= 1
    return _message(
        f"🌀 **Dreaming**{' · finishing' if finishing else _when(ready_at)}",
        f"{bar(progress.done)} {progress.done:.0%}",
        f"{_recipe(job)} · size {progress.octave} of {progress.octaves}",
        buttons=[] if finishing else [Cancel(job.id)],
        files=files,
    )


def _done(job: Job, result: bytes | None) -> Status:
    report = job.dream_report
    files = []
    if result is not None:
        alt = f"A dream of {' and '.join(report.layers) if report else job.recipe}."
        files = [_file(result, job.filename or "dream.png", alt, spoiler=job.spoiler)]
    deeper = [] if job.kind is Kind.ZOOM else [Deeper(job.id)]  # a video cannot be dreamt on
    buttons = [Again(job.id), *deeper, Delete(job.id), Flag(job.id)]
    if report is None:
        return _message(f"✨ **Dreamt**{_for(job)}", f"-# `{job.recipe}`", buttons=buttons, files=files)
    size = f"{report.width} × {report.height}"
    lines = [
        f"✨ **Dreamt in {duration(report.seconds)}**{_for(job)}",
        f"-# `{report.recipe}` · {NETWORKS[report.model].title} · {size}",
    ]
    if report.note:
        lines.append(f"-# 🪞 {report.note}")
    return _message(*lines, buttons=buttons, files=files)


def bar(share: float) -> str:
    """Draw a progress bar; `share` is in [0, 1]."""
    full = round(min(max(share, 0), 1) * BAR)
    return "▰" * full + "▱" * (BAR - full)


def ordinal(number: int) -> str:
    """Write 1 as 1st, 2 as 2nd, 11 as 11th."""
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def duration(seconds: float) -> str:
    """Write a time as a person would: 14 s, 2 min 5 s."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{max(rest, 1)} s"


def _message(
    *lines: str,
    buttons: Sequence[discord.ui.Item[Any]] = (),
    files: Sequence[discord.File] = (),
) -> Status:
    view = discord.ui.View(timeout=None)
    for button in buttons:
        view.add_item(button)
    return Status("\n".join(lines), view, list(files))


def _file(data: bytes, name: str, alt: str, *, spoiler: bool) -> discord.File:
    return discord.File(io.BytesIO(data), name, description=alt, spoiler=spoiler)


def _recipe(job: Job) -> str:
    return f"-# `{job.recipe}`{_for(job)}"


def _for(job: Job) -> str:
    """Name the asker where the message is no reply to the asking one."""
    return "" if job.request_message_id else f" for <@{job.member_id}>"


def _when(ready_at: datetime | None) -> str:
    return f" · ready {discord.utils.format_dt(ready_at, 'R')}" if ready_at else ""
