"""The repository of the posts of the week's best. Every change of state is a compare-and-set on the row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError

from bot.schedule import Schedule
from bot.settings.values import Values
from bot.store.database import Database, shielded
from bot.store.hall import OPEN_BEST, BestRow, BestState, StarredRow
from bot.store.lease import Lease
from bot.store.settings import WHOLE_SERVER, SettingRow


def best_schedule(values: Values) -> Schedule:
    """When a server's posts of the best are due."""
    return Schedule(values.best_times, values.daily_zone, values.best_days)


@shielded
class BestRepository:
    """Reads and writes posts of the best, for one bot process."""

    def __init__(self, database: Database, lease: Lease) -> None:
        self._database, self._lease = database, lease

    async def servers(self, *channels: str) -> Sequence[int]:
        """The servers, of all processes, that have chosen a channel by one of these settings."""
        query = select(SettingRow.guild_id).where(
            SettingRow.name.in_(channels), SettingRow.channel_id == WHOLE_SERVER
        )
        async with self._database.session() as session:
            return (await session.scalars(query.distinct())).all()

    async def plan(self, guild_id: int, slot: str, due_at: datetime, state: BestState) -> None:
        """Insert the post of a slot, unless there is one."""
        try:
            async with self._database.session() as session, session.begin():
                session.add(BestRow(guild_id=guild_id, slot=slot, due_at=due_at, state=state))
        except IntegrityError:
            return

    async def taken(self, guild_id: int, since: datetime) -> set[str]:
        """The slots of a server's posts due since a moment."""
        query = select(BestRow.slot).where(BestRow.guild_id == guild_id, BestRow.due_at >= since)
        async with self._database.session() as session:
            return set(await session.scalars(query))

    async def open(self) -> Sequence[BestRow]:
        """The posts that are still to be sent, of all processes."""
        query = select(BestRow).where(BestRow.state.in_(OPEN_BEST)).order_by(BestRow.due_at)
        async with self._database.session() as session:
            return (await session.scalars(query)).all()

    async def get(self, id: str) -> BestRow | None:
        """One post."""
        async with self._database.session() as session:
            return await session.get(BestRow, id)

    async def claim(self, post: BestRow) -> bool:
        """Own an open post; False if another process does, or it has changed."""
        free = or_(self._lease.is_free(BestRow.owner), BestRow.owner == self._lease.owner)
        return await self._change(post, free, owner=self._lease.owner)

    async def begin(self, post: BestRow, shown: Collection[str]) -> bool:
        """Show these dreams in a claimed post, which may be sent from now on."""
        mine = BestRow.owner == self._lease.owner
        dreams = StarredRow.job_id.in_(shown), StarredRow.best_id.is_(None)
        chosen = update(StarredRow).where(*dreams).values(best_id=post.id)
        return await self._change(post, mine, chosen, state=BestState.POSTING)

    async def close(self, post: BestRow, state: BestState, **values: Any) -> bool:
        """End a claimed post in a final state."""
        mine = BestRow.owner == self._lease.owner
        return await self._change(post, mine, state=state, owner=None, **values)

    async def _change(self, post: BestRow, condition: Any, *also: Any, **values: Any) -> bool:
        query = update(BestRow).where(BestRow.id == post.id, BestRow.state == post.state, condition)
        async with self._database.session() as session, session.begin():
            changed = await session.scalar(query.values(**values).returning(BestRow.id))
            for statement in also if changed is not None else ():
                await session.execute(statement)
        if changed is not None:
            for name, value in values.items():
                setattr(post, name, value)
        return changed is not None
