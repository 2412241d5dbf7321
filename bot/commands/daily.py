"""The daily dream's commands, for those who manage a server; `daily forget` is everybody's."""

from __future__ import annotations

from typing import Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.checks import is_manager, manager_only
from bot.client import DreamBot
from bot.commands.channels import VisibleTextChannel
from bot.commands.dreaming import MOST_CHOICES, recipe_choices
from bot.errors import Refused
from bot.schedule import Schedule, ScheduleError, matching_zones
from bot.settings.values import DailyDream
from bot.store.daily import PostState
from bot.ui import daily_status as ui
from bot.ui.channels import find_text_channel, parse_id
from bot.ui.daily_post import post_message
from bot.ui.errors import code
from bot.visibility import is_no_less_public, may_be_source, visible_channels
from dream.suggestions import did_you_mean
from dream.texts import Text, _, text_of


class Context(commands.Context[DreamBot]):
    """The context of a command that is used on a server."""

    guild: discord.Guild


EXAMPLE = "daily on #dreams 09:00 Europe/Berlin"
HISTORY = 10


class DailyCommands(commands.Cog, name="Daily dream"):
    """A picture, dreamt, every day."""

    def __init__(self, bot: DreamBot) -> None:
        self.bot = bot
        self.service = bot.daily

    async def cog_before_invoke(self, context: commands.Context[Any]) -> None:
        """Acknowledge a slash command within Discord's three seconds; its answer is for the asker alone."""
        if context.interaction:
            await context.defer(ephemeral=True)

    @commands.hybrid_group(fallback="status", invoke_without_command=True)
    @commands.guild_only()
    @manager_only()
    async def daily(self, context: Context) -> None:
        """How the daily dream of this server stands."""
        self._check_word(context, self.daily)
        settings = await self.bot.settings.effective(context.guild.id)
        posts = await self.service.posts.history(context.guild.id, 1)
        embed = ui.status(
            settings,
            await self.service.states.get(context.guild.id),
            next_due=await self.service.next_due(context.guild.id),
            prepared=await self.service.posts.next_open(context.guild.id),
            last=posts[0] if posts else None,
            obstacle=await self.service.obstacle(context.guild.id),
            sources=await self._sources(context, settings),
            example=self._example(context, settings),
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
        context: Context,
        channel: VisibleTextChannel = None,  # type: ignore[assignment]
        times: str = "",
        zone: str = "",
        *,
        days: str = "",
    ) -> None:
        """Post a dream here every day, or change where and when."""
        assert context.command
        settings = await self.bot.settings.effective(context.guild.id)
        target: discord.TextChannel | None = channel  # type: ignore[assignment]
        channel_id = target.id if target else settings.daily_channel  # alone it means as it was before
        if not channel_id:
            raise commands.MissingRequiredArgument(context.command.clean_params["channel"])
        schedule = settings.daily_schedule
        if target or times or zone or days:
            try:
                schedule = Schedule.parse(f"{times or '09:00'} {zone or 'UTC'} {days}")
            except ScheduleError as error:
                raise Refused(text_of(error)) from None
        self.service.check_channel(context.guild.id, channel_id)
        await self.service.turn_on(
            context.guild.id,
            by=context.author.id,
            daily_channel=channel_id,
            daily_times=schedule.times,
            daily_zone=schedule.zone,
            daily_days=schedule.days,
        )
        text = _(
            "🌅 A dream will be posted in {channel} at {schedule}.",
            channel=f"<#{channel_id}>",
            schedule=schedule,
        )
        if due := await self.service.next_due(context.guild.id):
            text += _(" The next one comes {time}.", time=ui.format_moment(due))
        await self._answer(context, text)

    @on.autocomplete("zone")
    async def zones(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer time zones."""
        return [app_commands.Choice(name=zone, value=zone) for zone in matching_zones(typed)]

    @daily.command()
    @manager_only()
    async def off(self, context: Context) -> None:
        """Post no more daily dreams here; the settings are kept."""
        settings = await self.bot.settings.effective(context.guild.id)
        if not settings.daily_enabled:
            raise Refused(
                Text(
                    "The daily dream is off already; `{example}` turns it on.",
                    example=self._example(context, settings),
                )
            )
        await self._change(context, daily_enabled=False)
        await self._answer(
            context, _("The daily dream is off. What you chose is kept for when it is on again.")
        )

    @daily.command()
    @manager_only()
    async def now(self, context: Context) -> None:
        """Post one in between, now."""
        settings = await self.bot.settings.effective(context.guild.id)
        if not settings.daily_channel:
            raise Refused(
                Text(
                    "Choose a channel for the daily dream first: `{example}`.",
                    example=self._example(context, settings),
                )
            )
        self.service.check_channel(context.guild.id, settings.daily_channel)
        await self._answer(
            context,
            _(
                "I am dreaming it; it will be in <#{daily_channel}> when it is ready.",
                daily_channel=settings.daily_channel,
            ),
        )
        post = await self.service.post_now(context.guild.id, str(context.message.id))
        if post.state == PostState.FAILED:
            raise Refused(post.reason or Text("That dream failed; please try again."))

    @daily.command()
    @manager_only()
    async def preview(self, context: Context) -> None:
        """See what the next one could be like; only you see it."""
        if not context.interaction:
            await self._answer(context, _("I am dreaming it; you get it as a direct message."))
        visible = {channel.id for channel in visible_channels(context.author)}
        shown = post_message(*await self.service.preview(context.guild.id, visible), context.guild)
        del shown["view"]
        if context.interaction:
            await context.send(**shown, ephemeral=True)
            return
        try:
            await context.author.send(**shown)
        except discord.Forbidden:
            raise Refused(Text("I may not write to you; allow it, or use `/daily preview`.")) from None

    @daily.command(usage="[walk or a recipe]")
    @manager_only()
    @app_commands.describe(recipe="A preset or recipe; “walk” wanders over the presets, led by your votes")
    async def recipe(self, context: Context, *, recipe: str) -> None:
        """What is dreamt: one recipe, or a walk over the presets that your votes lead."""
        wanted = None if recipe.strip().lower() == "walk" else recipe.strip()
        await self.service.choose_recipe(context.guild.id, wanted, by=context.author.id)
        await self._answer(
            context,
            _("The daily dream is made with {recipe}.", recipe=code(wanted, 200))
            if wanted
            else _("The daily dream walks over the presets."),
        )

    @recipe.autocomplete("recipe")
    async def recipes(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer the walk, and what `dream` offers."""
        walk = app_commands.Choice(name=_("walk · over the presets, led by your votes"), value="walk")
        choices = await recipe_choices(self.bot, interaction.channel, typed)
        return [walk, *choices][:MOST_CHOICES] if typed.lower() in "walk" else choices

    @daily.command(usage="on|off")
    @manager_only()
    @app_commands.describe(switch="Whether each post gets a thread to talk in")
    async def thread(self, context: Context, switch: Literal["on", "off"]) -> None:
        """Open a thread under each post, or don't."""
        settings = await self._change(context, daily_thread=switch == "on")
        channel = context.guild.get_channel(settings.daily_channel)
        text = (
            _("Threads under the daily dream are on.")
            if switch == "on"
            else _("Threads under the daily dream are off.")
        )
        may = channel and channel.permissions_for(context.guild.me)
        if settings.daily_thread and channel and may and not may.create_public_threads:
            text += _(
                " I need the permission Create Public Threads in {channel} for it.", channel=channel.mention
            )
        await self._answer(context, text)

    @daily.group(fallback="show", invoke_without_command=True)
    @manager_only()
    async def source(self, context: Context) -> None:
        """What pictures are dreamt of."""
        self._check_word(context, self.source)
        settings = await self.bot.settings.effective(context.guild.id)
        await self._answer(context, await self._sources(context, settings))

    @source.command(name="add", usage="#channel|samples|sky|folder")
    @manager_only()
    @app_commands.describe(what="A channel whose members' pictures may be dreamt, or samples, sky, folder")
    async def source_add(self, context: Context, *, what: str) -> None:
        """Dream of the pictures in a channel too, or of samples, skies, the operator's folder."""
        settings = await self.bot.settings.effective(context.guild.id)
        source = what.strip().lower()
        if source == "folder" and self.bot.config.daily.folder is None:
            raise Refused(
                Text("The operator of this bot offers no folder of pictures; try `samples` or `sky`.")
            )
        if source in ui.SOURCES:
            sources = {*settings.daily_sources, source}
            await self._change_sources(
                context, daily_sources=tuple(one for one in ui.SOURCES if one in sources)
            )
            return
        channel = find_text_channel(context.author, what.strip())
        target = context.guild.get_channel(settings.daily_channel)
        if channel.is_nsfw():
            raise Refused(
                Text("{channel} is age-restricted, so I take no pictures from it.", channel=channel.mention)
            )
        if not may_be_source(channel):
            raise Refused(
                Text("I need View Channel and Read Message History in {channel}.", channel=channel.mention)
            )
        if not is_no_less_public(channel, target):
            first = (
                ""
                if target
                else _(
                    " Choose a channel for the daily dream first: `{example}`.",
                    example=self._example(context, settings),
                )
            )
            raise Refused(
                Text(
                    "I take no pictures from there: {why}.{first}",
                    why=ui.why_less_public(channel, target),
                    first=first,
                )
            )
        channels = dict.fromkeys([*settings.daily_source_channels, channel.id])
        await self._change_sources(context, daily_source_channels=tuple(channels))

    @source.command(name="remove", usage="#channel|samples|sky|folder")
    @manager_only()
    @app_commands.describe(what="A channel, or samples, sky, folder")
    async def source_remove(self, context: Context, *, what: str) -> None:
        """Dream no more of the pictures in a channel, or of samples, skies, the operator's folder."""
        settings = await self.bot.settings.effective(context.guild.id)
        if (source := what.strip().lower()) in ui.SOURCES:
            left = tuple(one for one in settings.daily_sources if one != source)
            await self._change_sources(context, daily_sources=left)
            return
        # A channel that is gone is given by its id.
        id = parse_id(what.strip()) or find_text_channel(context.author, what.strip()).id
        channels = tuple(one for one in settings.daily_source_channels if one != id)
        await self._change_sources(context, daily_source_channels=channels)

    @source.command(name="days", usage="14")
    @manager_only()
    @app_commands.describe(days="Members' pictures from this many last days may be dreamt")
    async def source_days(self, context: Context, days: commands.Range[int, 1, 90]) -> None:
        """How many days back members' pictures are taken from."""
        await self._change_sources(context, daily_source_days=days)

    @source_add.autocomplete("what")
    @source_remove.autocomplete("what")
    async def offers(
        self, interaction: discord.Interaction[Any], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Offer managers the kinds of source and the channels that they see."""
        if not await is_manager(self.bot, interaction.user):
            return []
        offers = {source: f"{source}: {meaning}" for source, meaning in ui.SOURCES.items()}
        for channel in visible_channels(interaction.user):
            if isinstance(channel, discord.TextChannel):
                offers[channel.mention] = f"#{channel.name}"
        wanted = typed.lower().removeprefix("#")
        found = [(value, text) for value, text in offers.items() if wanted in text.lower()]
        return [app_commands.Choice(name=text[:100], value=value) for value, text in found[:MOST_CHOICES]]

    @daily.command()
    @manager_only()
    async def history(self, context: Context) -> None:
        """The last dreams, and how they were liked."""
        posts = await self.service.posts.history(context.guild.id, HISTORY)
        if not posts:
            settings = await self.bot.settings.effective(context.guild.id)
            due = await self.service.next_due(context.guild.id)
            then = (
                _("the first comes {time}.", time=ui.format_moment(due))
                if due
                else _("`{example}` turns it on.", example=self._example(context, settings))
            )
            raise Refused(Text("There was no daily dream here yet; {then}", then=then))
        await self._answer(context, embed=ui.history(posts))

    @daily.command(usage="[undo]")
    @app_commands.describe(what="“undo” allows it again")
    async def forget(self, context: Context, what: Literal["me", "undo"] = "me") -> None:
        """Never use my pictures for the daily dream, on any server."""
        if what == "undo":
            allowed = await self.service.allow_member(context.author.id)
            text = (
                _("Your pictures may be dreamt of again.")
                if allowed
                else _("Your pictures may be dreamt of anyway.")
            )
        else:
            await self.service.forget_member(context.author.id)
            text = _(
                "Your pictures will not be used for the daily dream any more, on any server. "
                "`{prefix}daily forget undo` takes that back.",
                prefix=self.bot.prefix_in(context),
            )
        await self._answer(context, text)

    def _check_word(self, context: Context, group: commands.HybridGroup[Any, ..., Any]) -> None:
        """Raise Refused for a word that is not a command of a group."""
        context.view.skip_ws()
        word = "" if context.interaction else context.view.get_word()
        if word in ("", group.fallback):
            return
        name = f"{self.bot.prefix_in(context)}{group.qualified_name}"
        hint = did_you_mean(word, group.all_commands, most=1, quoted=lambda near: f"`{name} {near}`")
        shown = _(
            "`{prefix}help {command}` shows what there is.",
            prefix=self.bot.prefix_in(context),
            command=group.qualified_name,
        )
        raise Refused(
            Text("I don't know {command}; {hint}", command=code(f"{name} {word}"), hint=hint or shown)
        )

    def _example(self, context: Context, settings: DailyDream) -> str:
        """The command that turns it on: as it was before, where it has a channel already."""
        has_channel = context.guild.get_channel(settings.daily_channel or 0)
        return f"{self.bot.prefix_in(context)}{'daily on' if has_channel else EXAMPLE}"

    async def _answer(self, context: Context, text: str | None = None, **parts: Any) -> None:
        await context.reply(text, mention_author=False, ephemeral=True, **parts)

    async def _change(self, context: Context, **changes: Any) -> DailyDream:
        await self.bot.settings.choose_many(context.guild.id, changes, by=context.author.id)
        return await self.bot.settings.effective(context.guild.id)

    async def _change_sources(self, context: Context, **changes: Any) -> None:
        settings = await self._change(context, **changes)
        await self._answer(context, await self._sources(context, settings))

    async def _sources(self, context: Context, settings: DailyDream) -> str:
        found = await self.service.candidates(context.guild.id)
        pictures, prefix = len(found.get("members", ())), self.bot.prefix_in(context)
        return ui.sources_text(settings, context.guild, context.author, pictures, prefix)


async def setup(bot: DreamBot) -> None:
    """Add the cog, and make the buttons of earlier posts work."""
    await bot.add_cog(DailyCommands(bot))
