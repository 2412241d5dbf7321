"""Settings by text in a simulated Discord: who may, what it does to the next dream, and what is refused."""

from __future__ import annotations

from pathlib import Path

import discord
import pytest

from bot.checks import NOT_A_MANAGER
from bot.settings.values import SETTINGS, SettingError, title
from dream.texts import Text
from tests.support.settings_panel import chosen, notice, opened_panel, put
from tests.support.world import World


async def test_a_member_may_change_nothing(world: World) -> None:
    for words in ("set size 512", "reset size", "export", "import", "log", ""):
        assert str(NOT_A_MANAGER) in await world.alice.says(f"!settings {words}")
    assert (await world.app.settings.server(world.guild.id)).choices == {}


async def test_the_default_recipe_of_a_server_and_of_a_channel(world: World) -> None:
    assert "✅ **Usual recipe**" in await world.admin.says("!settings set recipe block3*0.5 steps=7")
    await world.admin.says(f"!settings set {world.art.mention} recipe puppyslug")
    assert (await world.dreamt(world.alice)).recipe.startswith("block3*0.5 steps=7")
    assert (await world.dreamt(world.alice.at(world.art))).recipe.startswith(
        world.app.settings.shipped_presets["puppyslug"].split(" ")[0]
    )
    assert (await world.dreamt(world.alice, "!sky block9")).recipe.startswith("block9 seed=")
    await world.admin.says("!settings reset recipe")
    assert (await world.dreamt(world.alice)).recipe.startswith("block9+block11")


async def test_the_size_of_the_next_dream(world: World) -> None:
    await world.admin.says("!settings set size 512")
    assert "size=512" in (await world.dreamt(world.alice)).recipe
    assert "size=300" in (await world.dreamt(world.alice, "!sky size=300")).recipe


async def test_no_layer_that_may_not_dream_stands_in_for_another(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))  # without InceptionV3's weights
    await world.dreamt(world.alice, "!sky mixed5")
    await world.admin.says("!settings set recipe mixed5")
    assert "✅" in await world.admin.says("!settings set networks inception_v3")
    said = await world.alice.says("!sky")
    assert "weights are not here yet, and block9" in said and "\n" not in said
    await world.admin.says("!settings set networks inception_v3 efficientnet_lite0")
    await world.dreamt(world.alice)
    await world.admin.says("!settings set layers mixed5")
    assert "block9" in await world.alice.says("!sky")
    assert len(await world.jobs(world.alice)) == 2


async def test_roles_and_members_let_in_and_kept_out(world: World) -> None:
    await world.admin.says(f"!settings set roles <@&{world.fans.id}>")
    await world.admin.says(f"!settings set members {world.alice.mention}")
    await world.dreamt(world.alice)
    await world.dreamt(world.bob)
    assert "only some members" in await world.mod.says("!sky")
    await world.admin.says(f"!settings set blocked_roles <@&{world.fans.id}>")
    assert "One of your roles" in await world.bob.says("!sky")


async def test_spoiler_and_previews_of_the_next_dream(world: World) -> None:
    await world.admin.says("!settings set spoiler on")
    await world.admin.says("!settings set previews off")
    job = await world.dreamt(world.alice)
    assert (job.spoiler, job.previews) == (True, False)
    posted = next(m for m in world.dreams.history() if m.id == job.status_message_id)
    assert posted.attachments[0].is_spoiler()


async def test_the_prefix_of_a_server(world: World) -> None:
    await world.admin.says("!settings set prefix ?")
    assert await world.alice.says("!sky") == ""
    await world.dreamt(world.alice, "?sky")
    assert "✅" in await world.admin.says("?settings reset all")
    await world.dreamt(world.alice, "!sky")


async def test_a_role_that_may_change_settings(world: World) -> None:
    assert str(NOT_A_MANAGER) in await world.bob.says("!settings set size 512")
    await world.admin.says(f"!settings set admin_role <@&{world.fans.id}>")
    assert "✅ **Usual size**" in await world.bob.says("!settings set size 512")
    assert str(NOT_A_MANAGER) in await world.alice.says("!settings set size 500")


