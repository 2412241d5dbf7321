"""The one message that a dream has, from its position in the queue to the dream itself."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import discord

from bot.durations import countdown, format_duration
from bot.language import ordinal, percent, speaking
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
from dream.suggestions import both
from dream.texts import Text, _, ngettext

BAR = 12
FAILED = Text("This dream could not be dreamt; please try again.")
PREVIEW = "preview.jpg"
ACTIONS = {
    "again": Text("again from {origin}"),
    "deeper": Text("deeper from {origin}"),
    "bigger": Text("bigger than {origin}"),
    "gentler": Text("gentler than {origin}"),
    "wilder": Text("wilder than {origin}"),
    "remix": Text("remixed from {origin}"),
    "vary": Text("variations of {origin}"),
    "choose": Text("chosen from {origin}"),
    "zoom": Text("a fall into {origin}"),
    "compare": Text("of {origin}"),
}
"""How the way from one dream to the next is told, by `Job.action`."""
FROM = Text("from {origin}")


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
    when: Text | str = "",
    progress: Progress | None = None,
    result: bytes | None = None,
    is_long: bool = False,
) -> Status:
    """How `job` looks to members now, in the language of its message.

    `position` is its position in the queue, 1 being the next; `when` says when it is likely to be ready;
    `progress` how far it is; `result` the finished dream's file. Whoever asked is offered to be pinged where
    the wait `is_long`.
    """
    with speaking(job.language):
        match job.state:
            case State.HELD:
                return _asking(job)
            case State.QUEUED:
                return _waiting(job, position, when, is_long)
            case State.DREAMING:
                return _dreaming(job, when, progress, is_long)
            case State.FAILED:
                return _message(f"🌧️ {job.reason or FAILED}")
            case State.CANCELLED:
                return _message(f"🌙 {job.reason or CANCELLED}")
            case State.DONE:
                return _done(job, result)


def _asking(job: Job) -> Status:
    """The question to whoever posted a picture, whether somebody else may dream on it."""
    picture = _("your picture")
    if job.origin_message_id:
        picture = f"[{picture}](<{message_url(job.guild_id, job.origin_channel_id, job.origin_message_id)}>)"
    until = discord.utils.format_dt(job.created_at + CONSENT_WITHIN, "R")
    question = _(
        "🙋 {author}, {member} would like to dream on {picture}. May they?",
        author=f"<@{job.author_id}>",
        member=f"<@{job.member_id}>",
        picture=picture,
    )
    ends = _("the question ends {time} · /privacy answers it for all", time=until)
    return _message(
        question,
        f"-# {described(job)} · {ends}",
        buttons=[Consent(job.id), Decline(job.id), Cancel(job.id)],
    )


def _waiting(job: Job, position: int | None, when: Text | str, is_long: bool) -> Status:
    if position == 1:
        where = _("next in line")
    else:
        where = _("{ordinal} in line", ordinal=ordinal(position)) if position else _("in line")
    return _message(
        f"💤 **{_('Waiting')}** · {where}{_after(when)}", _small(job), buttons=_waiting_buttons(job, is_long)
    )


def _waiting_buttons(job: Job, is_long: bool) -> list[discord.ui.Item[Any]]:
    return [Cancel(job.id), *([PingMe(job.id)] if is_long and not job.pings else [])]


def _dreaming(job: Job, when: Text | str, progress: Progress | None, is_long: bool) -> Status:
    buttons = _waiting_buttons(job, is_long)
    if progress is None:
        return _message(f"🌀 **{_('Dreaming')}**{_after(when)}", bar(0), _small(job), buttons=buttons)
    files = []
    if progress.preview:
        alt = _("The dream so far, {share} done.", share=percent(progress.done))
        name = PREVIEW.replace("jpg", "gif") if progress.preview.startswith(b"GIF") else PREVIEW
        files = [_file(progress.preview, name, alt, spoiler=job.spoiler)]
    finishing = progress.done >= 1
    return _message(
        f"🌀 **{_('Dreaming')}**{_after(_('finishing') if finishing else when)}",
        f"{bar(progress.done)} {percent(progress.done)}",
        f"{_small(job)}{_after(part(job, progress))}",
        buttons=[] if finishing else buttons,
        files=files,
    )


def _done(job: Job, result: bytes | None) -> Status:
    report = job.dream_report
    files = with_result(job, result)
    asker = _("for {member}", member=f"<@{job.member_id}>")
    lines = [f"✨ **{title(job)}** {asker}{_origin(job)}"]
    if job.variants:
        lines.append(_("-# A number is a press away from its full dream."))
    elif report:
        made = f"{code(report.recipe, MAX_LENGTH)} · {_titles(report.model)}"
        lines.append(f"-# {made} · {report.width} × {report.height} · {format_duration(report.seconds)}")
    if report and report.note:
        lines.append(f"-# 🪞 {report.note}")
    return _message(*lines, buttons=dream_buttons(job), files=files)


def ping(job: Job) -> str:
    """What tells whoever asked for a job that it has ended."""
    with speaking(job.language):
        is_done = job.state is State.DONE
        ready = _("your dream is ready.") if is_done else _("your dream did not work out.")
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
            shown = len(job.variants or ())
            return ngettext("{count} dream to choose from", "{count} dreams to choose from", shown)
        case Kind.SIDES:
            return _("Before and after")
        case Kind.WIPE:
            return _("From before to after")
        case Kind.BACK:
            return _("Back to the picture")
        case _:
            return preset_title(job.preset) if job.preset else _("Dreamt")


def _alt(job: Job) -> str:
    """The description of a result for those who cannot see it."""
    report = job.dream_report
    if job.variants:
        shown = ", ".join(f"{number} {one['label']}" for number, one in enumerate(job.variants, 1))
        return _("Numbered dreams of one picture: {shown}", shown=shown)
    if job.kind.is_comparison:
        return _("A picture before and after it was dreamt on.")
    things = both([_thing(layer) for layer in report.layers]) if report else job.recipe
    return _("A dream of {things}.", things=things)


def _origin(job: Job) -> str:
    """What a dream grew from, with a link to it if it stands in the same channel."""
    if job.action is None and not job.parent and job.author_id in (None, job.member_id):
        return ""
    if job.origin_message_id and job.origin_channel_id == job.channel_id:
        url = message_url(job.guild_id, job.channel_id, job.origin_message_id)
        origin = f"[{_('this dream') if job.parent else _('this picture')}](<{url}>)"
    else:
        origin = _("another dream") if job.parent else _("another picture")
    if not job.parent and job.author_id is not None:
        origin = _("{picture} by {member}", picture=origin, member=f"<@{job.author_id}>")
    return f" · {_(ACTIONS.get(job.action or '', FROM).message, origin=origin)}"


def when(ready_at: datetime | None, now: datetime) -> Text | str:
    """When a dream is likely to be ready; empty where that is not known, or past."""
    return "" if ready_at is None or ready_at <= now else Text("ready {when}", when=countdown(ready_at, now))


def part(job: Job, progress: Progress) -> str:
    """Which part of the work is being done: a video's frame, or one of a picture's passes."""
    if job.variants:
        return _("picture {number} of {count}", number=progress.octave, count=progress.octaves)
    passes = progress.octaves
    if job.kind is Kind.ZOOM and (recipe := _parsed(job.recipe)) and not recipe.is_video:
        return _("frame {number} of {count}", number=progress.step, count=progress.steps)
    if job.kind is Kind.ZOOM and (recipe := _parsed(job.recipe)) and recipe.settled().zoom != 1:
        passes -= 1  # a zoom's frames, which follow its passes, count as one more octave
        if progress.octave > passes:
            total = frames(recipe)
            frame = max(total - (progress.steps - progress.step), 1)
            return _("frame {number} of {count}", number=frame, count=total)
    if passes <= 1:
        return ""
    return _("pass {number} of {count}", number=progress.octave, count=passes)


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
    return f"-# {described(job)}{_for(job)}{_origin(job)}"


def _for(job: Job) -> str:
    """Name the asker where the message is no reply to the asking one."""
    asker = _("for {member}", member=f"<@{job.member_id}>")
    return "" if job.asked_message_id else f" {asker}"


def _after(words: Text | str) -> str:
    return f" · {words}" if words else ""
