"""Builds every part of the bot, and opens and closes them in order; it alone knows all the others."""

from __future__ import annotations

from contextlib import AsyncExitStack
from math import isfinite

from bot.alarms import UPDATE_SECONDS, Alarms
from bot.allocator import return_free_pages
from bot.catch_up import CatchUp
from bot.client import DreamBot
from bot.clock import Clock
from bot.commands import COGS
from bot.commands.events import DreamTree
from bot.commands.slash_texts import SlashTexts
from bot.daily.service import DailyService
from bot.delivery.best_posts import BestPosts
from bot.delivery.daily_posts import DailyPosts
from bot.delivery.daily_servers import DiscordServers
from bot.delivery.hall_posts import HallPosts, Stars
from bot.delivery.job_messages import JobMessages
from bot.delivery.member_pictures import WithdrawnPictures
from bot.delivery.operators import tell_operators
from bot.delivery.rate_limit import RateLimit
from bot.endpoint import Endpoint
from bot.hall.service import HallService
from bot.health import Connection, HealthMonitor
from bot.moderation import Moderation
from bot.opt_outs import OptOuts
from bot.periodic import Periodic
from bot.privacy import Privacy
from bot.queue.queue import Queue
from bot.settings.service import Settings
from bot.store.database import Database
from bot.store.lease import DURATION
from bot.ui.buttons import BUTTONS
from bot.ui.choices import DreamOne, TryAll
from bot.ui.daily_post import DAILY_BUTTONS
from bot.ui.hall_post import HALL_BUTTONS
from bot.ui.mine import Turn
from bot.ui.moderation import Decision
from bot.ui.privacy import Choice, ForgetMe
from bot.ui.recipes import DreamRecipe
from bot.ui.seeing import DreamOf
from bot.ui.settings.panel import Control
from config.presets import load_presets
from config.schema import Config
from dream.farm import Farm

RECONCILE_SECONDS = DURATION.total_seconds() / 5
SAVE_COSTS_SECONDS = 60.0
COMPONENTS = (
    *BUTTONS,
    *DAILY_BUTTONS,
    *HALL_BUTTONS,
    Choice,
    Control,
    Decision,
    DreamOf,
    DreamOne,
    DreamRecipe,
    ForgetMe,
    TryAll,
    Turn,
)
"""All buttons and menus, which work on messages of earlier runs, too."""


