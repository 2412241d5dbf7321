"""Takes the slots of daily dreams on, has them dreamt ahead of time, and posts each on its minute, once.

A slot's life is one row. Whoever inserts it first has it, for it is unique; whoever claims it next does the
next thing for it. So any number of processes, restarts and clock steps come to one post.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import random
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import discord

import dream
from bot.clock import Clock
from bot.daily import ahead
from bot.daily.slots import MAX_TIMES, Slot
from bot.daily.sources import (
    Messageable,
    Source,
    folder_pictures,
    member_pictures,
    names_in,
    pick,
    sky,
    walk,
)
from bot.errors import Refused
from bot.queue.queue import Queue
from bot.queue.request import DreamRequest
from bot.store.daily import LEASE, PAUSE_AFTER, DailyRow, DailyStore, Due, PostRow, PostState, Wish
from bot.store.database import Database
from bot.store.jobs import Job, Kind
from bot.store.settings import AuditRow
from bot.ui import daily as ui
from config.schema import Config
from dream.picture import PictureError
from dream.recipe import Recipe, RecipeError

if TYPE_CHECKING:
    from bot.moderation import Moderation
    from bot.settings.scopes import Effective
    from bot.settings.service import Settings

log = logging.getLogger(__name__)

SAMPLES: Final = Path(dream.__file__).parent / "samples"
TRIES: Final = 3
"""Dreams that may come to nothing before a slot is given up."""
PICTURES: Final = 8
"""Pictures that are tried for one dream before it is made from a sky."""
AT_ONCE: Final = 8
"""Dreams that are prepared at a time."""
IN_FLIGHT: Final = 64
"""Posts on their way at a time: enough to keep the pace, few enough that none waits long for the database."""
VOTED_ON: Final = timedelta(days=3)
"""Posts no older than this have their reactions counted again when the next is prepared."""
NOW: Final = "now "
"""What the slot of a post in between begins with."""
NEEDED: Final = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "attach_files": "Attach Files",
}


class PostError(Exception):
    """The server's channel or permissions stand in the way; `str()` is one sentence for its admins."""


@dataclasses.dataclass(frozen=True, slots=True)
class Chosen:
    """What a dream is to be made of."""

    source: Source
    data: bytes | None
    recipe: Recipe
    preset: str | None

    def columns(self) -> dict[str, Any]:
        """What a post's row says of it."""
        return {
            "preset": self.preset,
            "kind": self.source.kind,
            "source": self.source.name,
            "digest": _digest(self.data) if self.data else None,
            "author_id": self.source.author_id,
            "source_channel_id": self.source.channel_id,
            "source_message_id": self.source.message_id,
        }


