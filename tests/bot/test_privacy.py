"""To be forgotten and to be left, searched for in the database and on the disk; and what is said about it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bench.support.pretended_dreams import WAITS
from bot.pseudonyms import pseudonyms
from bot.queue.request import DreamRequest
from bot.settings.values import FORGOTTEN
from bot.store.base import Base
from bot.store.jobs import Kind
from bot.store.settings import AuditRow, BlockRow
from config.problems import ConfigError
from config.schema import Config, Privacy, Store
from dream.farm import Farm
from dream.recipe import Recipe
from tests.support.pictures import PHOTO
from tests.support.world import START, SimApp, World, opened, simulated_discord


async def rows_with(app: SimApp, needle: int | bytes) -> list[str]:
    """The tables that hold an id in any column and form, or these bytes."""
    found = []
    async with app.database.session() as session:
        for table in Base.metadata.tables.values():
            for row in (await session.execute(select(table))).mappings():
                for name, value in row.items():
                    holds = (
                        needle in value
                        if isinstance(value, bytes) and isinstance(needle, bytes)
                        else isinstance(needle, int) and str(needle) in str(value)
                    )
                    if holds:
                        found.append(f"{table.name}.{name}")
    return found


def files_with(folder: Path, *needles: bytes) -> list[str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    return [file.name for file in files if any(needle in file.read_bytes() for needle in needles)]


async def test_forget_me_leaves_nothing_but_a_keyed_hash(
    database_url: str, tmp_path: Path, farm: Farm
) -> None:
    app = await opened(tmp_path, farm, store=Store(url=database_url))
    async with simulated_discord(app) as env:
        world = World(app, env)
        alice = world.bob  # has the Fans role
        photo = PHOTO.read_bytes()
        for words in (
            f"settings set admin_role <@&{world.fans.id}>",
            f"settings set members {alice.mention} {world.alice.mention}",
            f"block {alice.mention} 30d {alice.mention} is a test",
            f"unblock {alice.mention}",
        ):
            assert "✅" in await world.admin.says(f"!{words}")
        for words in ("settings set size 300", "preset save fog block3", "daily on #dreams 09:00 UTC"):
            await alice.says(f"!{words.replace('#dreams', world.dreams.mention)}")
        await alice.says("!dream block8", ("chelsea.jpg", photo))
        (job,) = await world.jobs(alice)
        await app.queue.finished(job.id)
        assert await app.queue.jobs.picture(job.id, "source") == photo
        coffee = PHOTO.with_name("coffee.jpg").read_bytes()
        daily = await app.queue.submit(
            DreamRequest(
                recipe=Recipe.parse("block8"), source=coffee, kind=Kind.DAILY, guild_id=world.guild.id
            )
        )
        await app.queue.finished(daily.id)
        await app.daily.posts.plan(
            world.guild.id, "2026-05-01 09:00", START, state="posted", job_id=daily.id, author_id=alice.id
        )
        await alice.says("look at this", ("rocket.jpg", rocket := PHOTO.with_name("rocket.jpg").read_bytes()))
        theirs = await world.dreamt(world.alice, "!dream block9")  # the newest picture here
        assert await app.queue.jobs.picture(theirs.id, "source") == rocket
        await alice.says(f"!sky steps={WAITS} seed=7")  # still being dreamt
        assert "✅" in await world.admin.says(f"!block {alice.mention} bad manners")
        assert await rows_with(app, alice.id)
        assert await rows_with(app, photo[5000:5100])

        assert "can't be undone" in await alice.says("!forget-me")
        ask = world.dreams.last_message
        assert await world.jobs(alice)
        await world.alice.presses("Delete everything of me", ask)  # somebody else
        assert await world.jobs(alice)
        await alice.presses("Delete everything of me", ask)
        assert "deleted, on every server" in world.dreams.history()[-1].content

        assert await rows_with(app, alice.id) == []
        pictures = photo[5000:5100], coffee[5000:5100], rocket[5000:5100], b"dreamt \xff\xd8"
        for picture in pictures:
            assert await rows_with(app, picture) == []
        assert files_with(tmp_path, alice.id.to_bytes(8, "big"), str(alice.id).encode(), *pictures) == []
        assert "You can't ask for dreams" in await alice.says("!sky")
        assert await world.jobs(alice) == []
        assert "somebody who asked to be forgotten" in await world.admin.says("!blocked")
        assert (await app.settings.effective(world.guild.id)).members == (FORGOTTEN, world.alice.id)
        async with app.database.session() as session:
            (block,) = await session.scalars(select(BlockRow))
            entry = await session.scalar(select(AuditRow).where(AuditRow.action == "forget"))
        assert entry is not None and entry.actor == block.member_hash == app.settings.pseudonym(alice.id)
        assert "somebody forgotten" in await world.admin.says("!settings log")
        assert "✅" in await world.admin.says(f"!unblock {alice.mention}")
    await app.stop()
    assert files_with(tmp_path, photo[5000:5100], b"dreamt \xff\xd8") == []


async def test_a_server_that_was_left_is_deleted_after_its_grace(tmp_path: Path, farm: Farm) -> None:
    app = await opened(tmp_path, farm)
    async with simulated_discord(app) as env:
        stays, goes = World(app, env), World(app, env)
        for world in (stays, goes):
            await world.admin.says("!settings set size 300")
            await world.admin.says("!preset save fog block3")
            await world.admin.says(f"!block {world.bob.mention}")
            await world.admin.says(f"!daily on {world.dreams.mention} 09:00 UTC")
            await world.dreamt(world.alice)
        env.backend.remove_guild(goes.guild.id)
        await env.settle()
        goes.clock.advance(timedelta(days=13))
        await app.privacy.purge()
        assert "settings.guild_id" in await rows_with(app, goes.guild.id)
        goes.clock.advance(timedelta(days=1, minutes=1))
        await app.privacy.purge()
        assert await rows_with(app, goes.guild.id) == []
        kept = await rows_with(app, stays.guild.id)
        assert {"settings.guild_id", "server_presets.guild_id", "blocks.guild_id", "daily.guild_id"} <= {
            *kept
        }
    await app.stop()


async def test_a_server_left_while_the_bot_was_away_is_noticed_and_one_joined_again_is_kept(
    tmp_path: Path, farm: Farm
) -> None:
    app = await opened(tmp_path, farm)
    await app.settings.choose(404, "size", 300, by=1)
    async with simulated_discord(app) as env:
        world = World(app, env)
        await world.admin.says("!settings set size 300")
        await app.privacy.mark_left(world.guild.id)
        await app.privacy.mark_joined(world.guild.id)
        app.clock.advance(timedelta(days=15))
        await app.privacy.purge()
        assert await rows_with(app, 404) == []
        assert (await app.settings.effective(world.guild.id)).size == 300
    await app.stop()


async def test_privacy_is_told_in_plain_words(tmp_path: Path, farm: Farm) -> None:
    privacy = Privacy(retention_days=3, leave_days=5, terms_url="https://example.org/terms")
    app = await opened(tmp_path, farm, privacy=privacy)
    async with simulated_discord(app) as env:
        world = World(app, env)
        said = await world.alice.says("!privacy")
        assert "3 days" in said and "5 days" in said and "https://example.org/terms" in said
        assert "Privacy policy" not in said and "/forget-me" in said
        job = await world.dreamt(world.alice)
        app.clock.advance(timedelta(days=3, minutes=1))
        await app.privacy.purge()
        assert await rows_with(app, b"dreamt of a sky") == [] and await app.queue.jobs.get(job.id) is None
    await app.stop()


async def test_a_key_that_is_none_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(ConfigError, match=r"\[privacy\] key_file"):
        pseudonyms(Config(data=tmp_path, privacy=Privacy(key_file=tmp_path / "key")))


async def test_pseudonyms_hold_over_restarts_and_differ_between_installations(tmp_path: Path) -> None:
    here, there = Config(data=tmp_path / "here"), Config(data=tmp_path / "there")
    assert pseudonyms(here)(5) == pseudonyms(here)(5) != pseudonyms(there)(5)
    assert pseudonyms(here)(5) != pseudonyms(here)(6)
    assert (tmp_path / "here" / "privacy.key").stat().st_mode & 0o777 == 0o600