async def test_explain_says_what_holds_and_whose_it_is(world: World) -> None:
    await world.admin.says("!settings set size 512")
    await world.admin.says(f"!settings set {world.dreams.mention} spoiler on")
    said = await world.alice.says("!settings explain")
    for name in SETTINGS:
        assert f"**{title(name)}** ({name})" in said
    assert "🏠 **Usual size** (size) `512`" in said and "📌 **Spoilers** (spoiler) on" in said
    assert "🛠️ **Largest size** (max_size) `1024`" in said and "▫️ **Usual recipe**" in said


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("set size big", "**Usual size** must be a whole number from 64 to 1024, or 0"),
        ("set sise 512", "did you mean size?"),
        ("set max_size 2000", "can be at most 1024"),
        ("set recipe mixde5", "mixed5"),
        ("set channels <#12345>", "is not of this server"),
        ("set admin_role <@&12345>", "is not of this server"),
        ("set <#12345> size 512", "no channel of this server"),
        ("set spoiler maybe", "on or off"),
        ("set size", "Something is missing"),
        ("set recipe mixd5", "**Usual recipe** can't be `mixd5`: "),
        ("set recipe mixd5", "did you mean mixed5"),
        ("set #dreems size 512", "did you mean #dreams?"),
        ("set report_channel #dreems", "did you mean dreams?"),
        ("set roles fns", "I see no role `fns` here; did you mean Fans?"),
        ("set members nobody", "I see no member `nobody` here"),
        ("set admin_role @everyone", "can't be @everyone"),
        ("reset", "`!settings reset size`"),
        ("reset sise", "did you mean size?"),
        ("size 512", "`!settings set size 512`"),
        ("import", "attach the file"),
    ],
)
async def test_a_mistake_is_answered_and_changes_nothing(world: World, words: str, answer: str) -> None:
    assert answer in await world.admin.says(f"!settings {words}")
    assert (await world.app.settings.server(world.guild.id)).choices == {}


WRONG = {
    "recipe": (
        "mixd5",
        "I know no layer, preset or class called `mixd5`; did you mean mixed5",
    ),
    "networks": (
        "vgg16",
        "one or more of efficientnet_lite0, squeezenet, inception_v3, not `vgg16`.",
    ),
    "layers": ("blok8", "**Layers**: `blok8` is no layer; did you mean block8?"),
    "size": ("big", "must be a whole number from 64 to 1024, or 0 for the picture's own size, not `big`."),
    "max_size": ("wide", "must be a whole number from 64 to 1024, not `wide`."),
    "max_steps": ("ten", "must be a whole number from 1 to 50, not `ten`."),
    "previews": ("perhaps", "must be on or off, not `perhaps`."),
    "spoiler": ("maybe", "must be on or off, not `maybe`."),
    "member_seconds": ("an hour", "must be a whole number from 1 to 600, not `an hour`."),
    "server_seconds": ("0", "must be a whole number from 1 to 3600, not `0`."),
    "prefix": ("toolong", "must be one to five characters without a space, not `toolong`."),
    "language": ("french", "must be auto, en or de, not `french`."),
    "channels": ("#drems", "I see no channel `#drems` here; did you mean dreams?"),
    "forbidden_channels": ("#drems", "I see no channel `#drems` here; did you mean dreams?"),
    "roles": ("Fand", "I see no role `Fand` here; did you mean Fans?"),
    "blocked_roles": ("Mod", "I see no role `Mod` here; did you mean Mods?"),
    "members": ("nobody", "I see no member `nobody` here."),
    "admin_role": ("Admin", "I see no role `Admin` here; did you mean Admins?"),
    "report_channel": ("here", "must be a channel of this server, or none; I see no channel `here` here."),
    "others_pictures": ("friends", "must be everybody, consent or own, not `friends`."),
    "hall_channel": ("#hall", "must be a channel of this server, or none; I see no channel `#hall` here."),
    "hall_stars": ("many", "must be a whole number from 1 to 1000, not `many`."),
    "best_channel": ("here", "must be a channel of this server, or none; I see no channel `here` here."),
    "best_times": ("noon", "`noon` is no time of day; write it like `09:00` or `21:30`."),
    "best_days": ("someday", "`someday` is no day of the week; did you mean `sunday`?"),
    "daily_enabled": ("yep", "must be on or off, not `yep`."),
    "daily_channel": ("#arts", "I see no channel `#arts` here; did you mean art?"),
    "daily_times": ("25:00", "`25:00` is no time of day (00:00 to 23:59); did you mean `01:00`?"),
    "daily_zone": ("Europe/Berln", "I know no time zone `Europe/Berln`; did you mean `Europe/Berlin`"),
    "daily_days": ("weekends!", "`weekends!` is no day of the week;"),
    "daily_recipe": ("blok8", "I know no layer, preset or class called `blok8`; did you mean block8"),
    "daily_thread": ("3", "must be on or off, not `3`."),
    "daily_sources": ("photos", "must be some of samples, sky, or none, not `photos`."),
    "daily_source_channels": ("#arts", "I see no channel `#arts` here; did you mean art?"),
    "daily_source_days": ("a week", "must be a whole number from 1 to 90, not `a week`."),
}
assert WRONG.keys() == SETTINGS.keys(), "a setting is missing from this test"


