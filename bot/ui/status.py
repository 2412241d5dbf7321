"""The one message that a dream has, from its position in the queue to the dream itself."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

import discord

from bot.store.jobs import Job, Kind, State
from bot.ui.buttons import Again, Cancel, Deeper, Delete, Flag
from bot.ui.errors import code
from config.presets import load_presets
from dream.backbone.catalog import NETWORKS
from dream.octaves import frames
from dream.recipe import MAX_LENGTH, Recipe, RecipeError
from dream.render import Progress

BAR = 12
PREVIEW = "preview.jpg"
COUNTED_DOWN = 120
"""Seconds to wait up to which they are told themselves; further off, the time of day is."""


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
    when: str = "",
    progress: Progress | None = None,
    result: bytes | None = None,
    takes_reports: bool = False,
) -> Status:
    """How `job` looks to members now.

    `position` is its position in the queue, 1 being the next; `when` says when it is likely to be ready;
    `progress` how far it is; `result` the finished dream's file. `takes_reports` is whether somebody would
    be told of a report.
    """
    match job.state:
        case State.QUEUED:
            return _waiting(job, position, when)
        case State.DREAMING:
            return _dreaming(job, when, progress)
        case State.FAILED:
            return _message(f"🌧️ {job.reason or 'This dream could not be dreamt; please try again.'}")
        case State.CANCELLED:
            return _message("🌙 This dream was cancelled.")
        case State.DONE:
            return _done(job, result, takes_reports)


def _waiting(job: Job, position: int | None, when: str) -> Status:
    where = "next in line" if position == 1 else f"{ordinal(position)} in line" if position else "in line"
    return _message(f"💤 **Waiting** · {where}{_after(when)}", _recipe(job), buttons=[Cancel(job.id)])


def _dreaming(job: Job, when: str, progress: Progress | None) -> Status:
    if progress is None:
        return _message(f"🌀 **Dreaming**{_after(when)}", bar(0), _recipe(job), buttons=[Cancel(job.id)])
    files = []
    if progress.preview:
        alt = f"The dream so far, {progress.done:.0%} done."
        name = PREVIEW.replace("jpg", "gif") if progress.preview.startswith(b"GIF") else PREVIEW
        files = [_file(progress.preview, name, alt, spoiler=job.spoiler)]
    finishing = progress.done >= 1
    return _message(
        f"🌀 **Dreaming**{' · finishing' if finishing else _after(when)}",
        f"{bar(progress.done)} {progress.done:.0%}",
        f"{_recipe(job)}{_after(part(job, progress))}",
        buttons=[] if finishing else [Cancel(job.id)],
        files=files,
    )


def _done(job: Job, result: bytes | None, takes_reports: bool) -> Status:
    report = job.dream_report
    files = []
    if result is not None:
        alt = f"A dream of {' and '.join(map(_thing, report.layers)) if report else job.recipe}."
        files = [_file(result, job.filename or "dream.png", alt, spoiler=job.spoiler)]
    deeper = [] if job.kind is Kind.ZOOM else [Deeper(job.id)]  # a video cannot be dreamt on
    buttons = [Again(job.id), *deeper, Delete(job.id), *([Flag(job.id)] if takes_reports else [])]
    if report is None:
        return _message(f"✨ **Dreamt**{_for(job)}", f"-# {named(job.recipe)}", buttons=buttons, files=files)
    size = f"{report.width} × {report.height}"
    lines = [
        f"✨ **Dreamt in {duration(report.seconds)}**{_for(job)}",
        f"-# {named(report.recipe)} · {_titles(report.model)} · {size}",
    ]
    if report.note:
        lines.append(f"-# 🪞 {report.note}")
    return _message(*lines, buttons=buttons, files=files)


def when(ready_at: datetime | None, now: datetime) -> str:
    """When a dream is likely to be ready, in words that do not turn into "1 second ago" by themselves.

    Empty where that is not known, or past.
    """
    if ready_at is None or ready_at <= now:
        return ""
    seconds = (ready_at - now).total_seconds()
    if seconds > COUNTED_DOWN:
        minute = 60 * math.ceil(ready_at.timestamp() / 60)
        return f"ready at about <t:{minute}:t>"
    step = 5 if seconds <= 30 else 15  # coarse, for each change of the words costs an edit
    return (
        "ready in a moment" if seconds < 5 else f"ready in about {duration(step * math.ceil(seconds / step))}"
    )


def part(job: Job, progress: Progress) -> str:
    """Which part of the work is being done: a video's frame, or one of a picture's passes."""
    passes = progress.octaves
    if job.kind is Kind.ZOOM and (recipe := _parsed(job.recipe)) and not recipe.is_video:
        return f"frame {progress.step} of {progress.steps}"
    if job.kind is Kind.ZOOM and (recipe := _parsed(job.recipe)) and recipe.settled().zoom != 1:
        passes -= 1  # a zoom's frames, which follow its passes, count as one more octave
        if progress.octave > passes:
            total = frames(recipe)
            return f"frame {max(total - (progress.steps - progress.step), 1)} of {total}"
    return f"pass {progress.octave} of {passes}" if passes > 1 else ""


def _thing(name: str) -> str:
    """What a report says was dreamt of, for people: "class:snow_leopard" is "snow leopard"."""
    return name.rpartition(":")[2].replace("_", " ").replace(",", ", ")


def _titles(model: str) -> str:
    """The titles of a report's networks."""
    titles = {str(name): network.title for name, network in NETWORKS.items()}
    return " + ".join(titles.get(name, name) for name in model.split("+"))


@lru_cache(maxsize=1024)
def preset_title(recipe: str) -> str | None:
    """The title of the shipped preset that a recipe is, whatever options were added to it."""
    wanted = _parsed(recipe)
    if wanted is None:
        return None
    found: dict[str, int] = {}
    for title, preset in _presets().items():
        given = preset.given
        if preset.terms == wanted.terms and given.items() <= wanted.given.items():
            found[title] = len(given)
    return max(found, key=found.__getitem__, default=None)


def _parsed(recipe: str) -> Recipe | None:
    """A job's recipe, or None where another version of the bot wrote what this one cannot read."""
    try:
        return Recipe.parse(recipe)
    except RecipeError:
        return None


@cache
def _presets() -> dict[str, Recipe]:
    return {preset.title: Recipe.parse(preset.recipe) for preset in load_presets().values()}


def named(recipe: str, longest: int = MAX_LENGTH) -> str:
    """A recipe as it is shown: after the title of its preset, if it is one."""
    title = preset_title(recipe)
    return f"**{title}** · {code(recipe, longest)}" if title else code(recipe, longest)


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
    if not minutes:
        return f"{max(rest, 1)} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


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
    return f"-# {named(job.recipe)}{_for(job)}"


def _for(job: Job) -> str:
    """Name the asker where the message is no reply to the asking one."""
    return "" if job.request_message_id else f" for <@{job.member_id}>"


def _after(words: str) -> str:
    return f" · {words}" if words else ""