class Daily:
    """Everything the bot does for daily dreams. `prepare` and `post_due` are to be called each minute."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        settings: Settings,
        moderation: Moderation,
        clock: Clock,
        config: Config,
    ) -> None:
        self.store = DailyStore(database)
        self._queue = queue
        self._settings = settings
        self._moderation = moderation
        self._clock = clock
        self._config = config.daily
        self._max_bytes = config.picture.max_bytes
        self._pseudonym = settings.pseudonym
        self._retention = timedelta(days=config.privacy.retention_days)
        self._bot: discord.Client | None = None
        self._adorning: set[asyncio.Task[None]] = set()
        self._between: set[int] = set()

    def attach(self, bot: discord.Client) -> None:
        """Hand over the bot; nothing is prepared or posted before."""
        self._bot = bot

    async def close(self) -> None:
        """Stop what goes on in the background."""
        for task in self._adorning:
            task.cancel()
        await asyncio.gather(*self._adorning, return_exceptions=True)

    # Taking on and preparing

    async def prepare(self) -> None:
        """Take on the slots whose time to begin has come, and see that each has a dream on the way."""
        if self._bot is None or not self._bot.is_ready():
            return
        now = self._clock.now()
        for wish, slot in await self._to_begin(now):
            await self.store.take(wish.guild_id, slot.name, slot.due, channel_id=wish.channel_id)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(post: PostRow) -> None:
            async with gate:
                await self._prepare(post)

        async with asyncio.TaskGroup() as group:
            for post in await self.store.undreamt(now):
                group.create_task(one(post))

    async def _to_begin(self, now: datetime) -> list[tuple[Wish, Slot]]:
        """The slots whose time to begin has come, and of those missed within the grace the last."""
        grace, most = timedelta(hours=self._config.grace), timedelta(hours=self._config.lead)
        alike = await self.store.enabled()
        found = {schedule: list(schedule.between(now - grace, now + most)) for schedule in alike}
        coming = sum(len(alike[key]) * sum(slot.due > now for slot in slots) for key, slots in found.items())
        usual = (await self._settings.effective(None, None)).read("", await self._settings.presets(None))
        lead = ahead.lead(coming * self._queue.seconds(usual, 1024, 768), self._queue.farm.capacity, most)
        taken = await self.store.taken(now - grace)
        begin: list[tuple[Wish, Slot]] = []
        for schedule, wishes in alike.items():
            for number, wish in enumerate(wishes):
                if number % 100 == 0:
                    await asyncio.sleep(0)  # thousands of servers must not hold up the bot
                wanted = [slot for slot in found[schedule] if slot.due > wish.since]
                missed = [slot for slot in wanted if slot.due <= now][-1:]
                coming_up = [slot for slot in wanted if slot.due > now]
                begin += [
                    (wish, slot)
                    for slot in missed + coming_up
                    if (wish.guild_id, slot.name) not in taken
                    and ahead.begin(slot.due, wish.guild_id, lead) <= now
                ]
        return begin

    async def _prepare(self, post: PostRow) -> None:
        """Choose a picture and a recipe for a post, and ask the queue for the dream."""
        guild = self._guild(post.guild_id)
        wishes = await self.store.wishes(post.guild_id)
        if guild is None or wishes is None or await self._closed(guild):
            return
        if not await self.store.claim(post, self._clock.now()):
            return
        if post.job_id and (job := await self._queue.get(post.job_id)):
            post.tries += 1
            post.reason = job.reason
        if post.tries >= TRIES:
            await self.store.settle(post, state=PostState.FAILED, reason=post.reason or "The dreams failed.")
            return
        try:
            await self._count_votes(guild)
            rng = random.Random(f"{post.guild_id} {post.slot} {post.tries}")
            chosen, job = await self._begin(guild, wishes, rng, post.due_at)
        except RecipeError as error:
            reason = f"The recipe cannot be dreamt: {error} Choose one with `daily recipe`."
            await self.store.settle(post, state=PostState.FAILED, reason=reason)
            await self._failed(guild, wishes, reason)
        except Refused:  # the queue is being closed
            await self.store.settle(post)
        except Exception as error:
            log.exception("the daily dream of server %s could not be prepared", post.guild_id)
            await self.store.settle(post, tries=post.tries + 1, reason=f"It could not be prepared: {error}")
        else:
            await self.store.settle(
                post, tries=post.tries, job_id=job.id, recipe=job.recipe, **chosen.columns()
            )

    async def _begin(
        self, guild: discord.Guild, wishes: DailyRow, rng: random.Random, due_at: datetime
    ) -> tuple[Chosen, Job]:
        """Choose until the queue takes the picture, then a sky. Raises RecipeError."""
        effective = await self._settings.effective(guild.id, wishes.channel_id)
        recipe, preset = await self._recipe(wishes, effective, rng)
        since = self._clock.now() - timedelta(days=self._config.remember_days)
        used = await self.store.used(guild.id, since)
        candidates = await self.candidates(guild, wishes, rng, used)
        barred = await self.store.removed(guild.id)
        for _ in range(PICTURES):
            source = pick(candidates, used, barred, rng)
            if source is None or source.read is None:
                break
            barred.add(source.name)
            try:
                data = await source.read()
            except (OSError, discord.DiscordException) as error:
                log.info("%s cannot be read for a daily dream: %s", source.name, error)
                continue
            digest = _digest(data)
            if digest in barred or (digest in used and source.name not in used):
                continue
            try:
                chosen = Chosen(source, data, recipe, preset)
                return chosen, await self._ask(chosen, guild, wishes, effective, due_at)
            except PictureError as error:
                log.info("%s cannot be dreamt: %s", source.name, error)
        source = sky(rng, used)
        seeded = dataclasses.replace(recipe, seed=int(source.name.rpartition("/")[2]))
        chosen = Chosen(source, None, seeded, preset)
        return chosen, await self._ask(chosen, guild, wishes, effective, due_at)

    async def _ask(
        self, chosen: Chosen, guild: discord.Guild, wishes: DailyRow, effective: Effective, due_at: datetime
    ) -> Job:
        return await self._queue.submit(
            DreamRequest(
                kind=Kind.DAILY,
                recipe=chosen.recipe,
                source=chosen.data,
                guild_id=guild.id,
                channel_id=wishes.channel_id,
                author_id=chosen.source.author_id,
                due_at=due_at,
                previews=False,
                spoiler=effective.spoiler,
                max_bytes=guild.filesize_limit,
            )
        )

    async def _recipe(
        self, wishes: DailyRow, effective: Effective, rng: random.Random
    ) -> tuple[Recipe, str | None]:
        """The recipe asked for, or the next of the walk over the presets. Raises RecipeError."""
        presets = await self._settings.presets(wishes.guild_id)
        text, preset = wishes.recipe or "", None
        if not text and (allowed := self._walkable(effective, presets)):
            text = preset = walk(await self.store.votes(wishes.guild_id), allowed, rng)
        recipe = self._read(effective, text, presets)
        return dataclasses.replace(recipe, seed=recipe.seed or rng.randrange(1, 1_000_000)), preset

    async def candidates(
        self, guild: discord.Guild, wishes: DailyRow, rng: random.Random, used: Container[str] = ()
    ) -> dict[str, list[Source]]:
        """The pictures that a server's next dream could be made of, by their kind; a sky is none `used`."""
        found: dict[str, list[Source]] = {}
        if wishes.channels:
            channels = [one for id in wishes.channels if (one := guild.get_channel_or_thread(id))]
            after = self._clock.now() - timedelta(days=wishes.recent_days)
            pictures = await member_pictures(channels, after, self._max_bytes)
            names = {one.author_id: self._pseudonym(one.author_id) for one in pictures if one.author_id}
            left_out = await self.store.forgotten(names.values())
            left_out |= await self._moderation.blocked(guild.id, names.values())
            found["members"] = [
                one for one in pictures if one.author_id and names[one.author_id] not in left_out
            ]
        for kind, folder in (("folder", self._config.folder), ("samples", SAMPLES)):
            if kind in wishes.kinds:
                found[kind] = await asyncio.to_thread(folder_pictures, kind, folder)
        if "sky" in wishes.kinds:
            found["sky"] = [sky(rng, used)]
        return {kind: sources for kind, sources in found.items() if sources}

    def _read(self, effective: Effective, text: str, presets: Mapping[str, str]) -> Recipe:
        recipe = effective.read(text, presets)
        if recipe.is_video:
            raise RecipeError("The daily dream is a picture: leave out zoom, rotate and seconds.")
        self._settings.check_weights(recipe, effective)
        return recipe

    def _walkable(self, effective: Effective, presets: Mapping[str, str]) -> list[str]:
        """The presets that may be dreamt; those that others would have to stand in for only if all are."""
        allowed = {}
        for name in presets:
            with contextlib.suppress(RecipeError):
                allowed[name] = self._read(effective, name, presets)
        own = [name for name, recipe in allowed.items() if self._settings.has_weights(recipe)]
        return own or list(allowed)

    async def _count_votes(self, guild: discord.Guild) -> None:
        """Read the reactions under a server's last posts."""
        since = self._clock.now() - VOTED_ON
        for post in await self.store.history(guild.id, limit=3):
            channel = guild.get_channel_or_thread(post.channel_id or 0)
            if post.state != PostState.POSTED or post.due_at < since or not isinstance(channel, Messageable):
                continue
            try:
                message = await channel.fetch_message(post.message_id or 0)
            except discord.HTTPException:
                continue
            votes = sum(
                (reaction.count - reaction.me) * (-1 if str(reaction.emoji) == ui.DISLIKE else 1)
                for reaction in message.reactions
            )
            if votes != post.votes:
                await self.store.settle(post, votes=votes)

    # Posting

    async def post_due(self) -> None:
        """Post what is due and ready; let go of what is too late, or older than the newest that is ready."""
        if self._bot is None or not self._bot.is_ready():
            return
        now = self._clock.now()
        late = now - timedelta(hours=self._config.grace)
        newest: dict[int, Due] = {}
        old: list[PostRow] = []
        for due in reversed(await self.store.due(now)):
            if self._guild(due.post.guild_id) is None:
                continue
            if due.post.due_at < late or due.post.guild_id in newest:
                old.append(due.post)
            elif due.ready:
                newest[due.post.guild_id] = due
        for post in old:
            interrupted = post.claimed_at if post.state == PostState.POSTING else None
            if await self.store.claim(post, now):
                await self._let_go(post, interrupted)
        sent: list[asyncio.Task[discord.Message | None]] = []
        loop, pause = asyncio.get_running_loop(), 1 / self._config.posts_per_second
        turn, gate = loop.time(), asyncio.Semaphore(IN_FLIGHT)
        try:
            for due in reversed(newest.values()):
                await asyncio.sleep(turn - loop.time())
                await gate.acquire()
                sent.append(task := asyncio.create_task(self._post(due)))
                task.add_done_callback(lambda _: gate.release())
                turn = max(turn + pause, loop.time() - 5 * pause)  # makes up for a hiccup, without a burst
            messages = await asyncio.gather(*sent, return_exceptions=True)
        finally:
            for task in sent:  # nothing is posted any more when this is stopped
                task.cancel()
        posted = []
        for due, message in zip(reversed(newest.values()), messages, strict=True):
            if isinstance(message, BaseException):
                log.error("post %s is tried again when its claim ends", due.post.id, exc_info=message)
            elif message is not None:
                posted.append((due.post, message))
        if posted:
            adorning = asyncio.create_task(self._adorn(posted))
            self._adorning.add(adorning)
            adorning.add_done_callback(self._adorning.discard)

    async def _post(self, due: Due) -> discord.Message | None:
        """Post one dream that is ready; None if that is not to be done, or not by this process."""
        post, wishes, job = due
        guild = self._guild(post.guild_id)
        interrupted, before = post.state == PostState.POSTING, post.claimed_at
        if guild is None or job is None:
            return None
        if not await self.store.claim(post, self._clock.now(), PostState.POSTING):
            return None
        try:
            channel = self.channel(guild, wishes)
            message = None
            if interrupted and before:
                message = await self._sent_before(channel, post, before)
            if message is None:
                message = await self._send(channel, post, job)
            await self._posted(post, message)
            if wishes.failures:
                await self.store.succeeded(guild.id)
        except (PostError, discord.Forbidden, discord.NotFound) as error:
            reason = (
                str(error) if isinstance(error, PostError) else f"Discord refused the post: {error.text}."
            )
            await self.store.settle(post, state=PostState.FAILED, reason=reason)
            await self._failed(guild, wishes, reason)
        except (TimeoutError, OSError, discord.DiscordServerError) as error:
            log.warning("the daily dream of server %s was not posted, it is tried again: %s", guild.id, error)
        except (LookupError, discord.HTTPException) as error:
            log.error("the daily dream of server %s could not be posted: %s", guild.id, error)
            await self.store.settle(post, state=PostState.FAILED, reason=f"It could not be posted: {error}")
        except (
            Exception
        ):  # a bot that is being stopped, say; sent or not, it is found out when the claim ends
            log.exception("the daily dream of server %s was not posted, it is tried again", guild.id)
        else:
            return message
        return None

    async def _send(self, channel: discord.TextChannel, post: PostRow, job: Job) -> discord.Message:
        """Send the post. Raises LookupError if its dream is not kept any more."""
        picture = await self._queue.result(job.id)
        if picture is None:
            raise LookupError("its dream is not kept any more")
        # The nonce makes a repeated request within minutes the same message; _sent_before sees to the rest.
        async with asyncio.timeout(LEASE.total_seconds() / 2):
            return await channel.send(nonce=post.id, **ui.post(post, job, picture, channel.guild))

    async def _posted(self, post: PostRow, message: discord.Message) -> None:
        await self.store.settle(
            post,
            state=PostState.POSTED,
            channel_id=message.channel.id,
            message_id=message.id,
            posted_at=message.created_at,
        )

    async def _sent_before(
        self, channel: discord.TextChannel, post: PostRow, claimed: datetime
    ) -> discord.Message | None:
        """The message of a process that stopped between sending it and saying so. Raises PostError."""
        if not channel.permissions_for(channel.guild.me).read_message_history:
            raise PostError(
                "I was stopped while posting, and cannot see without Read Message History if I had."
            )
        async for message in channel.history(limit=None, after=claimed - LEASE, before=claimed + LEASE):
            if message.author == channel.guild.me and any(
                post.id in one.filename for one in message.attachments
            ):
                return message
        return None

    async def _adorn(self, posted: Iterable[tuple[PostRow, discord.Message]]) -> None:
        """Add what posts can do without: reactions to vote with, and a thread where the server wants one."""
        for post, message in posted:
            wishes = await self.store.wishes(post.guild_id)
            try:
                for emoji in (ui.LIKE, ui.DISLIKE):
                    await message.add_reaction(emoji)
                if wishes and wishes.thread:
                    await message.create_thread(name=ui.title(post))
            except discord.HTTPException as error:
                log.info("the post in channel %s has no votes or thread: %s", message.channel.id, error)

    async def _let_go(self, post: PostRow, interrupted: datetime | None) -> None:
        """Give up a claimed post that is too late, unless it was sent by a process that was `interrupted`."""
        guild = self._guild(post.guild_id)
        channel = guild and guild.get_channel(post.channel_id or 0)
        if interrupted and isinstance(channel, discord.TextChannel):
            with contextlib.suppress(PostError, discord.HTTPException):
                if message := await self._sent_before(channel, post, interrupted):
                    await self._posted(post, message)
                    return
        await self.store.settle(post, state=PostState.MISSED, reason="It was too late to post it.")
        if post.job_id:
            await self._queue.cancel(post.job_id)

    def channel(self, guild: discord.Guild, wishes: DailyRow) -> discord.TextChannel:
        """Where a server's dream goes. Raises PostError if it is gone or the bot may not post there."""
        channel = guild.get_channel(wishes.channel_id or 0)
        if not isinstance(channel, discord.TextChannel):
            raise PostError("The channel of the daily dream is gone; choose one with `daily on`.")
        may = channel.permissions_for(guild.me)
        if missing := [name for right, name in NEEDED.items() if not getattr(may, right)]:
            raise PostError(f"I need the permission {' and '.join(missing)} in {channel.mention}.")
        return channel

    async def trouble(self, guild: discord.Guild, wishes: DailyRow) -> str | None:
        """Why a server's dream could not be made or posted as things are."""
        try:
            self.channel(guild, wishes)
        except PostError as error:
            return str(error)
        return await self._closed(guild)

    async def _closed(self, guild: discord.Guild) -> str | None:
        return await self._moderation.closed(guild.id, guild.member_count or 0)

    async def upcoming(self, wishes: DailyRow) -> datetime | None:
        """When a server's next dream is due, if it is on."""
        if not wishes.enabled or wishes.paused:
            return None
        now = self._clock.now()
        # A local time comes once, also when the server has moved to another time zone since.
        done = {post.slot for post in await self.store.history(wishes.guild_id, 3 * MAX_TIMES)}
        coming = wishes.schedule.between(now, now + timedelta(days=9))
        return next((slot.due for slot in coming if slot.name not in done), None)

    # Telling the admins

    async def _failed(self, guild: discord.Guild, wishes: DailyRow, reason: str) -> None:
        """Count a failure of the server's making; its admins are told of the first of a row."""
        if await self.store.failed(guild.id, reason) != 1:
            return
        text = (
            f"🌧️ The daily dream of **{discord.utils.escape_markdown(guild.name)}** could not be posted. "
            f"{reason} "
            f"I try again at its next times, {PAUSE_AFTER} times in all, then it pauses; "
            "`daily status` shows how it stands."
        )
        if not await self._tell(guild, wishes, text):
            log.warning("no admin of server %s could be told: %s", guild.id, reason)

    async def _tell(self, guild: discord.Guild, wishes: DailyRow, text: str) -> bool:
        """Say something where admins read it: their updates channel, a direct message, a public channel."""
        assert self._bot is not None
        for channel in (guild.public_updates_channel, wishes.admin_id, guild.owner_id, guild.system_channel):
            try:
                if isinstance(channel, int):
                    await (await self._bot.create_dm(discord.Object(channel))).send(text)
                elif channel is not None:
                    await channel.send(text)
                else:
                    continue
            except discord.HTTPException:
                continue
            return True
        return False

    # What members and moderators do

    async def wishes(self, guild_id: int) -> DailyRow:
        """What a server wants, or what it would get."""
        return await self.store.wishes(guild_id) or DailyRow(
            guild_id=guild_id,
            enabled=False,
            channel_id=None,
            times="09:00",
            zone="UTC",
            days="daily",
            since=self._clock.now(),
            recipe=None,
            thread=False,
            kinds=["samples", "sky"] + ["folder"] * (self._config.folder is not None),
            channels=[],
            recent_days=14,
            failures=0,
        )

    async def change(self, guild_id: int, *, by: int, **changes: Any) -> DailyRow:
        """Change what a server wants, and note who did; a dream that was prepared otherwise is made anew."""
        row = await self.wishes(guild_id)
        before = row.told
        now = self._clock.now()
        if {"channel_id", "times", "zone", "days", "enabled"} & changes.keys():
            changes |= {"since": now, "failures": 0, "reason": None}
        for name, value in changes.items():
            setattr(row, name, value)
        entries = [
            AuditRow(
                at=now,
                guild_id=guild_id,
                channel_id=0,
                actor=str(by),
                action="daily",
                subject=name,
                before=before[name],
                after=after,
            )
            for name, after in row.told.items()
            if after != before[name]
        ]
        await self.store.wish(row, entries)
        await self._drop(await self.store.withdraw(guild_id))
        return row

    async def choose_recipe(self, guild_id: int, text: str | None, *, by: int) -> None:
        """Make every dream with a recipe or preset; None walks over the presets. Raises RecipeError."""
        wishes = await self.wishes(guild_id)
        if text is not None:
            effective = await self._settings.effective(guild_id, wishes.channel_id)
            self._read(effective, text, await self._settings.presets(guild_id))
        await self.change(guild_id, by=by, recipe=text)

    async def now(self, guild: discord.Guild, name: str) -> PostRow:
        """Dream and post one in between; `name` tells it from others. Returns what became of it.

        Raises PostError.
        """
        wishes = await self.wishes(guild.id)
        if trouble := await self.trouble(guild, wishes):
            raise PostError(trouble)
        with self._in_between(guild):
            post = await self.store.take(
                guild.id, f"{NOW}{name}", self._clock.now(), channel_id=wishes.channel_id
            )
            if post is None:
                raise PostError("That one is on its way already.")
            await self._prepare(post)
            if post.job_id:
                await self._queue.finished(post.job_id)
                for due in await self.store.due(self._clock.now(), guild.id):
                    if due.post.id == post.id and due.ready and (message := await self._post(due)):
                        await self._adorn([(post, message)])
            return await self.store.post(post.id) or post

    async def preview(self, guild: discord.Guild) -> dict[str, Any]:
        """Dream what the next post could be, for an admin's eyes only: a message to send.

        Raises PostError and RecipeError.
        """
        if closed := await self._closed(guild):
            raise PostError(closed)
        wishes = await self.wishes(guild.id)
        with self._in_between(guild):
            chosen, job = await self._begin(guild, wishes, random.Random(), self._clock.now())
            try:
                ended = await self._queue.finished(job.id)
                picture = await self._queue.result(job.id)
                if ended is None or picture is None:
                    raise PostError((ended and ended.reason) or "The preview was stopped; please try again.")
                shown = ui.post(PostRow(id=job.id, slot=NOW, **chosen.columns()), ended, picture, guild)
            finally:
                await self._queue.erase(job.id)
        return {part: shown[part] for part in ("content", "file")}

    @contextmanager
    def _in_between(self, guild: discord.Guild) -> Iterator[None]:
        """One at a time on a server: what is not planned passes the limits of the queue. Raises PostError."""
        if guild.id in self._between:
            raise PostError("One is being dreamt already; please wait until it is there.")
        self._between.add(guild.id)
        try:
            yield
        finally:
            self._between.discard(guild.id)

    async def remove(self, post: PostRow, *, by: int) -> None:
        """Keep a post's picture from ever being used again, and delete what is kept of the dream."""
        await self.store.remove(post)
        await self._moderation.removed(post.guild_id, post.id, by=by)
        if post.job_id:
            await self._queue.erase(post.job_id)

    async def forget_member(self, member_id: int) -> None:
        """Never use a member's pictures again, and delete those that are kept."""
        await self._drop(await self.store.forget(self._pseudonym(member_id), member_id))

    async def remember(self, member_id: int) -> bool:
        """Take back `forget`; False if there was nothing to take back."""
        return await self.store.remember(self._pseudonym(member_id))

    async def blocked(self, guild_id: int, member_id: int) -> None:
        """Drop dreams of a member's pictures that were prepared before the member was blocked."""
        await self._drop(await self.store.withdraw(guild_id, author_id=member_id))

    async def forget_guild(self, guild_id: int) -> None:
        """Delete what a server wanted, and its posts."""
        await self.store.forget_guild(guild_id)

    async def source_deleted(self, message_ids: Iterable[int], left: Collection[str] = ()) -> None:
        """Drop pictures that their authors took away, but for those `left` in the messages, by name."""
        await self._drop(await self.store.source_deleted(message_ids, left))

    async def look_again(self) -> None:
        """Drop dreams of pictures that were taken away while the bot was not connected."""
        for post in await self.store.of_members():
            guild = self._guild(post.guild_id)
            channel = guild and guild.get_channel_or_thread(post.source_channel_id or 0)
            if guild is None or post.source_message_id is None:
                continue
            left: set[str] = set()
            if isinstance(channel, Messageable):
                try:
                    left = names_in(await channel.fetch_message(post.source_message_id))
                except (discord.NotFound, discord.Forbidden):
                    pass
                except discord.HTTPException as error:
                    log.info("the picture of post %s cannot be looked at again: %s", post.id, error)
                    continue
            await self.source_deleted([post.source_message_id], left)

    async def purge(self) -> None:
        """Forget whose pictures were dreamt, and in time the posts themselves."""
        now = self._clock.now()
        await self.store.purge(
            now - self._retention, now - timedelta(days=max(self._config.remember_days, 30))
        )

    async def _drop(self, jobs: Iterable[str]) -> None:
        for job_id in jobs:
            await self._queue.erase(job_id)

    def _guild(self, guild_id: int) -> discord.Guild | None:
        """A server that this process serves, and that Discord has not lost for the moment."""
        guild = self._bot.get_guild(guild_id) if self._bot else None
        return None if guild is None or guild.unavailable else guild


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