async def test_a_wrong_value_is_answered_with_the_settings_title_and_what_to_write(world: World) -> None:
    for name, (typed, answer) in WRONG.items():
        said = await world.admin.says(f"!settings set {name} {typed}")
        assert answer in said
        assert said.startswith(f"**{title(name)}**") and "\n" not in said
        assert "_" not in name or name not in said
    assert (await world.app.settings.server(world.guild.id)).choices == {}


async def test_export_and_import_by_text(world: World) -> None:
    await world.admin.says("!settings set size 512")
    await world.admin.says(f"!settings set {world.art.mention} spoiler on")
    await world.admin.says("!preset save fog block3*0.5")
    await world.admin.says("!settings export")
    before = await world.app.settings.server(world.guild.id)
    file = await world.dreams.last_message.attachments[0].read()
    await world.admin.says("!settings reset all")
    assert "[server] size: **Usual size** must be" in await world.admin.says(
        "!settings import", ("settings.toml", file.replace(b"512", b"9999"))
    )
    assert (await world.app.settings.server(world.guild.id)).choices == {}
    assert "✅ **Usual size**" in await world.admin.says("!settings import", ("settings.toml", file))
    assert await world.app.settings.server(world.guild.id) == before


async def test_the_log_says_who_changed_what(world: World) -> None:
    await world.admin.says("!settings set size 512")
    await world.admin.says("!settings set size 600")
    said = await world.admin.says("!settings log")
    assert f"{world.admin.mention} · set **Usual size**: `512` → `600`" in said
    assert "**Usual size**: not set → `512`" in said


async def test_presets_of_a_server(world: World) -> None:
    assert str(NOT_A_MANAGER) in await world.alice.says("!preset save fog block3*0.5")
    assert "`block3*0.5`" in await world.admin.says("!preset save fog block3*0.5")
    assert (await world.dreamt(world.alice, "!sky fog steps=5")).recipe.startswith("block3*0.5 steps=5")
    choices = await world.alice.is_offered("dream", "recipe", "fo")
    assert any("fog" in choice["value"] for choice in choices)
    choices = await world.alice.is_offered("dream", "recipe", "block8 > fo")
    assert "block8 > fog" in [choice["value"] for choice in choices]
    assert "fog" in (await world.admin.is_offered("preset delete", "name", "f"))[0]["value"]
    await world.alice.says("!preset list")
    assert "fog" in str([field.value for field in world.dreams.last_message.embeds[0].fields])
    assert "gone" in await world.admin.says("!preset delete fog")
    assert "fog" in await world.alice.says("!sky fog")  # I know no layer or preset called fog
    assert "layer" in await world.admin.says("!preset save mist blok3")


@pytest.mark.parametrize(
    "file", [b"\xff\xd8\xff\xe0", b"[server]\n" + b"#" * 70_000, b"size 512", b"[sever]\n"]
)
async def test_a_file_that_holds_no_settings_is_refused(world: World, file: bytes) -> None:
    said = await world.admin.says("!settings import", ("settings.toml", file))
    assert "settings" in said and "✅" not in said


async def test_names_typed_by_hand_do_as_mentions_do(world: World) -> None:
    await world.admin.says("!settings set #art recipe puppyslug")
    await world.admin.says("!settings set report_channel #Dreams")
    await world.admin.says("!settings set channels dreams, #art")
    await world.admin.says("!settings set roles @fans Mods")
    await world.admin.says(f"!settings set members {world.alice.name}")
    await world.admin.says("!settings set blocked_roles Role With Spaces, none of these")
    two = [world.guild.create_role(name) for name in ("Role With Spaces", "none of these")]
    await world.admin.says("!settings set blocked_roles role with spaces, none of these")
    here = await world.app.settings.effective(world.guild.id, world.art.id)
    assert (here.recipe, here.report_channel) == ("puppyslug", world.dreams.id)
    assert here.channels == (world.dreams.id, world.art.id)
    assert here.roles[0] == world.fans.id and len(here.roles) == 2
    assert here.members == (world.alice.id,)
    assert here.blocked_roles == tuple(role.id for role in two)
    await world.admin.says("!settings reset #art")
    assert (await world.app.settings.effective(world.guild.id, world.art.id)).recipe != "puppyslug"


