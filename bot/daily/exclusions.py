"""Pictures that moderators removed, and members who opted out."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select

from bot.store.daily import ForgottenRow, PostRow, RemovedRow
from bot.store.database import Database, shielded


@shielded
class Exclusions:
    """Reads and writes excluded pictures, and members by the keyed hash of their id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pictures(self, guild_id: int) -> set[str]:
        """The names and hashes of a server's excluded pictures."""
        async with self._database.session() as session:
            return set(await session.scalars(select(RemovedRow.mark).where(RemovedRow.guild_id == guild_id)))

    async def add_picture(self, post: PostRow) -> None:
        """Exclude a post's picture on its server."""
        async with self._database.session() as session, session.begin():
            for mark in {post.source, post.digest} - {None}:
                await session.merge(RemovedRow(guild_id=post.guild_id, mark=mark))

    async def members(self, hashes: Collection[str]) -> set[str]:
        """The subset of these hashes whose members opted out."""
        query = select(ForgottenRow.member_hash).where(ForgottenRow.member_hash.in_(hashes))
        async with self._database.session() as session:
            return set(await session.scalars(query))

    async def add_member(self, member_hash: str) -> None:
        """Exclude a member's pictures, on all servers."""
        async with self._database.session() as session, session.begin():
            await session.merge(ForgottenRow(member_hash=member_hash))

    async def remove_member(self, member_hash: str) -> bool:
        """Undo it; False if the member was not excluded."""
        query = delete(ForgottenRow).where(ForgottenRow.member_hash == member_hash)
        async with self._database.session() as session, session.begin():
            found = await session.scalars(query.returning(ForgottenRow.member_hash))
            return found.first() is not None
