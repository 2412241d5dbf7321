"""Who may not ask for dreams: blocked members, servers not let in, or everybody while the bot is paused."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.pseudonyms import Pseudonym
from bot.store.database import Database, uninterrupted
from bot.store.settings import AuditRow, BlockRow, NoticeRow, ServerRow
from config.schema import Config

PAUSE: Final = "pause"
NO_SERVER: Final = 0
"""Stands in the audit for what an operator decided about the whole bot."""


class Verdict(StrEnum):
    """What an operator said about a server."""

    ASKED = "asked"
    ALLOWED = "allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Block:
    """A blocked member. `member_id` is None for one who asked to be forgotten; `until` None is for good."""

    member_id: int | None
    until: datetime | None
    reason: str


@uninterrupted
class Moderation:
    """Blocks, the operator's word on servers, and the pause."""

    def __init__(self, database: Database, config: Config, clock: Clock, pseudonym: Pseudonym) -> None:
        self._database = database
        self._config = config.moderation
        self._clock = clock
        self._pseudonym = pseudonym

    async def refusal(self, guild_id: int | None, members: int, member_id: int) -> str | None:
        """Why nobody, or not this member, may ask for a dream now: a sentence, or None if they may.

        `members` is how many the server has. One transaction, for every dream waits for it.
        """
        async with self._database.session() as session:
            sentence = await self._closed(session, guild_id, members)
            if sentence or guild_id is None:
                return sentence
            block = await self._block_of(session, guild_id, member_id)
        if block is None:
            return None
        until = f" until <t:{block.until.timestamp():.0f}:f>" if block.until else ""
        return f"You can't ask for dreams on this server{until}; its moderators can tell you more."

    async def closed(self, guild_id: int | None, members: int) -> str | None:
        """Why nothing is dreamt for a server now, whoever asks: a sentence, or None if it is."""
        async with self._database.session() as session:
            return await self._closed(session, guild_id, members)

    def standing(self, guild_id: int, members: int, verdict: Verdict | None) -> Verdict:
        """Whether a server with so many members is let in; `verdict` is what an operator said about it."""
        allowed = self._config.allow_servers
        if guild_id in self._config.deny_servers or (allowed and guild_id not in allowed):
            return Verdict.DENIED
        large = bool(self._config.ask_above) and members > self._config.ask_above
        if verdict is Verdict.DENIED or verdict is Verdict.ALLOWED:
            return verdict
        return Verdict.ASKED if large and guild_id not in allowed else Verdict.ALLOWED

    async def verdict(self, guild_id: int) -> Verdict | None:
        """What an operator said about a server; `asked` if they have been asked and have not answered yet."""
        async with self._database.session() as session:
            return await self._verdict(session, guild_id)

    async def verdicts(self) -> dict[int, Verdict]:
        """What operators said about servers; most are never mentioned."""
        query = select(ServerRow.guild_id, ServerRow.verdict).where(ServerRow.verdict.is_not(None))
        async with self._database.session() as session:
            rows = (await session.execute(query)).all()
        return {guild_id: Verdict(verdict) for guild_id, verdict in rows if verdict}

    async def decide(self, guild_id: int, verdict: Verdict, *, by: int) -> None:
        """Write down what an operator said about a server, or that they are being asked."""
        async with self._database.session() as session, session.begin():
            row = await session.get(ServerRow, guild_id) or ServerRow(guild_id=guild_id)
            before, row.verdict = row.verdict, verdict
            session.add(row)
            session.add(self._entry(NO_SERVER, by, "server", str(guild_id), before, verdict))

    async def paused(self) -> str | None:
        """The operator's notice while the bot takes no new dreams."""
        async with self._database.session() as session:
            return await self._paused(session)

    async def pause(self, notice: str, *, by: int) -> None:
        """Take no new dreams, and answer those who ask with the notice."""
        async with self._database.session() as session, session.begin():
            await session.merge(NoticeRow(name=PAUSE, text=notice))
            session.add(self._entry(NO_SERVER, by, "pause", "", None, notice))

    async def resume(self, *, by: int) -> bool:
        """Take dreams again; False if there was no pause."""
        async with self._database.session() as session, session.begin():
            row = await session.get(NoticeRow, PAUSE)
            if row is not None:
                await session.delete(row)
                session.add(self._entry(NO_SERVER, by, "resume", "", row.text, None))
        return row is not None

    async def block(
        self, guild_id: int, member_id: int, *, until: datetime | None, reason: str, by: int
    ) -> None:
        """Let a member ask for no more dreams on a server, for good or until a moment."""
        member_hash = self._pseudonym(member_id)
        async with self._database.session() as session, session.begin():
            row = BlockRow(
                guild_id=guild_id, member_hash=member_hash, member_id=member_id, until=until, reason=reason
            )
            await session.merge(row)
            after = until.isoformat(timespec="minutes") if until else "for good"
            session.add(self._entry(guild_id, by, "block", str(member_id), None, after))

    async def unblock(self, guild_id: int, member_id: int, *, by: int) -> bool:
        """Let a member ask for dreams again; False if they were not blocked."""
        async with self._database.session() as session, session.begin():
            row = await session.get(BlockRow, (guild_id, self._pseudonym(member_id)))
            if row is not None:
                await session.delete(row)
                session.add(self._entry(guild_id, by, "unblock", str(member_id), None, None))
        return row is not None

    async def block_of(self, guild_id: int, member_id: int) -> Block | None:
        """The block of a member on a server, while it lasts."""
        async with self._database.session() as session:
            return await self._block_of(session, guild_id, member_id)

    async def blocked(self, guild_id: int, hashes: Collection[str]) -> set[str]:
        """Which of these members, by their keyed hashes, are blocked on a server now."""
        query = select(BlockRow.member_hash).where(
            BlockRow.guild_id == guild_id,
            BlockRow.member_hash.in_(hashes),
            BlockRow.until.is_(None) | (BlockRow.until > self._clock.now()),
        )
        async with self._database.session() as session:
            return set(await session.scalars(query))

    async def blocks(self, guild_id: int) -> Sequence[Block]:
        """Everybody who is blocked on a server."""
        async with self._database.session() as session:
            rows = await session.scalars(select(BlockRow).where(BlockRow.guild_id == guild_id))
            now = self._clock.now()
            return [
                Block(row.member_id, row.until, row.reason)
                for row in rows
                if not row.until or row.until > now
            ]

    async def removed(self, guild_id: int, job_id: str, *, by: int) -> None:
        """Write down that somebody removed a dream."""
        async with self._database.session() as session, session.begin():
            session.add(self._entry(guild_id, by, "remove", job_id, None, None))

    async def forget_member(self, member_id: int) -> None:
        """Keep a member's blocks by their hash alone."""
        async with self._database.session() as session, session.begin():
            for row in await session.scalars(select(BlockRow).where(BlockRow.member_id == member_id)):
                row.member_id = None
                row.reason = ""

    async def forget_guild(self, guild_id: int) -> None:
        """Delete a server's blocks."""
        async with self._database.session() as session, session.begin():
            await session.execute(delete(BlockRow).where(BlockRow.guild_id == guild_id))

    async def purge(self) -> None:
        """Delete blocks that have run out."""
        async with self._database.session() as session, session.begin():
            await session.execute(delete(BlockRow).where(BlockRow.until <= self._clock.now()))

    async def _closed(self, session: AsyncSession, guild_id: int | None, members: int) -> str | None:
        if notice := await self._paused(session):
            return f"Dreambot takes a break: {notice}"
        if guild_id is None:
            return None
        match self.standing(guild_id, members, await self._verdict(session, guild_id)):
            case Verdict.DENIED:
                return "The bot's operator has not opened it to this server."
            case Verdict.ASKED:
                return "The bot's operator is being asked whether it may dream on a server of this size."
        return None

    async def _paused(self, session: AsyncSession) -> str | None:
        row = await session.get(NoticeRow, PAUSE)
        return row.text if row else None

    async def _verdict(self, session: AsyncSession, guild_id: int) -> Verdict | None:
        row = await session.get(ServerRow, guild_id)
        return Verdict(row.verdict) if row and row.verdict else None

    async def _block_of(self, session: AsyncSession, guild_id: int, member_id: int) -> Block | None:
        row = await session.get(BlockRow, (guild_id, self._pseudonym(member_id)))
        if row is None or (row.until and row.until <= self._clock.now()):
            return None
        return Block(row.member_id, row.until, row.reason)

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
