"""The daily dream's commands, for those who manage a server; `daily forget` is everybody's."""

from __future__ import annotations

import difflib
import random
import re
from typing import TYPE_CHECKING, Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.checks import manager_only
from bot.commands.dreaming import MOST_CHOICES, recipe_choices
from bot.daily.service import PostError
from bot.daily.slots import Schedule as Slots
from bot.daily.slots import ScheduleError, format_days, nearest_zones
from bot.daily.sources import names_in, readable
from bot.errors import Refused
from bot.store.daily import DailyRow, PostState
from bot.ui import daily as ui

if TYPE_CHECKING:
    from bot.client import DreamBot

    Context = commands.Context[DreamBot]

KINDS = {
    "samples": "the photographs that come with me",
    "sky": "skies that I make up",
    "folder": "the operator's pictures",
}
EXAMPLE = "daily on #dreams 09:00 Europe/Berlin"
HISTORY = 10


class PostChannel(commands.Converter[discord.TextChannel], app_commands.Transformer):
    """A text channel of this server: a choice in slash commands, a mention, name or id in text."""

    @property
    def type(self) -> discord.AppCommandOptionType:
        """A channel, chosen from Discord's list."""
        return discord.AppCommandOptionType.channel

    @property
    def channel_types(self) -> list[discord.ChannelType]:
        """Only those that hold messages."""
        return [discord.ChannelType.text, discord.ChannelType.news]

    async def convert(self, context: commands.Context[Any], argument: str) -> discord.TextChannel:
        """Find the channel that somebody typed. Raises Refused with the nearest one."""
        assert context.guild is not None
        return find_channel(context.bot, context.guild, argument)

    async def transform(self, interaction: discord.Interaction[Any], value: Any, /) -> discord.TextChannel:
        """Take the channel that somebody chose. Raises Refused."""
        assert interaction.guild is not None
        return find_channel(interaction.client, interaction.guild, str(value.id))


def find_channel(bot: DreamBot, guild: discord.Guild, typed: str) -> discord.TextChannel:
    """The text channel of a server that is meant. Raises Refused with the nearest one."""
    number = re.fullmatch(r"<#(\d+)>|(\d{15,20})", typed)
    name = typed.removeprefix("#").lower()
    found: Any
    if number:
        found = bot.get_channel(int(number[1] or number[2]))
    else:
        # Text channels come first, should a voice channel have the same name.
        channels = [*guild.text_channels, *guild.channels]
        found = next((channel for channel in channels if channel.name.lower() == name), None)
    if isinstance(found, discord.TextChannel) and found.guild == guild:
        return found
    names = {channel.name: channel for channel in guild.text_channels}
    near = difflib.get_close_matches(getattr(found, "name", name), names, n=1, cutoff=0.4)
    best = names[near[0]] if near else next(iter(guild.text_channels), None)
    hint = f"try {best.mention}" if best else "make one first"
    if found is None:
        raise Refused(f"I see no channel `{typed[:50]}` on this server; {hint}, as in `{EXAMPLE}`.")
    if getattr(found, "guild", None) != guild:
        raise Refused(f"That channel is not on this server; {hint}.")
    raise Refused(f"{found.mention} is no text channel; {hint}.")


