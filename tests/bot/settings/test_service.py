"""Settings, presets, blocks and the audit in real databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.clock import ManualClock
from bot.moderation import Approval, Moderation
from bot.settings.scopes import Scope
from bot.settings.service import Settings
from bot.settings.values import CHANNEL_SETTINGS, SETTINGS, Kind, SettingError
from bot.store.database import Database
from config.presets import load_presets
from config.schema import Config, Dream
from config.schema import Moderation as ModerationSection
from tests.support.setting_values import BAD, CHANGES

ADMIN, SERVER = 900, 700
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def service(database: Database, folder: Path, **sections: Any) -> Settings:
    return Settings(database, Config(data=folder, **sections), ManualClock(NOON), load_presets())


async def test_a_choice_is_stored_and_holds_after_a_restart(database: Database, tmp_path: Path) -> None:
    before = service(database, tmp_path)
    await before.choose(SERVER, "size", "512", by=ADMIN)
    await before.choose(SERVER, "spoiler", "on", by=ADMIN, channel_id=11)
    await before.choose(SERVER, "roles", "<@&5> <@&6>", by=ADMIN)
    after = service(database, tmp_path)
    here = await after.effective(SERVER, 11)
    assert (here.size, here.spoiler, here.roles) == (512, True, (5, 6))
    assert (here.origins["size"], here.origins["spoiler"], here.origins["recipe"]) == (
        Scope.SERVER,
        Scope.CHANNEL,
        Scope.BUILT_IN,
    )
    assert (await after.effective(SERVER, 12)).spoiler is False
    assert (await after.effective(SERVER + 1)).size == 0


async def test_every_change_is_logged_with_who_when_from_and_to(database: Database, tmp_path: Path) -> None:
    service_ = service(database, tmp_path)
    await service_.choose(SERVER, "size", 512, by=ADMIN)
    await service_.choose(SERVER, "size", 512, by=ADMIN)  # no change, no line
    await service_.choose(SERVER, "size", 600, by=ADMIN + 1)
    await service_.reset(SERVER, by=ADMIN)
    log = [
        (e.action, e.actor, e.subject, e.before, e.after, e.at) for e in await service_.audit_log(SERVER, 10)
    ]
    assert log == [
        ("reset", str(ADMIN), "size", 600, None, NOON),
        ("set", str(ADMIN + 1), "size", 512, 600, NOON),
        ("set", str(ADMIN), "size", None, 512, NOON),
    ]


@pytest.mark.parametrize(
    ("name", "value", "channel", "said"),
    [
        ("max_size", 1025, 0, "can be at most 1024"),
        ("size", 2000, 0, r"Usual size\*\* can be at most 1024"),
        ("networks", "inception_v3", 0, "operator does not let inception_v3"),
        ("prefix", "?", 11, "whole server"),
        ("networks", "squeezenet", 0, "recipe"),
        ("recipe", "mixde5", 0, "mixed5"),
        ("recipe", "mixed5", 0, "inception_v3"),
        ("recipe", "block8 size=2000", 0, "size=1024"),
        ("zzzz", 1, 0, "no setting called “zzzz”; “/settings” shows them all."),
        ("admin_role", SERVER, 0, "@everyone"),
        ("daily_enabled", "on", 0, "First choose .*Daily channel"),
        ("daily_sources", "folder", 0, "no folder"),
        ("daily_recipe", "mixde5", 0, "mixed5"),
        ("daily_recipe", "block8 zoom=1.1", 0, "is a picture"),
        ("daily_times", "25:00", 0, "did you mean `01:00`"),
        ("daily_zone", "Berln", 0, "Europe/Berlin"),
        ("daily_zone", "Berlin", 11, "whole server"),
    ],
)
async def test_what_cannot_work_is_refused(
    tmp_path: Path, name: str, value: object, channel: int, said: str
) -> None:
    async with opened(tmp_path) as database:
        allowed = Dream(max_size=1024, networks=("efficientnet_lite0", "squeezenet"))
        server = service(database, tmp_path, dream=allowed)
        with pytest.raises(SettingError, match=said):
            await server.choose(SERVER, name, value, by=ADMIN, channel_id=channel)
        assert await server.audit_log(SERVER, 1) == []
        assert (await server.server(SERVER)).choices == {}


class opened:  # noqa: N801
    """A SQLite database in a folder, open for a block."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.database = Database(f"sqlite:///{folder}/dreambot.db")

    async def __aenter__(self) -> Database:
        await self.database.open()
        return self.database

    async def __aexit__(self, *_: object) -> None:
        await self.database.close()


