"""Chooses a picture and a recipe for a daily dream, and submits the job."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from bot.clock import Clock
from bot.daily.exclusions import Exclusions
from bot.daily.posts import PostRepository
from bot.daily.selection import next_preset, pick
from bot.daily.servers import Server, Servers
from bot.daily.sources import SAMPLES, Source, folder_pictures, sky
from bot.moderation import Moderation
from bot.opt_outs import OptOuts
from bot.queue.queue import Queue
from bot.queue.request import DreamRequest
from bot.settings.scopes import Effective
from bot.settings.service import Settings
from bot.settings.values import DailyDream
from bot.store.jobs import Job, Kind
from bot.store.opt_outs import Matter
from config.schema import Daily as DailyConfig
from dream.picture import PictureError
from dream.recipe import Recipe, RecipeError
from dream.texts import Text

log = logging.getLogger(__name__)

PICTURES: Final = 8
"""Pictures that are tried for one dream before a generated sky is used."""


@dataclass(frozen=True, slots=True)
class DreamInput:
    """The input of a dream; `data` is the picture's file, None for a sky."""

    source: Source
    data: bytes | None
    recipe: Recipe
    preset: str | None

    @property
    def columns(self) -> dict[str, Any]:
        """The values for a post's row."""
        return {
            "recipe": str(self.recipe),
            "preset": self.preset,
            "kind": self.source.kind,
            "source": self.source.name,
            "digest": digest(self.data) if self.data else None,
            "author_id": self.source.author_id,
            "source_channel_id": self.source.channel_id,
            "source_message_id": self.source.message_id,
        }


@dataclass(slots=True)
class DreamSubmitter:
    """Chooses pictures and recipes by a server's settings, and submits jobs to the queue."""

    posts: PostRepository
    exclusions: Exclusions
    servers: Servers
    queue: Queue
    settings: Settings
    moderation: Moderation
    opt_outs: OptOuts
    clock: Clock
    config: DailyConfig

    async def request(
        self, server: Server, settings: DailyDream, rng: random.Random, due_at: datetime
    ) -> tuple[DreamInput, Job]:
        """Submit a job with a random readable picture, or else a sky. Raises RecipeError and Refused."""
        effective = await self.settings.effective(server.id, settings.daily_channel)
        recipe, preset = await self._recipe(server.id, settings, effective, rng)
        used = await self.posts.used(server.id, self.clock.now() - timedelta(days=self.config.remember_days))
        candidates = await self.candidates(server.id, settings, rng, used)
        excluded = await self.exclusions.pictures(server.id)

        async def ask(chosen: DreamInput) -> tuple[DreamInput, Job]:
            job = await self.queue.submit(
                DreamRequest(
                    kind=Kind.DAILY,
                    recipe=chosen.recipe,
                    source=chosen.data,
                    guild_id=server.id,
                    channel_id=settings.daily_channel or None,
                    author_id=chosen.source.author_id,
                    due_at=due_at,
                    previews=False,
                    spoiler=effective.spoiler,
                    max_bytes=server.upload_limit,
                )
            )
            return chosen, job

        for _ in range(PICTURES):
            source = pick(candidates, used, excluded, rng)
            if source is None or source.read is None:
                break
            excluded.add(source.name)
            try:
                data = await source.read()
            except Exception as error:  # whatever a disk or Discord says: another picture will do
                log.info("%s cannot be read for a daily dream: %s", source.name, error)
                continue
            mark = digest(data)
            if mark in excluded or (mark in used and source.name not in used):
                continue  # it was used under another name
            try:
                return await ask(DreamInput(source, data, recipe, preset))
            except PictureError as error:
                log.info("%s cannot be dreamt: %s", source.name, error)
        source = sky(rng, used)
        seeded = replace(recipe, seed=int(source.name.rpartition("/")[2]))
        return await ask(DreamInput(source, None, seeded, preset))

    async def candidates(
        self, guild_id: int, settings: DailyDream, rng: random.Random, used: Container[str] = ()
    ) -> dict[str, list[Source]]:
        """The possible sources of a server's next dream by kind; the sky is not in `used`."""
        found = {}
        if settings.daily_source_channels:
            found["members"] = await self._member_pictures(guild_id, settings)
        for kind, folder in (("folder", self.config.folder), ("samples", SAMPLES)):
            if kind in settings.daily_sources:
                found[kind] = await asyncio.to_thread(folder_pictures, kind, folder)
        if "sky" in settings.daily_sources:
            found["sky"] = [sky(rng, used)]
        return {kind: sources for kind, sources in found.items() if sources}

    async def usual_seconds(self) -> float:
        """The estimated seconds of one worker for a dream with the operator's default recipe."""
        usual = (await self.settings.effective(None)).parse_recipe("", await self.settings.presets(None))
        return self.queue.cost_model.seconds(usual, 1024, 768)

    async def parse_recipe(self, guild_id: int, text: str) -> Recipe:
        """Parse a recipe or preset. Raises RecipeError if it cannot be used for a server's daily dream."""
        channel_id = (await self.settings.effective(guild_id)).daily_channel
        effective = await self.settings.effective(guild_id, channel_id)
        return self._parse(effective, text, await self.settings.presets(guild_id))

    async def _member_pictures(self, guild_id: int, settings: DailyDream) -> list[Source]:
        """Members' pictures, except those of members who opted out or are blocked."""
        since = self.clock.now() - timedelta(days=settings.daily_source_days)
        pictures = await self.servers.member_pictures(guild_id, settings, since)
        hashes = {one: self.settings.pseudonym(one) for one in {one.author_id for one in pictures} if one}
        left_out = await self.opt_outs.among(Matter.DAILY, hashes)
        blocked = await self.moderation.blocked(guild_id, hashes.values())
        left_out |= {one for one, member_hash in hashes.items() if member_hash in blocked}
        return [one for one in pictures if one.author_id and one.author_id not in left_out]

    async def _recipe(
        self, guild_id: int, settings: DailyDream, effective: Effective, rng: random.Random
    ) -> tuple[Recipe, str | None]:
        """The recipe that the admins chose, or the next preset of the walk. Raises RecipeError."""
        presets = await self.settings.presets(guild_id)
        text, preset = settings.daily_recipe, None
        if not text and (allowed := self._allowed(effective, presets)):
            text = preset = next_preset(await self.posts.votes(guild_id), allowed, rng)
        recipe = self._parse(effective, text, presets)
        return recipe if recipe.seed is not None else replace(recipe, seed=rng.randrange(1_000_000)), preset

    def _allowed(self, effective: Effective, presets: Mapping[str, str]) -> list[str]:
        """The presets that are allowed; those whose weights are missing only if there are no others."""
        allowed = {}
        for name in presets:
            with contextlib.suppress(RecipeError):
                allowed[name] = self._parse(effective, name, presets)
        return [name for name, recipe in allowed.items() if self.settings.has_weights(recipe)] or [*allowed]

    def _parse(self, effective: Effective, text: str, presets: Mapping[str, str]) -> Recipe:
        recipe = effective.parse_recipe(text, presets)
        if recipe.moves:
            raise RecipeError(Text("The daily dream is a picture: leave out >, zoom, rotate and seconds."))
        self.settings.check_weights(recipe, effective)
        return recipe


def digest(data: bytes) -> str:
    """A hash that identifies a picture whatever its name."""
    return blake2b(data, digest_size=16).hexdigest()