class App:
    """The bot with everything that it works with.

    `open` makes the parts work without Discord; the bot is then logged in by whoever built the app: `bot.run`
    at Discord, `bot.sandbox` and tests in a simulated one.
    """

    def __init__(self, config: Config, clock: Clock | None = None, farm: Farm | None = None) -> None:
        self.config = config
        self.clock = clock or Clock()
        self.presets = load_presets()
        self.database = Database(config.database_url)
        self.farm = farm or Farm(**config.farm.model_dump(), log_settings=config.log.settings)
        self.rate = RateLimit()
        self.settings = Settings(self.database, config, self.clock, self.presets)
        self.queue = Queue(self.database, self.farm, self.clock, config)
        self.job_messages = JobMessages(self.queue, self.rate, self.clock)
        self.queue.listener = self.job_messages
        self.catch_up = CatchUp(self.database, self.clock)
        self.moderation = Moderation(self.database, config, self.clock, self.settings.pseudonym)
        self.opt_outs = OptOuts(self.database, self.settings.pseudonym)
        self.daily_servers = DiscordServers(config.picture.max_bytes, self.settings)
        self.daily = DailyService(
            self.database,
            self.queue,
            self.settings,
            self.moderation,
            self.opt_outs,
            self.daily_servers,
            self.clock,
            config,
        )
        self.daily_posts = DailyPosts(self.daily, self.queue, self.daily_servers, self.rate, self.settings)
        self.daily.on_ready = self.daily_posts.post_due
        self.queue.on_done = self.daily_posts.dreamt
        self.hall = HallService(
            self.database, self.queue, self.settings, self.opt_outs, self.clock, config.daily
        )
        self.hall_posts = HallPosts(
            self.hall, self.queue, self.daily_servers, self.rate, self.settings, self.clock
        )
        self.best_posts = BestPosts(self.hall, self.queue, self.daily_servers, self.rate, self.settings)
        stores = (self.queue, self.catch_up, self.daily, self.hall, self.settings, self.moderation)
        self.privacy = Privacy(self.database, config, self.clock, self.queue, self.settings, stores)
        self.health = HealthMonitor(
            self.database,
            self.queue,
            self.farm,
            self.moderation,
            self.clock,
            config,
            registries=(self.queue.statistics.registry, self.daily.posts.registry),
        )
        self.health.connection = self._connection
        self.alarms = Alarms(self._tell_operators)
        self.endpoint = Endpoint(self.health, config.monitoring)
        self.periodic = Periodic()
        self.periodic.every_seconds(RECONCILE_SECONDS, self.queue.reconcile)
        self.periodic.every_seconds(RECONCILE_SECONDS, self.job_messages.sweep)
        self.periodic.every_seconds(RECONCILE_SECONDS, self.hall_posts.sweep)
        self.periodic.every_seconds(SAVE_COSTS_SECONDS, self.queue.cost_model.save)
        self.periodic.every_seconds(UPDATE_SECONDS, self.update_alarms)
        self.periodic.every_minutes(1, self.daily_posts.post_due)
        self.periodic.every_minutes(1, self.best_posts.post_due)
        self.periodic.every_minutes(1, self.daily.planner.run)
        self.periodic.every_minutes(1, return_free_pages)
        self.periodic.every_minutes(60, self.privacy.purge)
        self.bot = DreamBot(
            config,
            tree_cls=DreamTree,
            set_up=self._set_up,
            presets=self.presets,
            clock=self.clock,
            queue=self.queue,
            settings=self.settings,
            daily=self.daily,
            hall=self.hall,
            opt_outs=self.opt_outs,
            moderation=self.moderation,
            privacy=self.privacy,
            catch_up=self.catch_up,
            health=self.health,
        )
        self._opened = AsyncExitStack()

    async def open(self) -> None:
        """Open everything but the connection to Discord, or nothing where that fails."""
        try:
            await self.open_store()
            await self.open_farm()
        except BaseException:
            await self._opened.aclose()
            raise

    async def open_endpoint(self) -> None:
        """Serve what monitoring asks for, from before anything else works."""
        self._opened.push_async_callback(self.health.close)
        self.health.open()
        self._opened.push_async_callback(self.endpoint.close)
        await self.endpoint.open()

    async def open_store(self) -> None:
        """Open the database, which is all that logging in needs."""
        self._opened.push_async_callback(self.database.close)
        await self.database.open()

    async def open_farm(self) -> None:
        """Start the farm and what works with it; the farm's workers get ready in their own time."""
        self._opened.push_async_callback(self.farm.close)
        await self.farm.start()
        await self.open_queue()
        self._opened.push_async_callback(self.periodic.close)
        self.periodic.open()

    async def open_queue(self) -> None:
        """Open what works with the farm, without what is done periodically."""
        self._opened.push_async_callback(self.queue.close)
        self._opened.push_async_callback(self.catch_up.close)
        await self.queue.open()
        self._opened.push_async_callback(self.daily_posts.close)
        self._opened.push_async_callback(self.hall_posts.close)

    async def close(self, grace: float = 0) -> None:
        """Close what was opened, newest first; running dreams get `grace` seconds to end and to be shown."""
        await self.queue.drain(grace)
        await self.job_messages.drain(grace)
        await self.job_messages.close()
        await self.bot.close()
        await self._opened.aclose()

    async def update_alarms(self) -> None:
        """Tell operators what has been wrong for a while; to be called every `UPDATE_SECONDS`."""
        await self.alarms.update((await self.health.check()).problems)

    async def _tell_operators(self, sentence: str) -> None:
        if self.config.monitoring.alarms and self.bot.is_ready():
            await tell_operators(self.bot, content=sentence)

    def _connection(self) -> Connection:
        bot = self.bot
        shards = bot.shards.values()
        is_up = bot.is_ready() and not any(shard.is_closed() for shard in shards)
        latency = bot.latency if isfinite(bot.latency) else 0.0
        return Connection(is_up, latency, len(bot.guilds))

    async def _set_up(self, bot: DreamBot) -> None:
        await bot.tree.set_translator(SlashTexts())
        for cog in COGS:
            await bot.load_extension(cog)
        bot.add_dynamic_items(*COMPONENTS)
        self.job_messages.attach(bot)
        self.daily_servers.attach(bot)
        await bot.add_cog(WithdrawnPictures(self.daily))
        await bot.add_cog(Stars(self.hall, self.hall_posts))