MESS = st.sampled_from([(name, value) for name, values in BAD.items() for value in values])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES, st.lists(MESS, min_size=1, max_size=5), st.randoms())
def test_invalid_changes_among_valid_ones_change_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[str, Any, int]],
    mess: list[Any],
    random: Any,
) -> None:
    """The database holds just what the accepted changes made, and so does a fresh reading of it."""

    async def play() -> None:
        folder = tmp_path_factory.mktemp("play")
        async with opened(folder) as database:
            server = service(database, folder)
            expected: dict[int, dict[str, Any]] = {}
            steps = [*changes, *((name, ("bad", value), 0) for name, value in mess)]
            random.shuffle(steps)
            for name, value, channel in steps:
                bad = isinstance(value, tuple) and value[:1] == ("bad",)
                try:
                    if value is None:
                        await server.reset(SERVER, name, by=ADMIN, channel_id=channel)
                    else:
                        await server.choose(
                            SERVER, name, value[1] if bad else value, by=ADMIN, channel_id=channel
                        )
                except SettingError:
                    continue
                assert not bad, f"{name} took {value[1]!r}"
                expected.setdefault(channel, {}).pop(name, None)
                if value is not None:
                    expected[channel][name] = value
            expected = {channel: chosen for channel, chosen in expected.items() if chosen}
            assert (await server.server(SERVER)).choices == expected
            assert (await service(database, folder).server(SERVER)).choices == expected

    asyncio.run(play())


async def test_export_reset_and_import_give_the_same(database: Database, tmp_path: Path) -> None:
    server = service(database, tmp_path)
    assert EXAMPLES.keys() == SETTINGS.keys()
    for name in EXAMPLES:
        await server.choose(SERVER, name, EXAMPLES[name], by=ADMIN)
        if name in CHANNEL_SETTINGS:
            await server.choose(SERVER, name, EXAMPLES[name], by=ADMIN, channel_id=11)
    await server.save_preset(SERVER, "fog", "block8*0.5+block9 steps=7", by=ADMIN)
    chosen = await server.server(SERVER)
    exported = await server.export_toml(SERVER)
    await server.reset(SERVER, by=ADMIN)
    assert (await server.server(SERVER)).choices == {}
    await server.import_toml(SERVER, exported, by=ADMIN)
    assert await server.server(SERVER) == chosen
    assert await service(database, tmp_path).server(SERVER) == chosen
    assert await server.import_toml(SERVER, exported, by=ADMIN) == []


EXAMPLES: dict[str, Any] = {
    "recipe": "block8 steps=5",
    "networks": ("efficientnet_lite0", "squeezenet"),
    "layers": ("block8", "block9"),
    "size": 500,
    "max_size": 900,
    "max_steps": 30,
    "previews": False,
    "spoiler": True,
    "member_seconds": 60,
    "server_seconds": 600,
    "prefix": "?",
    "channels": (11, 12),
    "forbidden_channels": (13,),
    "roles": (2**62, 6),
    "blocked_roles": (7,),
    "members": (8,),
    "admin_role": 9,
    "report_channel": 14,
    "others_pictures": "consent",
    "language": "de",
    "hall_channel": 14,
    "hall_stars": 5,
    "best_channel": 14,
    "best_times": (time(20),),
    "best_days": frozenset({6}),
    "daily_channel": 15,  # without which it cannot be turned on
    "daily_enabled": True,
    "daily_times": (time(9), time(21, 30)),
    "daily_zone": "Europe/Berlin",
    "daily_days": frozenset({0, 1, 2, 3, 4}),
    "daily_recipe": "block9 steps=7",
    "daily_thread": True,
    "daily_sources": ("sky",),
    "daily_source_channels": (16, 17),
    "daily_source_days": 30,
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nsize = 500\nmax_steps = 9000\n", r"\[server\] max_steps: \*\*Most steps\*\* must be"),
        (
            "[server]\nsize = 500\n[channels.11]\nprefix = '?'\n",
            r"\[channels.11\] prefix: \*\*Command prefix\*\* is set for the whole",
        ),
        ("[server]\nsize = 500\n[channels.99]\nsize = 70\n", r"\[channels.99\] is no channel"),
        ("[server]\nsize = 500\nspoilr = true\n", "did you mean spoiler"),
        ("[server]\nsize = 500\nadmin_role = 99\n", "99 is not of this server"),
        ("[server]\nsize = 500\n[presets]\nfog = 'blok8'\n", "fog: .*block8"),
        ("[server]\nsize = 500\n[preset]\nfog = 'block8'\n", "did you mean presets"),
        ("[server]\nsize = 500\nrecipe = 'fog'\n", "fog"),
        ("[server]\nsize = \n", "no settings file"),
        ("server = 5\n", "no section"),
        ("[channels]\nx = 5\n", "is no channel"),
    ],
)
async def test_an_import_with_one_bad_value_changes_nothing_and_names_it(
    tmp_path: Path, text: str, said: str
) -> None:
    async with opened(tmp_path) as database:
        server = service(database, tmp_path)
        await server.choose(SERVER, "size", 300, by=ADMIN)
        before = await server.export_toml(SERVER)
        exists: Callable[[Kind, int], bool] = lambda kind, number: number != 99  # noqa: E731
        with pytest.raises(SettingError, match=said):
            await server.import_toml(SERVER, text, by=ADMIN, exists=exists)
        assert await server.export_toml(SERVER) == before
        assert len(await server.audit_log(SERVER, 10)) == 1


