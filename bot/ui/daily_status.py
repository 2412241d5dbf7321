"""What admins see of the daily dream: its status, sources and history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import discord

from bot.client import DreamBot
from bot.settings.values import DailyDream
from bot.store.daily import DailyRow, PostRow, PostState
from bot.ui.daily_post import source_of
from bot.ui.errors import code
from bot.ui.links import message_url
from bot.visibility import can_see, is_no_less_public, may_be_source
from dream.texts import Text, _, ngettext

COLOUR: Final = discord.Colour(0x7B4FD1)
SOURCES: Final = {
    "samples": Text("the photographs that come with me"),
    "sky": Text("skies that I make up"),
    "folder": Text("the operator's pictures"),
}

STATES: Final = {
    PostState.PLANNED: Text("planned"),
    PostState.POSTING: Text("posting"),
    PostState.POSTED: Text("posted"),
    PostState.MISSED: Text("missed"),
    PostState.FAILED: Text("failed"),
    PostState.REMOVED: Text("removed"),
}


def status(
    settings: DailyDream,
    state: DailyRow | None,
    *,
    next_due: datetime | None,
    prepared: PostRow | None,
    last: PostRow | None,
    obstacle: str | None,
    sources: str,
    example: str,
) -> discord.Embed:
    """The status of a server's daily dream.

    `prepared` is the next post if it is planned, `last` the latest closed one, `obstacle` a sentence on what
    prevents posting, `example` the command that turns it on.
    """
    embed = discord.Embed(title=_("The daily dream"), colour=COLOUR)
    if state and state.paused:
        embed.description = ngettext(
            "⏸️ **Paused** after {count} failure. {reason} `{example}` resumes it.",
            "⏸️ **Paused** after {count} failures. {reason} `{example}` resumes it.",
            state.failures,
            reason=state.reason,
            example=example,
        )
    elif not settings.daily_enabled:
        embed.description = _("It is **off**. `{example}` turns it on.", example=example)
    else:
        embed.description = _(
            "It is **on**: {schedule}, in <#{daily_channel}>.",
            schedule=settings.daily_schedule,
            daily_channel=settings.daily_channel,
        )
        if obstacle:
            embed.add_field(name=_("⚠️ In the way"), value=obstacle, inline=False)
    if next_due:
        embed.add_field(name=_("Next"), value=format_moment(next_due), inline=False)
    if prepared and prepared.job_id:
        will_be = f"{source_of(prepared)}, {code(prepared.recipe or '', 200)}"
        embed.add_field(name=_("It will be"), value=will_be, inline=False)
    made = (
        code(settings.daily_recipe, 200)
        if settings.daily_recipe
        else _("a walk over the presets, led by your votes")
    )
    embed.add_field(name=_("Dreamt with"), value=made, inline=False)
    embed.add_field(
        name=_("Last"), value=history_line(last) if last else _("There was none yet."), inline=False
    )
    embed.add_field(name=_("Made from"), value=sources, inline=False)
    return embed


def history(posts: list[PostRow]) -> discord.Embed:
    """The latest posts as an embed."""
    return discord.Embed(
        title=_("The last daily dreams"), colour=COLOUR, description="\n".join(map(history_line, posts))
    )


def history_line(post: PostRow) -> str:
    """One post in a list: its date, source, recipe and votes, or why it failed."""
    when = discord.utils.format_dt(post.due_at, "d")
    if post.state != PostState.POSTED:
        return f"{when} · {STATES[PostState(post.state)]}" + (f": {post.reason}" if post.reason else "")
    link = message_url(post.guild_id, post.channel_id, post.message_id)
    votes = (
        ngettext("{votes} vote", "{votes} votes", abs(post.votes), votes=f"{post.votes:+}")
        if post.votes
        else _("no votes")
    )
    return f"{when} · [{source_of(post)}]({link}) · {code(post.preset or post.recipe or '')} · {votes}"


def sources_text(
    settings: DailyDream, guild: discord.Guild, asker: discord.abc.User, pictures: int, prefix: str
) -> str:
    """Describe a server's sources; `pictures` is how many members' pictures there are now.

    Source channels that the asker cannot see are counted, not named.
    """
    lines = [f"• **{source}**: {SOURCES[source]}" for source in SOURCES if source in settings.daily_sources]
    if not settings.daily_source_channels:
        lines.append(
            _(
                "Members' pictures are not used; `{prefix}daily source add #channel` allows them.",
                prefix=prefix,
            )
        )
        if not settings.daily_sources:
            lines.append(_("There is nothing else to dream of, so I make up skies."))
        return "\n".join(lines)
    channels = [guild.get_channel(id) for id in settings.daily_source_channels]
    seen = [channel for channel in channels if channel and can_see(asker, channel)]
    names = [channel.mention for channel in seen]
    if hidden := len(channels) - len(seen):
        names.append(
            ngettext("{count} channel that you can't see", "{count} channels that you can't see", hidden)
        )
    now = (
        _("{count} now", count=pictures)
        if pictures
        else _("0 now; until somebody posts one, I take the others")
    )
    lines.append(
        ngettext(
            "• **members' pictures** of the last {count} day in {names}: {now}",
            "• **members' pictures** of the last {count} days in {names}: {now}",
            settings.daily_source_days,
            names=", ".join(names),
            now=now,
        )
    )
    target = guild.get_channel(settings.daily_channel)
    lines += [
        _("• nothing from {channel}: {why}", channel=channel.mention, why=why)
        for channel in seen
        if (why := why_no_source(channel, target))
    ]
    return "\n".join(lines)


async def warnings(
    bot: DreamBot, guild: discord.Guild, asker: discord.abc.User, changed: Iterable[str]
) -> str:
    """What keeps changed settings of the daily dream from doing what they say, a line each; "" if nothing.

    `daily on` and `daily source add` refuse these; the other ways to change a setting accept and warn.
    """
    changed = set(changed)
    settings = await bot.settings.effective(guild.id)
    target = guild.get_channel(settings.daily_channel)
    found: list[Text | str | None] = []
    if settings.daily_enabled and changed & {"daily_enabled", "daily_channel"}:
        found.append(await bot.daily.obstacle(guild.id))
    if changed & {"daily_source_channels", "daily_channel"}:
        sources = [one for id in settings.daily_source_channels if (one := guild.get_channel(id))]
        found += [
            _("I take no pictures from {channel}: {why}.", channel=channel.mention, why=why)
            for channel in sources
            if can_see(asker, channel) and (why := why_no_source(channel, target))
        ]
    return "\n".join(f"⚠️ {one}" for one in found if one)


def why_no_source(source: discord.abc.GuildChannel, target: discord.abc.GuildChannel | None) -> str | None:
    """Explain why pictures of `source` are not dreamt in `target`; None if they are."""
    if isinstance(source, discord.TextChannel) and source.is_nsfw():
        return _("it is age-restricted")
    if not may_be_source(source):
        return _("I need View Channel and Read Message History there")
    return None if is_no_less_public(source, target) else why_less_public(source, target)


def why_less_public(source: discord.abc.GuildChannel, target: discord.abc.GuildChannel | None) -> str:
    """Explain why pictures of `source` may not be shown in `target`."""
    if target is None:
        return _("not everybody on this server can see {hidden}", hidden=source.mention)
    return _("not everybody who sees {seen} can see {hidden}", seen=target.mention, hidden=source.mention)


def format_moment(at: datetime) -> str:
    """A time as a date and relative to now, as Discord's timestamps."""
    return f"{discord.utils.format_dt(at, 'F')} ({discord.utils.format_dt(at, 'R')})"
