"""Plans posts ahead of their due time, and submits a job for each."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.clock import Clock
from bot.daily.dreams import DreamSubmitter
from bot.daily.lead_time import begin_at, lead_time
from bot.daily.posts import PostRepository
from bot.daily.server_states import ServerStates
from bot.daily.servers import Server, Servers
from bot.errors import Refused
from bot.moderation import Moderation
from bot.queue.queue import Queue
from bot.schedule import Slot
from bot.settings.service import Settings
from bot.store.daily import PAUSE_AFTER, PostRow, PostState
from bot.store.outage import is_outage
from config.schema import Daily as DailyConfig
from dream.recipe import RecipeError
from dream.texts import Text

log = logging.getLogger(__name__)

TRIES: Final = 3
"""Failed jobs after which a post has failed."""
CONCURRENCY: Final = 8
"""Posts that are prepared concurrently."""
VOTED_ON: Final = timedelta(days=3)
"""How long after a post its votes are counted again when the next is prepared."""


@dataclass
class Planner:
    """Decides when a server's next dream is started; `DreamSubmitter` decides what it is."""

    posts: PostRepository
    settings: Settings
    states: ServerStates
    dreams: DreamSubmitter
    servers: Servers
    queue: Queue
    moderation: Moderation
    clock: Clock
    config: DailyConfig

    async def run(self) -> None:
        """Plan the posts to start now, and prepare those without a job; to be called each minute."""
        if not self.servers.ready:
            return
        await self._withdraw_hidden()
        now = self.clock.now()
        for guild_id, channel_id, slot in await self.slots_to_begin(now):
            await self.posts.plan(guild_id, slot.name, slot.due, channel_id=channel_id)
        semaphore = asyncio.Semaphore(CONCURRENCY)

        async def one(post: PostRow) -> None:
            async with semaphore:
                try:
                    await self.prepare(post)
                except Exception as error:  # others' dreams are not held up
                    log.warning("the daily dream of server %s waits: %r", post.guild_id, error)

        async with asyncio.TaskGroup() as group:
            for post in await self.posts.without_job():
                group.create_task(one(post))

    async def slots_to_begin(self, now: datetime) -> list[tuple[int, int | None, Slot]]:
        """The servers, channels and slots to start now; of a server's overdue slots only the last."""
        grace, most = timedelta(hours=self.config.grace), timedelta(hours=self.config.lead)
        since = await self.states.running_since()
        running = {
            schedule: [one for one in servers if one[0] in since]
            for schedule, servers in (await self.states.schedules()).items()
        }
        slots = {schedule: list(schedule.between(now - grace, now + most)) for schedule in running}
        coming = sum(len(running[one]) * sum(slot.due > now for slot in slots[one]) for one in slots)
        work = coming * await self.dreams.usual_seconds()
        lead = lead_time(work, self.queue.farm.capacity, most)
        taken = await self.posts.taken(now - grace)
        begin: list[tuple[int, int | None, Slot]] = []
        for schedule, servers in running.items():
            for number, (guild_id, channel_id) in enumerate(servers):
                if number % 100 == 0:
                    await asyncio.sleep(0)  # thousands of servers must not hold up the bot
                wanted = [slot for slot in slots[schedule] if slot.due > since[guild_id]]
                missed = [slot for slot in wanted if slot.due <= now]
                begin += [
                    (guild_id, channel_id, slot)
                    for slot in wanted[max(len(missed) - 1, 0) :]
                    if (guild_id, slot.name) not in taken and begin_at(slot.due, guild_id, lead) <= now
                ]
        return begin

    async def prepare(self, post: PostRow) -> None:
        """Submit the job of a planned post that has none, or whose job failed."""
        server = self.servers.get(post.guild_id)
        if server is None or await self.moderation.refusal(server.id, server.members):
            return
        async with self.posts.claim(post) as claimed:
            if claimed:
                await self._prepare(server, post)

    async def _prepare(self, server: Server, post: PostRow) -> None:
        tries, reason = post.tries, post.reason
        if post.job_id and (job := await self.queue.jobs.get(post.job_id)):
            tries, reason = tries + 1, job.reason
        if tries >= TRIES:
            await self.posts.release(
                post, state=PostState.FAILED, reason=reason or Text("The dreams failed.")
            )
            return
        try:
            await self._count_votes(server.id)
            rng = random.Random(f"{post.guild_id} {post.slot} {tries}")
            settings = await self.settings.effective(server.id)
            chosen, job = await self.dreams.request(server, settings, rng, post.due_at)
        except RecipeError as error:
            reason = Text("The recipe cannot be dreamt: {error} Choose one with `daily recipe`.", error=error)
            await self.posts.release(post, state=PostState.FAILED, reason=reason)
            await self.report_failure(server.id, reason)
        except Refused as refused:  # the queue takes nothing now
            log.info("the daily dream of server %s waits: %s", server.id, refused)
        except Exception as error:
            log.exception("the daily dream of server %s could not be prepared", server.id)
            tries += not is_outage(error)
            await self.posts.release(
                post, tries=tries, reason=Text("It could not be prepared: {error}", error=error)
            )
        else:
            if not await self.posts.release(post, tries=tries, job_id=job.id, **chosen.columns):
                await self.queue.erase(job.id)  # the post was withdrawn meanwhile

    async def _withdraw_hidden(self) -> None:
        """Delete planned posts whose source channel has become less public; they are planned anew."""
        for post in await self.posts.from_members():
            if self.servers.get(post.guild_id) and not self.servers.may_show(post):
                for job_id in await self.posts.delete_planned(post.guild_id, id=post.id):
                    await self.queue.erase(job_id)

    async def _count_votes(self, guild_id: int) -> None:
        """Store the votes of a server's latest posts."""
        since = self.clock.now() - VOTED_ON
        for post in await self.posts.history(guild_id, limit=3):
            if post.state != PostState.POSTED or post.due_at < since:
                continue
            votes = await self.servers.votes(post)
            if votes is not None and votes != post.votes:
                await self.posts.set_votes(post, votes)

    async def report_failure(self, guild_id: int, reason: Text) -> None:
        """Count a failure that a server's admins have to fix; they are notified of the first in a row."""
        state = await self.states.count_failure(guild_id, reason)
        if state and state.failures == 1:
            await self.servers.notify_admins(
                guild_id,
                state.admin_id,
                Text(
                    "{reason} I try again at its next times, {count} times in all, then it pauses; "
                    "`daily status` shows how it stands.",
                    reason=reason,
                    count=PAUSE_AFTER,
                ),
            )