async def test_presets_of_a_server_are_its_own(database: Database, tmp_path: Path) -> None:
    server = service(database, tmp_path)
    assert await server.save_preset(SERVER, "fog", "Block3 * 0.5 size=300", by=ADMIN) == "block3*0.5 size=300"
    presets = await server.presets(SERVER)
    assert presets["fog"] == "block3*0.5 size=300" and "puppyslug" in presets
    assert "fog" not in await server.presets(SERVER + 1)
    here = await server.effective(SERVER)
    assert str(here.parse_recipe("fog steps=5", presets)) == "block3*0.5 steps=5 size=300"
    for name, recipe in [
        ("puppyslug", "block3"),
        ("block3", "block4"),
        ("Fog!", "block3"),
        ("mist", "blok3"),
    ]:
        with pytest.raises(SettingError):
            await server.save_preset(SERVER, name, recipe, by=ADMIN)
    await server.choose(SERVER, "recipe", "fog", by=ADMIN)
    with pytest.raises(SettingError, match="fog"):
        await server.delete_preset(SERVER, "fog", by=ADMIN)  # the default recipe needs it
    await server.reset(SERVER, "recipe", by=ADMIN)
    await server.delete_preset(SERVER, "fog", by=ADMIN)
    with pytest.raises(SettingError, match="has none yet"):
        await server.delete_preset(SERVER, "fog", by=ADMIN)


async def test_a_lowered_ceiling_holds_for_what_was_stored_before(database: Database, tmp_path: Path) -> None:
    generous = service(database, tmp_path)
    await generous.choose(SERVER, "max_size", 2000, by=ADMIN)
    await generous.choose(SERVER, "size", 1500, by=ADMIN)
    strict = service(database, tmp_path, dream=Dream(max_size=800))
    here = await strict.effective(SERVER)
    assert (here.max_size, here.origins["max_size"], here.size) == (800, Scope.OPERATOR, 800)
    await strict.choose(SERVER, "spoiler", "on", by=ADMIN)  # an old fault is no reason to refuse a new choice


async def test_a_block_ends_with_its_time_or_by_hand(database: Database, tmp_path: Path) -> None:
    clock = ManualClock(NOON)
    server = service(database, tmp_path)
    blocks = Moderation(database, Config(data=tmp_path), clock, server.pseudonym)
    await blocks.block(SERVER, 5, until=NOON + timedelta(hours=2), reason="spam", by=ADMIN)
    await blocks.block(SERVER, 6, until=None, reason="", by=ADMIN)
    assert "until <t:" in str(await blocks.refusal(SERVER, 10, 5))
    assert await blocks.refusal(SERVER + 1, 10, 5) is None
    assert {block.member_id for block in await blocks.blocks(SERVER)} == {5, 6}
    clock.advance(timedelta(hours=2))
    assert await blocks.refusal(SERVER, 10, 5) is None
    assert await blocks.unblock(SERVER, 6, by=ADMIN)
    assert not await blocks.unblock(SERVER, 6, by=ADMIN)
    assert await blocks.refusal(SERVER, 10, 6) is None
    await blocks.purge()
    assert await blocks.blocks(SERVER) == []
    assert [e.action for e in await server.audit_log(SERVER, 9)] == ["unblock", "block", "block"]


async def test_the_operator_pauses_and_resumes(database: Database, tmp_path: Path) -> None:
    moderation = Moderation(database, Config(data=tmp_path), ManualClock(NOON), str)
    await moderation.pause("back at six", by=1)
    assert "back at six" in str(await moderation.refusal(None, 0, 5))
    assert await moderation.resume(by=1) and not await moderation.resume(by=1)
    assert await moderation.refusal(None, 0, 5) is None


async def test_servers_are_let_in_denied_or_asked_about(database: Database, tmp_path: Path) -> None:
    section = ModerationSection(deny_servers=(3,), ask_above=100)
    moderation = Moderation(database, Config(data=tmp_path, moderation=section), ManualClock(NOON), str)
    assert moderation.resolve_approval(1, 100, None) is Approval.ALLOWED
    assert moderation.resolve_approval(1, 101, None) is Approval.PENDING
    assert moderation.resolve_approval(3, 5, Approval.ALLOWED) is Approval.DENIED
    assert await moderation.approval(1) is None
    await moderation.decide(1, Approval.ALLOWED, by=1)
    assert moderation.resolve_approval(1, 101, await moderation.approval(1)) is Approval.ALLOWED
    await moderation.decide(1, Approval.DENIED, by=1)
    assert moderation.resolve_approval(1, 5, (await moderation.approvals())[1]) is Approval.DENIED
    closed = ModerationSection(allow_servers=(7,))
    moderation = Moderation(database, Config(data=tmp_path, moderation=closed), ManualClock(NOON), str)
    assert [moderation.resolve_approval(n, 5, None) for n in (7, 8)] == [Approval.ALLOWED, Approval.DENIED]
