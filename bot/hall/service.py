"""The hall of fame's operations for events, buttons and the periodic tasks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import or_

from bot.clock import Clock
from bot.hall.best import BestRepository, best_schedule
from bot.hall.starred import StarredRepository
from bot.opt_outs import OptOuts
from bot.queue.queue import Queue
from bot.settings.rows import Change
from bot.settings.service import Settings
from bot.settings.values import HallOfFame
from bot.store.database import Database
from bot.store.hall import BestRow, BestState, Placing, StarredRow
from bot.store.jobs import State
from bot.store.opt_outs import Matter
from config.schema import Daily

WEEK: Final = timedelta(days=7)
LEAST_GRACE: Final = timedelta(minutes=10)
"""How long after its time a post of the best is still sent, at least: it is looked for each minute."""


class HallService:
    """Keeps the rows of starred dreams and of posts of the best."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        settings: Settings,
        opt_outs: OptOuts,
        clock: Clock,
        config: Daily,
    ) -> None:
        self.starred = StarredRepository(database, queue.lease)
        self.best = BestRepository(database, queue.lease)
        self._queue, self._settings, self._opt_outs, self._clock = queue, settings, opt_outs, clock
        self._grace = max(timedelta(hours=config.grace), LEAST_GRACE)
        self.to_look_through: set[int] = set()
        """Servers whose last dreams may have stars that nobody told of."""
        settings.subscribe(self._settings_changed)

    # What happens

    async def stars_changed(self, guild_id: int, message_id: int) -> None:
        """A message of a server got a star, or lost one."""
        here = await self._settings.effective(guild_id)
        if not here.hall_channel and not here.best_channel:
            return
        if await self.starred.touch(StarredRow.message_id == message_id):
            return
        job = await self._queue.jobs.of_message(message_id)
        if job and job.state is State.DONE and job.status_message_id == message_id and job.guild_id:
            await self.starred.add(job)

    async def messages_deleted(self, message_ids: Collection[int]) -> None:
        """A dream whose message is deleted leaves the hall, and one whose post was deleted stays out."""
        await self.starred.withdraw(StarredRow.message_id.in_(message_ids))
        await self.starred.withdraw(
            StarredRow.post_message_id.in_(message_ids), placing=Placing.OUT, post_message_id=None
        )

    async def remove(self, row: StarredRow) -> bool:
        """Take a dream out for good; False if it is already."""
        return await self.starred.withdraw(StarredRow.job_id == row.job_id)

    async def set_opt_out(self, member_id: int, wants_out: bool) -> None:
        """Leave a member's dreams, and those of their pictures, out from now on, or let them in (again)."""
        if wants_out:
            await self._opt_outs.add(member_id, Matter.HALL)
        else:
            await self._opt_outs.remove(member_id, Matter.HALL)
        await self.starred.touch(or_(StarredRow.member_id == member_id, StarredRow.author_id == member_id))

    async def forget_member(self, member_id: int) -> None:
        """Take a member's dreams out, and keep nothing of them."""
        await self.starred.forget_member(member_id)

    async def purge(self) -> None:
        """Delete what is not needed any more."""
        await self.starred.purge()

    async def _settings_changed(self, guild_id: int, changes: Sequence[Change], by: int) -> None:
        """Look for stars that were given before, and post no slot of the past."""
        changed = {change.name for change in changes} & HallOfFame.model_fields.keys()
        if changed & {"hall_channel", "hall_stars", "best_channel"}:
            self.to_look_through.add(guild_id)
        if changed - {"hall_channel", "hall_stars"}:
            now, here = self._clock.now(), await self._settings.effective(guild_id)
            for slot in best_schedule(here).between(now - self._grace, now):
                await self.best.plan(guild_id, slot.name, slot.due, BestState.SKIPPED)

    # What is asked

    async def left_out(self, row: StarredRow) -> bool:
        """Whether somebody opted out whose dream, or whose picture, it is."""
        return bool(await self._opt_outs.among(Matter.HALL, (row.member_id, row.author_id)))

    async def plan_best(self, guild_id: int) -> None:
        """Plan the posts of a server that are due now; of overdue slots only the last."""
        here = await self._settings.effective(guild_id)
        if not here.best_channel:
            return
        now = self._clock.now()
        due = [*best_schedule(here).between(now - self._grace, now)]
        if not due:
            return
        taken = await self.best.taken(guild_id, now - self._grace)
        for number, slot in enumerate(due, 1):
            if slot.name not in taken:
                state = BestState.PLANNED if number == len(due) else BestState.SKIPPED
                await self.best.plan(guild_id, slot.name, slot.due, state)

    async def candidates(self, post: BestRow) -> list[StarredRow]:
        """The dreams that a post may show, the best first."""
        found = await self.starred.best(post.guild_id, post.due_at - WEEK, post.due_at)
        return [row for row in found if not await self.left_out(row)]

    def is_too_late(self, post: BestRow) -> bool:
        """Whether a post should not be sent any more."""
        return post.due_at < self._clock.now() - self._grace
