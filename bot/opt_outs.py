"""What members want to be left out of, on all servers; they are known by the keyed hash of their id."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select

from bot.pseudonyms import Pseudonym
from bot.store.database import Database, shielded
from bot.store.opt_outs import Matter, OptOutRow


@shielded
class OptOuts:
    """Reads and writes opt-outs, which outlive a member's wish to be forgotten."""

    def __init__(self, database: Database, pseudonym: Pseudonym) -> None:
        self._database, self._pseudonym = database, pseudonym

    async def of(self, member_id: int) -> set[Matter]:
        """What a member opted out of."""
        query = select(OptOutRow.matter).where(OptOutRow.member_hash == self._pseudonym(member_id))
        async with self._database.session() as session:
            return {Matter(matter) for matter in await session.scalars(query)}

    async def among(self, matter: Matter, member_ids: Collection[int | None]) -> set[int]:
        """Those of some members who opted out of a matter."""
        members = {self._pseudonym(id): id for id in member_ids if id is not None}
        query = select(OptOutRow.member_hash).where(
            OptOutRow.matter == matter, OptOutRow.member_hash.in_(members)
        )
        async with self._database.session() as session:
            return {members[member_hash] for member_hash in await session.scalars(query)}

    async def add(self, member_id: int, matter: Matter) -> None:
        """Leave a member out."""
        async with self._database.session() as session, session.begin():
            await session.merge(OptOutRow(member_hash=self._pseudonym(member_id), matter=matter))

    async def remove(self, member_id: int, matter: Matter) -> bool:
        """Undo it; False if the member was not left out."""
        query = delete(OptOutRow).where(
            OptOutRow.member_hash == self._pseudonym(member_id), OptOutRow.matter == matter
        )
        async with self._database.session() as session, session.begin():
            return (await session.scalars(query.returning(OptOutRow.matter))).first() is not None
