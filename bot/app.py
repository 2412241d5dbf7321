"""Builds every part of the bot, and opens and closes them in order; it alone knows all the others."""

from __future__ import annotations

from contextlib import AsyncExitStack

from bot.client import DreamBot
from bot.clock import Clock
from bot.daily.service import Daily
from bot.moderation import Moderation
from bot.privacy import Privacy
from bot.queue.queue import Queue
from bot.schedule import Schedule
from bot.settings.service import Settings
from bot.store.database import Database
from config.loader import Config, load_presets
from dream.farm import Farm


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
        self.farm = farm or Farm(**config.farm.model_dump())
        self.settings = Settings(self.database, config, self.clock, self.presets)
        self.queue = Queue(self.database, self.farm, self.clock, config)
        self.moderation = Moderation(self.database, config, self.clock, self.settings.pseudonym)
        self.daily = Daily(self.database, self.queue, self.settings, self.moderation, self.clock, config)
        keepers = (self.queue, self.daily, self.settings, self.moderation)
        self.privacy = Privacy(self.database, config, self.clock, self.settings.pseudonym, keepers)
        self.schedule = Schedule()
        self.schedule.every(1, self.daily.post_due)
        self.schedule.every(1, self.daily.prepare)
        self.schedule.every(60, self.privacy.purge)
        self.bot = DreamBot(
            config,
            presets=self.presets,
            clock=self.clock,
            database=self.database,
            farm=self.farm,
            queue=self.queue,
            settings=self.settings,
            daily=self.daily,
            moderation=self.moderation,
            privacy=self.privacy,
        )
        self._opened = AsyncExitStack()

    async def open(self) -> None:
        """Open everything but the connection to Discord."""
        await self.open_store()
        await self.open_farm()

    async def open_store(self, patience: float = 0) -> None:
        """Open the database, which is all that logging in needs, for which it waits `patience` seconds."""
        self._opened.push_async_callback(self.database.close)
        await self.database.open(patience)

    async def open_farm(self) -> None:
        """Start the farm and what works with it; the farm's workers get ready in their own time."""
        self._opened.push_async_callback(self.farm.close)
        await self.farm.start()
        self._opened.push_async_callback(self.queue.close)
        await self.queue.open()
        self._opened.push_async_callback(self.daily.close)
        self._opened.push_async_callback(self.schedule.close)
        self.schedule.open()

    async def close(self, grace: float = 0) -> None:
        """Close what was opened, newest first; running dreams get `grace` seconds to finish."""
        await self.queue.drain(grace)
        await self.bot.close()
        await self._opened.aclose()
