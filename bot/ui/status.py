"""The one message that a dream has, from its position in the queue to the dream itself."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import discord

from bot.durations import countdown, format_duration
from bot.queue.queue import CANCELLED, CONSENT_WITHIN
from bot.store.jobs import Job, Kind, State
from bot.ui.buttons import Cancel, PingMe, dream_buttons
from bot.ui.consent import Consent, Decline
from bot.ui.errors import code
from bot.ui.links import message_url
from config.presets import preset_title
from dream.backbone.catalog import NETWORKS
from dream.octaves import frames
from dream.recipe import MAX_LENGTH, Recipe, RecipeError
from dream.render import Progress

BAR = 12
PREVIEW = "preview.jpg"
ACTIONS = {
    "again": "again from",
    "deeper": "deeper from",
    "bigger": "bigger than",
    "gentler": "gentler than",
    "wilder": "wilder than",
    "remix": "remixed from",
    "vary": "variations of",
    "choose": "chosen from",
    "zoom": "a fall into",
    "compare": "of",
}
"""How the way from one dream to the next is told, by `Job.action`."""


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
    is_long: bool = False,
) -> Status:
    """How `job` looks to members now.

    `position` is its position in the queue, 1 being the next; `when` says when it is likely to be ready;
    `progress` how far it is; `result` the finished dream's file. Whoever asked is offered to be pinged where
    the wait `is_long`.
    """
    match job.state:
        case State.HELD:
            return _asking(job)
        case State.QUEUED:
            return _waiting(job, position, when, is_long)
        case State.DREAMING:
            return _dreaming(job, when, progress, is_long)
        case State.FAILED:
            return _message(f"🌧️ {job.reason or 'This dream could not be dreamt; please try again.'}")
        case State.CANCELLED:
            return _message(f"🌙 {job.reason or CANCELLED}")
        case State.DONE:
            return _done(job, result)


def _asking(job: Job) -> Status:
    """The question to whoever posted a picture, whether somebody else may dream on it."""
    picture = "your picture"
    if job.origin_message_id:
        picture = f"[{picture}](<{message_url(job.guild_id, job.origin_channel_id, job.origin_message_id)}>)"
    until = discord.utils.format_dt(job.created_at + CONSENT_WITHIN, "R")
    return _message(
        f"🙋 <@{job.author_id}>, <@{job.member_id}> would like to dream on {picture}. May they?",
        f"-# {described(job)} · the question ends {until} · /privacy answers it for all",
        buttons=[Consent(job.id), Decline(job.id), Cancel(job.id)],
    )


def _waiting(job: Job, position: int | None, when: str, is_long: bool) -> Status:
    where = "next in line" if position == 1 else f"{ordinal(position)} in line" if position else "in line"
    return _message(
        f"💤 **Waiting** · {where}{_after(when)}", _small(job), buttons=_waiting_buttons(job, is_long)
    )


def _waiting_buttons(job: Job, is_long: bool) -> list[discord.ui.Item[Any]]:
    return [Cancel(job.id), *([PingMe(job.id)] if is_long and not job.pings else [])]


def _dreaming(job: Job, when: str, progress: Progress | None, is_long: bool) -> Status:
    buttons = _waiting_buttons(job, is_long)
    if progress is None:
        return _message(f"🌀 **Dreaming**{_after(when)}", bar(0), _small(job), buttons=buttons)
    files = []
    if progress.preview:
        alt = f"The dream so far, {progress.done:.0%} done."
        name = PREVIEW.replace("jpg", "gif") if progress.preview.startswith(b"GIF") else PREVIEW
        files = [_file(progress.preview, name, alt, spoiler=job.spoiler)]
    finishing = progress.done >= 1
    return _message(
        f"🌀 **Dreaming**{' · finishing' if finishing else _after(when)}",
        f"{bar(progress.done)} {progress.done:.0%}",
        f"{_small(job)}{_after(part(job, progress))}",
        buttons=[] if finishing else buttons,
        files=files,
    )


def _done(job: Job, result: bytes | None) -> Status:
    report = job.dream_report
    files = with_result(job, result)
    lines = [f"✨ **{title(job)}** for <@{job.member_id}>{_origin(job)}"]
    if job.variants:
        lines.append("-# A number is a press away from its full dream.")
    elif report:
        made = f"{code(report.recipe, MAX_LENGTH)} · {_titles(report.model)}"
        lines.append(f"-# {made} · {report.width} × {report.height} · {format_duration(report.seconds)}")
    if report and report.note:
        lines.append(f"-# 🪞 {report.note}")
    return _message(*lines, buttons=dream_buttons(job), files=files)


def ping(job: Job) -> str:
    """What tells whoever asked for a job that it has ended."""
    ready = "your dream is ready." if job.state is State.DONE else "your dream did not work out."
    return f"🔔 <@{job.member_id}> {ready}"


def with_result(job: Job, result: bytes | None) -> list[discord.File]:
    """A finished dream as a file to send; nothing where it is not kept."""
    if result is None:
        return []
    return [_file(result, job.filename or "dream.png", _alt(job), spoiler=job.spoiler)]


def title(job: Job) -> str:
    """What a job is called: after its preset, if it was asked for by one."""
    match job.kind:
        case Kind.SHEET:
            return f"{len(job.variants or ())} dreams to choose from"
        case Kind.SIDES:
            return "Before and after"
        case Kind.WIPE:
            return "From before to after"
        case _:
            return preset_title(job.preset) if job.preset else "Dreamt"


def _alt(job: Job) -> str:
    """The description of a result for those who cannot see it."""
    report = job.dream_report
    if job.variants:
        return "Numbered dreams of one picture: " + ", ".join(
            f"{number} {one['label']}" for number, one in enumerate(job.variants, 1)
        )
    if job.kind.is_comparison:
        return "A picture before and after it was dreamt on."
    return f"A dream of {' and '.join(map(_thing, report.layers)) if report else job.recipe}."


def _origin(job: Job) -> str:
    """What a dream grew from, with a link to it if it stands in the same channel."""
    if job.action is None and (job.parent or job.author_id in (None, job.member_id)):
        action = "from" if job.parent else ""
    else:
        action = ACTIONS.get(job.action or "", "from")
    if not action:
        return ""
    what = "this dream" if job.parent else "this picture"
    if job.origin_message_id and job.origin_channel_id == job.channel_id:
        what = f"[{what}](<{message_url(job.guild_id, job.channel_id, job.origin_message_id)}>)"
    else:
        what = what.replace("this", "a")
    by = "" if job.parent or job.author_id is None else f" by <@{job.author_id}>"
    return f" · {action} {what}{by}"


def when(ready_at: datetime | None, now: datetime) -> str:
    """When a dream is likely to be ready; empty where that is not known, or past."""
    return "" if ready_at is None or ready_at <= now else f"ready {countdown(ready_at, now)}"


def part(job: Job, progress: Progress) -> str:
    """Which part of the work is being done: a video's frame, or one of a picture's passes."""
    if job.variants:
        return f"picture {progress.octave} of {progress.octaves}"
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


def _parsed(recipe: str) -> Recipe | None:
    """A job's recipe, or None where another version of the bot wrote what this one cannot read."""
    try:
        return Recipe.parse(recipe)
    except RecipeError:
        return None


def named(recipe: str, preset: str | None, longest: int = MAX_LENGTH) -> str:
    """A recipe as it is shown: after the title of the preset that it was asked for by."""
    shown = code(recipe, longest)
    return f"**{preset_title(preset)}** · {shown}" if preset else shown


def described(job: Job, longest: int = MAX_LENGTH) -> str:
    """What a job is to become, in a line."""
    return (
        f"**{title(job)}**"
        if job.variants or job.kind.is_comparison
        else named(job.recipe, job.preset, longest)
    )


def bar(share: float) -> str:
    """Draw a progress bar; `share` is in [0, 1]."""
    full = round(min(max(share, 0), 1) * BAR)
    return "▰" * full + "▱" * (BAR - full)


def ordinal(number: int) -> str:
    """Write 1 as 1st, 2 as 2nd, 11 as 11th."""
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


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


def _small(job: Job) -> str:
    return f"-# {described(job)}{_for(job)}"


def _for(job: Job) -> str:
    """Name the asker where the message is no reply to the asking one."""
    return "" if job.asked_message_id else f" for <@{job.member_id}>"


def _after(words: str) -> str:
    return f" · {words}" if words else ""
