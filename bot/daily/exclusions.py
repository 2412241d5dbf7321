"""What is never dreamt: pictures that moderators removed, and those of members who asked for that."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select

from bot.store.daily import ForgottenRow, PostRow, RemovedRow
from bot.store.database import Database, shielded


@shielded
class Exclusions:
    """Reads and writes them. Members are known by a keyed hash of their id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pictures(self, guild_id: int) -> set[str]:
        """The names and hashes of the pictures that are never used on a server."""
        async with self._database.session() as session:
            return set(await session.scalars(select(RemovedRow.mark).where(RemovedRow.guild_id == guild_id)))

    async def add_picture(self, post: PostRow) -> None:
        """Never use a post's picture again on its server."""
        async with self._database.session() as session, session.begin():
            for mark in {post.source, post.digest} - {None}:
                await session.merge(RemovedRow(guild_id=post.guild_id, mark=mark))

    async def members(self, hashes: Collection[str]) -> set[str]:
        """Which of these members are left out."""
        query = select(ForgottenRow.member_hash).where(ForgottenRow.member_hash.in_(hashes))
        async with self._database.session() as session:
            return set(await session.scalars(query))

    async def add_member(self, member_hash: str) -> None:
        """Leave a member out, on every server."""
        async with self._database.session() as session, session.begin():
            await session.merge(ForgottenRow(member_hash=member_hash))

    async def remove_member(self, member_hash: str) -> bool:
        """Take that back; False if the member was not left out."""
        query = delete(ForgottenRow).where(ForgottenRow.member_hash == member_hash)
        async with self._database.session() as session, session.begin():
            found = await session.scalars(query.returning(ForgottenRow.member_hash))
            return found.first() is not None

    async def forget_guild(self, guild_id: int) -> None:
        """Delete a server's removed pictures."""
        async with self._database.session() as session, session.begin():
            await session.execute(delete(RemovedRow).where(RemovedRow.guild_id == guild_id))
