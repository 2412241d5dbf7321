"""Blocked members, servers' approval by the operator, and the pause of the whole bot."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import and_, bindparam, delete, literal, select

from bot.clock import Clock
from bot.pseudonyms import Pseudonym
from bot.store.database import Database, shielded
from bot.store.settings import AuditRow, BlockRow, NoticeRow, ServerRow
from config.schema import Config
from dream.texts import Text

PAUSE: Final = "pause"
WHOLE_BOT: Final = 0
"""The `guild_id` of the audit log's entries on operators' decisions."""

FOR_GOOD: Final = Text("for good")
"""How long a block lasts that has no end, in the log."""


_PAUSE_APPROVAL_AND_BLOCK = (
    select(NoticeRow.text, ServerRow.approval, BlockRow)
    .select_from(select(literal(1)).subquery())
    .outerjoin(NoticeRow, NoticeRow.name == PAUSE)
    .outerjoin(ServerRow, ServerRow.guild_id == bindparam("guild_id"))
    .outerjoin(
        BlockRow,
        and_(BlockRow.guild_id == bindparam("guild_id"), BlockRow.member_hash == bindparam("member_hash")),
    )
)
"""Always one row. Building the statement takes as long as executing it."""


class Approval(StrEnum):
    """Whether a server may use the bot, with the values that the database stores."""

    PENDING = "asked"
    """The operators were asked and have not answered."""
    ALLOWED = "allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Block:
    """A blocked member. `member_id` is None for a forgotten one, `until` for a permanent block."""

    member_id: int | None
    until: datetime | None
    reason: str


@shielded
class Moderation:
    """Reads and writes blocks, approvals and the pause."""

    def __init__(self, database: Database, config: Config, clock: Clock, pseudonym: Pseudonym) -> None:
        self._database = database
        self._config = config.moderation
        self._clock = clock
        self._pseudonym = pseudonym

    async def refusal(self, guild_id: int | None, members: int, member_id: int | None = None) -> Text | None:
        """A sentence on why this member may not ask for a dream now, or None if they may.

        `members` is the server's member count; without a member, it is why nobody there may. A single
        statement, because every request waits for it.
        """
        hashed = None if member_id is None else self._pseudonym(member_id)
        whose = {"guild_id": guild_id, "member_hash": hashed}
        async with self._database.session() as session:
            notice, approval, block = (await session.execute(_PAUSE_APPROVAL_AND_BLOCK, whose)).one()
        if notice:
            return Text("Dreambot takes a break: {notice}", notice=Text(notice))
        if guild_id is None:
            return None
        match self.resolve_approval(guild_id, members, Approval(approval) if approval else None):
            case Approval.DENIED:
                return Text("The bot's operator has not opened it to this server.")
            case Approval.PENDING:
                return Text(
                    "The bot's operator is being asked whether it may dream on a server of this size."
                )
        if block is None or (block.until and block.until <= self._clock.now()):
            return None
        if block.until is None:
            return Text("You can't ask for dreams on this server; its moderators can tell you more.")
        return Text(
            "You can't ask for dreams on this server until {time}; its moderators can tell you more.",
            time=f"<t:{block.until.timestamp():.0f}:f>",
        )

    def resolve_approval(self, guild_id: int, members: int, approval: Approval | None) -> Approval:
        """Whether a server may use the bot, by configuration, member count and its stored `approval`."""
        allowed = self._config.allow_servers
        if guild_id in self._config.deny_servers or (allowed and guild_id not in allowed):
            return Approval.DENIED
        large = bool(self._config.ask_above) and members > self._config.ask_above
        if approval is Approval.DENIED or approval is Approval.ALLOWED:
            return approval
        return Approval.PENDING if large and guild_id not in allowed else Approval.ALLOWED

    async def approval(self, guild_id: int) -> Approval | None:
        """The stored approval of a server; None if operators were never asked."""
        async with self._database.session() as session:
            row = await session.get(ServerRow, guild_id)
        return Approval(row.approval) if row and row.approval else None

    async def approvals(self) -> dict[int, Approval]:
        """The stored approvals by server id."""
        query = select(ServerRow.guild_id, ServerRow.approval).where(ServerRow.approval.is_not(None))
        async with self._database.session() as session:
            rows = (await session.execute(query)).all()
        return {guild_id: Approval(approval) for guild_id, approval in rows if approval}

    async def decide(self, guild_id: int, approval: Approval, *, by: int) -> None:
        """Store a server's approval, and log it."""
        async with self._database.session() as session, session.begin():
            row = await session.get(ServerRow, guild_id) or ServerRow(guild_id=guild_id)
            before, row.approval = row.approval, approval
            session.add(row)
            session.add(self._entry(WHOLE_BOT, by, "server", str(guild_id), before, approval))

    async def paused(self) -> str | None:
        """The operator's notice if the bot is paused, else None."""
        async with self._database.session() as session:
            row = await session.get(NoticeRow, PAUSE)
        return row.text if row else None

    async def pause(self, notice: str, *, by: int) -> None:
        """Accept no new dreams; requests are answered with the notice."""
        async with self._database.session() as session, session.begin():
            await session.merge(NoticeRow(name=PAUSE, text=notice))
            session.add(self._entry(WHOLE_BOT, by, "pause", "", None, notice))

    async def resume(self, *, by: int) -> bool:
        """End the pause; False if there was none."""
        async with self._database.session() as session, session.begin():
            row = await session.get(NoticeRow, PAUSE)
            if row is not None:
                await session.delete(row)
                session.add(self._entry(WHOLE_BOT, by, "resume", "", row.text, None))
        return row is not None

    async def block(
        self, guild_id: int, member_id: int, *, until: datetime | None, reason: str, by: int
    ) -> None:
        """Keep a member from asking for dreams on a server, until a time or, with None, permanently."""
        member_hash = self._pseudonym(member_id)
        async with self._database.session() as session, session.begin():
            row = BlockRow(
                guild_id=guild_id, member_hash=member_hash, member_id=member_id, until=until, reason=reason
            )
            await session.merge(row)
            after = until.isoformat(timespec="minutes") if until else FOR_GOOD.message
            session.add(self._entry(guild_id, by, "block", str(member_id), None, after))

    async def unblock(self, guild_id: int, member_id: int, *, by: int) -> bool:
        """Remove a member's block; False if there was none."""
        async with self._database.session() as session, session.begin():
            row = await session.get(BlockRow, (guild_id, self._pseudonym(member_id)))
            if row is not None:
                await session.delete(row)
                session.add(self._entry(guild_id, by, "unblock", str(member_id), None, None))
        return row is not None

    async def blocked(self, guild_id: int, hashes: Collection[str]) -> set[str]:
        """The subset of these members' keyed hashes that are blocked on a server now."""
        query = select(BlockRow.member_hash).where(
            BlockRow.guild_id == guild_id,
            BlockRow.member_hash.in_(hashes),
            BlockRow.until.is_(None) | (BlockRow.until > self._clock.now()),
        )
        async with self._database.session() as session:
            return set(await session.scalars(query))

    async def blocks(self, guild_id: int) -> Sequence[Block]:
        """A server's current blocks."""
        async with self._database.session() as session:
            rows = await session.scalars(select(BlockRow).where(BlockRow.guild_id == guild_id))
            now = self._clock.now()
            return [
                Block(row.member_id, row.until, row.reason)
                for row in rows
                if not row.until or row.until > now
            ]

    async def log_removal(self, guild_id: int, job_id: str, *, by: int) -> None:
        """Log that somebody removed a dream."""
        async with self._database.session() as session, session.begin():
            session.add(self._entry(guild_id, by, "remove", job_id, None, None))

    async def forget_member(self, member_id: int) -> None:
        """Remove a member's id from their blocks, which keep the keyed hash."""
        async with self._database.session() as session, session.begin():
            for row in await session.scalars(select(BlockRow).where(BlockRow.member_id == member_id)):
                row.member_id = None
                row.reason = ""

    async def purge(self) -> None:
        """Delete expired blocks."""
        async with self._database.session() as session, session.begin():
            await session.execute(delete(BlockRow).where(BlockRow.until <= self._clock.now()))

    def _entry(
        self, guild_id: int, by: int, action: str, subject: str, before: str | None, after: str | None
    ) -> AuditRow:
        return AuditRow(
            at=self._clock.now(),
            guild_id=guild_id,
            channel_id=0,
            actor=str(by),
            action=action,
            subject=subject,
            before=before,
            after=after,
        )
