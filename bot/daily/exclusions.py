"""Pictures that moderators removed."""

from __future__ import annotations

from sqlalchemy import select

from bot.store.daily import PostRow, RemovedRow
from bot.store.database import Database, shielded


@shielded
class Exclusions:
    """Reads and writes excluded pictures."""

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