class Daily(commands.Cog, name="Daily dream"):
    """A picture, dreamt, every day."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot
        self.service = bot.daily

    async def cog_load(self) -> None:
        """Hand the bot over to the service, and make the buttons of earlier posts work."""
        self.service.attach(self.bot)
        self.bot.add_dynamic_items(*ui.BUTTONS)

    async def cog_before_invoke(self, context: commands.Context[Any]) -> None:
        """Acknowledge a slash command within Discord's three seconds; its answer is for the asker alone."""
        if context.interaction:
            await context.defer(ephemeral=True)

    @commands.hybrid_group(fallback="status", invoke_without_command=True)
    @commands.guild_only()
    @manager_only()
    async def daily(self, context: commands.Context[DreamBot]) -> None:
        """How the daily dream of this server stands."""
        self._check_word(context, self.daily)
        assert context.guild is not None
        wishes = await self.service.wishes(context.guild.id)
        store = self.service.store
        history = await store.history(context.guild.id, 1)
        embed = ui.standing(
            wishes,
            upcoming=await self.service.upcoming(wishes),
            prepared=await store.next_post(context.guild.id),
            last=history[0] if history else None,
            trouble=await self.service.trouble(context.guild, wishes),
            example=f"{self.bot.prefix_in(context)}{EXAMPLE}",
        )
        embed.add_field(
            name="Made from",
            value=await self._sources(context.guild, wishes, self.bot.prefix_in(context)),
            inline=False,
        )
        await self._answer(context, embed=embed)

    @daily.command(usage="#channel 09:00 Europe/Berlin [days]")
    @manager_only()
    @app_commands.describe(
        channel="Where the dream is posted",
        times="The time of day, or several: 09:00,21:00",
        zone="The time zone, such as Europe/Berlin",
        days="The days of the week, such as mon-fri; every day if left out",
    )
    async def on(
        self,
        context: commands.Context[DreamBot],
        channel: PostChannel,
        times: str = "09:00",
        zone: str = "UTC",
        *,
        days: str = "",
    ) -> None:
        """Post a dream here every day, or change where and when."""
        assert context.guild is not None
        target: discord.TextChannel = channel  # type: ignore[assignment]
        try:
            slots = Slots.read(f"{times} {zone} {days}")
        except ScheduleError as error:
            raise Refused(str(error)) from None
        wishes = await self.service.wishes(context.guild.id)
        wishes.channel_id = target.id
        try:
            self.service.channel(context.guild, wishes)
        except PostError as error:
            raise Refused(str(error)) from None
        wishes = await self.service.change(
            context.guild.id,
            by=context.author.id,
            enabled=True,
            channel_id=target.id,
            times=",".join(f"{time:%H:%M}" for time in slots.times),
            zone=slots.zone,
            days=format_days(slots.days),
            admin_id=context.author.id,
        )
        text = f"🌅 A dream will be posted in {target.mention} at {slots}."
        if upcoming := await self.service.upcoming(wishes):
            moment = f"{discord.utils.format_dt(upcoming, 'F')}, {discord.utils.format_dt(upcoming, 'R')}"
            text += f" The next one comes {moment}."
        await self._answer(context, text)

    @on.autocomplete("zone")
    async def zones(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer time zones."""
        return [app_commands.Choice(name=zone, value=zone) for zone in nearest_zones(typed)]

    @daily.command()
    @manager_only()
    async def off(self, context: commands.Context[DreamBot]) -> None:
        """Post no more daily dreams here; the settings are kept."""
        assert context.guild is not None
        if not (await self.service.wishes(context.guild.id)).enabled:
            raise Refused(
                f"The daily dream is off already; `{self.bot.prefix_in(context)}{EXAMPLE}` turns it on."
            )
        await self.service.change(context.guild.id, by=context.author.id, enabled=False)
        await self._answer(context, "The daily dream is off. What you chose is kept for when it is on again.")

    @daily.command()
    @manager_only()
    async def now(self, context: commands.Context[DreamBot]) -> None:
        """Post one in between, now."""
        assert context.guild is not None
        try:
            channel = self.service.channel(context.guild, await self._started(context))
            await self._answer(
                context, f"I am dreaming it; it will be in {channel.mention} when it is ready."
            )
            post = await self.service.now(context.guild, str(context.message.id))
        except PostError as error:
            raise Refused(str(error)) from None
        if post.state == PostState.FAILED:
            raise Refused(post.reason or "That dream failed; please try again.")

    @daily.command()
    @manager_only()
    async def preview(self, context: commands.Context[DreamBot]) -> None:
        """See what the next one could be like; only you see it."""
        assert context.guild is not None
        if not context.interaction:
            await self._answer(context, "I am dreaming it; you get it as a direct message.")
        try:
            shown = await self.service.preview(context.guild)
        except PostError as error:
            raise Refused(str(error)) from None
        if context.interaction:
            await context.send(**shown, ephemeral=True)
            return
        try:
            await context.author.send(**shown)
        except discord.Forbidden:
            raise Refused("I may not write to you; allow it, or use `/daily preview`.") from None

    @daily.command(usage="[walk or a recipe]")
    @manager_only()
    @app_commands.describe(recipe="A preset or recipe; “walk” wanders over the presets, led by your votes")
    async def recipe(self, context: commands.Context[DreamBot], *, recipe: str) -> None:
        """What is dreamt: one recipe, or a walk over the presets that your votes lead."""
        assert context.guild is not None
        wanted = None if recipe.strip().lower() == "walk" else recipe.strip()
        await self.service.choose_recipe(context.guild.id, wanted, by=context.author.id)
        await self._answer(
            context,
            f"The daily dream is made with `{wanted}`."
            if wanted
            else "The daily dream walks over the presets.",
        )

    @recipe.autocomplete("recipe")
    async def recipes(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the walk, and what `dream` offers."""
        walk = app_commands.Choice(name="walk · over the presets, led by your votes", value="walk")
        choices = await recipe_choices(self.bot, interaction.guild_id, typed)
        return [walk, *choices][:MOST_CHOICES] if typed.lower() in "walk" else choices

    @daily.command(usage="on|off")
    @manager_only()
    @app_commands.describe(switch="Whether each post gets a thread to talk in")
    async def thread(self, context: commands.Context[DreamBot], switch: Literal["on", "off"]) -> None:
        """Open a thread under each post, or don't."""
        assert context.guild is not None
        wishes = await self.service.change(context.guild.id, by=context.author.id, thread=switch == "on")
        channel = context.guild.get_channel(wishes.channel_id or 0)
        text = f"Threads under the daily dream are {switch}."
        if wishes.thread and channel and not channel.permissions_for(context.guild.me).create_public_threads:
            text += f" I need the permission Create Public Threads in {channel.mention} for it."
        await self._answer(context, text)

    @daily.group(fallback="show", invoke_without_command=True)
    @manager_only()
    async def source(self, context: commands.Context[DreamBot]) -> None:
        """What pictures are dreamt of."""
        self._check_word(context, self.source)
        assert context.guild is not None
        wishes = await self.service.wishes(context.guild.id)
        await self._answer(context, await self._sources(context.guild, wishes, self.bot.prefix_in(context)))

    @source.command(name="add", usage="#channel|samples|sky|folder")
    @manager_only()
    @app_commands.describe(what="A channel whose members' pictures may be dreamt, or samples, sky, folder")
    async def source_add(self, context: commands.Context[DreamBot], *, what: str) -> None:
        """Dream of the pictures in a channel too, or of samples, skies, the operator's folder."""
        assert context.guild is not None
        wishes = await self.service.wishes(context.guild.id)
        if (kind := what.strip().lower()) in KINDS:
            if kind == "folder" and self.bot.config.daily.folder is None:
                raise Refused(
                    "The operator of this bot offers no folder of pictures; try `samples` or `sky`."
                )
            wishes = await self._change_kinds(context, wishes, [*wishes.kinds, kind])
        else:
            channel = find_channel(self.bot, context.guild, what.strip())
            if channel.is_nsfw():
                raise Refused(f"{channel.mention} is age-restricted, so I take no pictures from it.")
            if not readable(channel):
                raise Refused(f"I need View Channel and Read Message History in {channel.mention}.")
            channels = list(dict.fromkeys([*wishes.channels, channel.id]))
            wishes = await self.service.change(context.guild.id, by=context.author.id, channels=channels)
        await self._answer(context, await self._sources(context.guild, wishes, self.bot.prefix_in(context)))

    @source.command(name="remove", usage="#channel|samples|sky|folder")
    @manager_only()
    @app_commands.describe(what="A channel, or samples, sky, folder")
    async def source_remove(self, context: commands.Context[DreamBot], *, what: str) -> None:
        """Dream no more of the pictures in a channel, or of samples, skies, the operator's folder."""
        assert context.guild is not None
        wishes = await self.service.wishes(context.guild.id)
        if (kind := what.strip().lower()) in KINDS:
            wishes = await self._change_kinds(context, wishes, [one for one in wishes.kinds if one != kind])
        else:
            number = re.fullmatch(r"<#(\d+)>|(\d{15,20})", what.strip())
            id = int(number[1] or number[2]) if number else find_channel(self.bot, context.guild, what).id
            channels = [one for one in wishes.channels if one != id]
            wishes = await self.service.change(context.guild.id, by=context.author.id, channels=channels)
        await self._answer(context, await self._sources(context.guild, wishes, self.bot.prefix_in(context)))

    @source.command(name="days", usage="14")
    @manager_only()
    @app_commands.describe(days="Members' pictures from this many last days may be dreamt")
    async def source_days(
        self, context: commands.Context[DreamBot], days: commands.Range[int, 1, 90]
    ) -> None:
        """How many days back members' pictures are taken from."""
        assert context.guild is not None
        wishes = await self.service.change(context.guild.id, by=context.author.id, recent_days=days)
        await self._answer(context, await self._sources(context.guild, wishes, self.bot.prefix_in(context)))

    @source_add.autocomplete("what")
    @source_remove.autocomplete("what")
    async def offers(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the kinds of source and the server's channels."""
        offers = {kind: f"{kind}: {meaning}" for kind, meaning in KINDS.items()}
        if interaction.guild:
            offers |= {f"<#{channel.id}>": f"#{channel.name}" for channel in interaction.guild.text_channels}
        wanted = typed.lower().removeprefix("#")
        found = [(value, text) for value, text in offers.items() if wanted in text.lower()]
        return [app_commands.Choice(name=text[:100], value=value) for value, text in found[:25]]

    @daily.command()
    @manager_only()
    async def history(self, context: commands.Context[DreamBot]) -> None:
        """The last dreams, and how they were liked."""
        assert context.guild is not None
        posts = await self.service.store.history(context.guild.id, HISTORY)
        if not posts:
            prefix = self.bot.prefix_in(context)
            raise Refused(f"There was no daily dream here yet; `{prefix}{EXAMPLE}` turns it on.")
        embed = discord.Embed(title="The last daily dreams", colour=ui.COLOUR)
        embed.description = "\n".join(ui.line(post) for post in posts)
        await self._answer(context, embed=embed)

    @daily.command(usage="[undo]")
    @app_commands.describe(what="“undo” allows it again")
    async def forget(self, context: commands.Context[DreamBot], what: Literal["me", "undo"] = "me") -> None:
        """Never use my pictures for the daily dream, on any server."""
        if what == "undo":
            allowed = await self.service.remember(context.author.id)
            text = (
                "Your pictures may be dreamt of again."
                if allowed
                else "Your pictures may be dreamt of anyway."
            )
        else:
            await self.service.forget_member(context.author.id)
            text = (
                "Your pictures will not be used for the daily dream any more, on any server. "
                f"`{self.bot.prefix_in(context)}daily forget undo` takes that back."
            )
        await self._answer(context, text)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Dream of no picture that its author took away."""
        await self.service.source_deleted([event.message_id])

    @commands.Cog.listener()
    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """The same for a picture that its author took out of a message, or hid."""
        if event.message.edited_at is not None:
            await self.service.source_deleted([event.message_id], names_in(event.message))

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """The same for what happened while the bot was not connected."""
        await self.service.look_again()

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """The same for many."""
        await self.service.source_deleted(event.message_ids)

    def _check_word(
        self, context: commands.Context[DreamBot], group: commands.HybridGroup[Any, ..., Any]
    ) -> None:
        """Refuse a word that is none of a group's commands. Raises Refused."""
        context.view.skip_ws()
        word = "" if context.interaction else context.view.get_word()
        if word in ("", group.fallback):
            return
        p = self.bot.prefix_in(context)
        near = difflib.get_close_matches(word.lower(), group.all_commands, n=1, cutoff=0.5)
        hint = (
            f"did you mean `{p}{group.qualified_name} {near[0]}`?"
            if near
            else f"`{p}help {group.qualified_name}` shows what there is."
        )
        raise Refused(f"I don't know `{p}{group.qualified_name} {word[:40]}`; {hint}")

    async def _answer(
        self, context: commands.Context[DreamBot], text: str | None = None, **parts: Any
    ) -> None:
        await context.reply(text, mention_author=False, ephemeral=True, **parts)

    async def _started(self, context: commands.Context[DreamBot]) -> DailyRow:
        assert context.guild is not None
        wishes = await self.service.wishes(context.guild.id)
        if wishes.channel_id is None:
            raise Refused(
                f"Choose a channel for the daily dream first: `{self.bot.prefix_in(context)}{EXAMPLE}`."
            )
        return wishes

    async def _change_kinds(
        self, context: commands.Context[DreamBot], wishes: DailyRow, kinds: list[str]
    ) -> DailyRow:
        ordered = [kind for kind in KINDS if kind in kinds]
        return await self.service.change(wishes.guild_id, by=context.author.id, kinds=ordered)

    async def _sources(self, guild: discord.Guild, wishes: DailyRow, prefix: str) -> str:
        found = await self.service.candidates(guild, wishes, random.Random())
        lines = [f"• **{kind}**: {KINDS[kind]}" for kind in KINDS if kind in wishes.kinds]
        if wishes.channels:
            channels = ", ".join(f"<#{id}>" for id in wishes.channels)
            count = len(found.get("members", ()))
            lines.append(
                f"• **members' pictures** of the last {wishes.recent_days} days in {channels}: {count} now"
                + ("" if count else "; until somebody posts one, I take the others")
            )
        else:
            lines.append(f"Members' pictures are not used; `{prefix}daily source add #channel` allows them.")
        if not wishes.kinds and not found:
            lines.append("There is nothing else to dream of, so I make up skies.")
        return "\n".join(lines)


async def setup(bot: DreamBot) -> None:
    """Add the cog."""
    await bot.add_cog(Daily(bot))
