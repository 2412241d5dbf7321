"""Settings, changes and the audit log as Discord messages and embeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import discord

from bot.client import DreamBot
from bot.moderation import FOR_GOOD
from bot.settings.rows import Change
from bot.settings.scopes import Effective, Scope
from bot.settings.text import format_value, parse_value
from bot.settings.values import GROUPS, SETTINGS, SettingError, title
from bot.store.settings import AuditRow
from bot.ui.daily_status import warnings
from bot.ui.hall_post import hall_warnings
from dream.texts import Text, _

MARKS: Final = {Scope.BUILT_IN: "▫️", Scope.OPERATOR: "🛠️", Scope.SERVER: "🏠", Scope.CHANNEL: "📌"}
SCOPES: Final = {
    Scope.BUILT_IN: Text("built in"),
    Scope.OPERATOR: Text("operator"),
    Scope.SERVER: Text("server"),
    Scope.CHANNEL: Text("channel"),
}
DEEDS: Final = {
    "set": Text("set"),
    "reset": Text("reset"),
    "import": Text("import"),
    "save preset": Text("save preset"),
    "delete preset": Text("delete preset"),
    "block": Text("block"),
    "unblock": Text("unblock"),
    "remove": Text("remove"),
    "forget": Text("forget"),
}
"""How the log names what was done."""
LOG_LINES: Final = 15
LONGEST: Final = 1900
"""Characters of a list of changes, at most; a message has 2000."""


def legend() -> str:
    """What the marks mean."""
    return " · ".join(f"{mark} {SCOPES[scope]}" for scope, mark in MARKS.items())


def overview_embed(here: Effective, where: str) -> discord.Embed:
    """All settings with their values and scopes."""
    lines = [
        line
        for group, names in GROUPS.items()
        for line in (f"__{_(group)}__", *(_line(here, name, f" ({name})") for name in names))
    ]
    embed = discord.Embed(title=_("Settings of {where}", where=where), description="\n".join(lines)[:4000])
    return embed.set_footer(text=legend())


def format_settings(here: Effective, names: Iterable[str]) -> str:
    """The values and scopes of some settings, one per line."""
    return "\n".join(_line(here, name) for name in names)[:4000]


def format_changes(changes: Sequence[Change], longest: int = LONGEST) -> str:
    """Describe changes in at most `longest` characters."""
    text = ""
    for number, (channel_id, name, before, after) in enumerate(changes):
        where = _(" in <#{channel_id}>", channel_id=channel_id) if channel_id > 0 else ""
        line = f"✅ **{title(name)}**{where}: {_value(name, before)} → {_value(name, after)}\n"
        if len(text) + len(line) > longest:
            return text + _("…and {count} more", count=len(changes) - number)
        text += line
    return text or _("✅ That is how it was already.")


async def report_changes(
    bot: DreamBot,
    guild: discord.Guild,
    asker: discord.abc.User,
    changes: Sequence[Change],
    longest: int = LONGEST,
) -> str:
    """Describe changes, and what keeps one from doing what it says, in at most `longest` characters."""
    changed = {change.name for change in changes}
    of_hall = hall_warnings(guild, await bot.settings.effective(guild.id), changed)
    warned = "\n".join(filter(None, [await warnings(bot, guild, asker, changed), *of_hall]))
    told = format_changes(changes, longest - len(warned) - 1).rstrip()
    return f"{told}\n{warned}".strip()[:longest]


def log_embed(entries: Sequence[AuditRow]) -> discord.Embed:
    """The audit log as an embed."""
    text = "\n".join(_entry(entry) for entry in entries)[:4000]
    return discord.Embed(title=_("Latest changes"), description=text or _("Nothing has been changed yet."))


def _line(here: Effective, name: str, also: str = "") -> str:
    return f"{MARKS[here.origins[name]]} **{title(name)}**{also} {format_value(name, getattr(here, name))}"


def _entry(entry: AuditRow) -> str:
    who = f"<@{entry.actor}>" if entry.actor.isdecimal() else _("somebody forgotten")
    where = _(" in <#{channel_id}>", channel_id=entry.channel_id) if entry.channel_id else ""
    subject = f"<@{entry.subject}>" if "block" in entry.action else f"**{title(entry.subject)}**"
    line = (
        f"<t:{entry.at.timestamp():.0f}:f> {who} · {DEEDS.get(entry.action, entry.action)} {subject}{where}"
    )
    if entry.subject in SETTINGS or entry.before or entry.after:
        line += f": {_value(entry.subject, entry.before)} → {_value(entry.subject, entry.after)}"
    return line


def _value(name: str, value: Any) -> str:
    """Format a stored value of an audit entry, of a setting or anything else."""
    if value is None:
        return _("not set")
    try:
        return format_value(name, parse_value(name, value))
    except SettingError:  # a preset's recipe, or a value that an earlier version knew
        parts = value if isinstance(value, list) else [value]
        return ", ".join(
            part if str(part).startswith("<") else f"`{FOR_GOOD if part == FOR_GOOD.message else part}`"
            for part in parts
        ) or _("none")