async def test_no_hidden_channel_is_suggested(world: World) -> None:
    hidden = discord.PermissionOverwrite(view_channel=False)
    world.guild.create_text_channel("secret-plans", overwrites={world.admins: hidden})
    for words in ("set #secret-plan size 512", "set #secret-plans size 512", "set channels secret-plan"):
        said = await world.admin.says(f"!settings {words}")
        assert "I see no channel" in said and "did you mean" not in said


async def test_who_has_the_role_for_settings_gives_it_to_nobody(world: World) -> None:
    await world.admin.says("!settings set admin_role Fans")
    for words in ("set admin_role Mods", "reset admin_role", "reset all"):
        assert "Only members with Manage Server" in await world.bob.says(f"!settings {words}")
    assert "Only members" in await world.bob.says("!settings import", ("settings.toml", b"[server]\n"))
    assert (await world.app.settings.effective(world.guild.id)).admin_role == world.fans.id


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("a." * 31_000 + "a=1", "line 1 has a key of too many parts"),
        ("[" + "a." * 31_000 + "a]", "line 1 has a key of too many parts"),
        ("\nx={" + '"#".' * 15_000 + "a=1}", "line 2 has a key of too many parts"),
        (
            'x = {y = """\n\' """, ' + "a." * 31_000 + "a = '1'} # '",
            "line 1 begins a string of several lines",
        ),
        ("[presets]\nfog = '" + "block8+" * 6000 + "block8'", "at most 2000 characters"),
    ],
    ids=["key", "table", "inline table", "hidden key", "recipe"],
)
async def test_a_settings_file_costs_no_more_than_its_length(world: World, text: str, answer: str) -> None:
    """Python's parser takes quadratic time for keys of many parts: 14 s for 63 KB."""
    assert answer in await world.admin.says("!settings import", ("settings.toml", text.encode()))
    assert (await world.app.settings.server(world.guild.id)).presets == {}


async def test_a_preset_is_no_longer_than_a_message(world: World) -> None:
    with pytest.raises(SettingError, match="at most 2000"):
        await world.app.settings.save_preset(world.guild.id, "fog", "block8+" * 400 + "block8", by=1)


async def test_a_change_of_the_daily_dreams_settings_makes_what_was_prepared_anew(world: World) -> None:
    daily, guild_id = world.app.daily, world.guild.id
    await world.admin.says("!daily on #dreams 13:00 UTC")
    await daily.posts.plan(guild_id, "2026-05-02T13:00", world.clock.now(), channel_id=world.dreams.id)
    await daily.states.count_failure(guild_id, Text("no permission"))
    assert await daily.posts.next_open(guild_id)
    await world.admin.says("!settings set daily_times 14:30")
    assert await daily.posts.next_open(guild_id) is None
    state = await daily.states.get(guild_id)
    assert state and (state.failures, state.since) == (0, world.clock.now())
    due = await daily.next_due(guild_id)
    assert due and (due.hour, due.minute) == (14, 30)
    log = await world.admin.says("!settings log")
    assert "**Daily times**: `13:00` → `14:30`" in log and "**Daily channel**: not set → <#" in log
    assert "daily_times" in await world.app.settings.export_toml(guild_id)
    await world.admin.says("!settings reset daily_enabled")
    assert await daily.next_due(guild_id) is None


async def test_settings_of_the_daily_dream_that_cannot_work_are_told_so(world: World) -> None:
    """`!daily` refuses these; before, `!settings set` and the panel took them without a word."""
    everybody, neutral = world.guild.default_role, discord.PermissionOverwrite
    silent = world.guild.create_text_channel("silent", overwrites={everybody: neutral(send_messages=False)})
    secret = world.guild.create_text_channel(
        "secret",
        overwrites={everybody: neutral(view_channel=False), world.admins: neutral(view_channel=True)},
    )
    await world.admin.says(f"!settings set daily_channel {silent.mention}")
    said = await world.admin.says("!settings set daily_enabled on")
    assert "✅ **Daily dream**" in said and "\n⚠️ I need the permission Send Messages" in said
    assert "⚠️" not in await world.admin.says("!settings set daily_channel #dreams")
    assert "⚠️" not in await world.admin.says("!settings set daily_source_channels #art")
    said = await world.admin.says(f"!settings set daily_source_channels {secret.mention}")
    assert f"⚠️ I take no pictures from {secret.mention}: I need View Channel" in said

    panel = await opened_panel(world)
    await chosen(world, panel, "daily_source_channels")
    await put(world, panel, "daily_source_channels", [world.art, secret])
    assert "⚠️ I take no pictures from" in notice(panel)
    await world.admin.says("!settings reset all")
