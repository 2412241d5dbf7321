"""The settings panel: every setting by press, by an admin and by others, and an hour later."""

from __future__ import annotations

from datetime import time
from typing import Any

import discord
import pytest
import simcord
from simcord.backend.errors import SetupError

from bot.checks import NOT_A_MANAGER
from bot.settings.values import CHANNEL_SETTINGS, GROUPS, SETTINGS, title
from bot.ui.settings.panel import Control
from tests.support.settings_panel import chosen, control, notice, opened_panel, put
from tests.support.world import World


def wishes(world: World) -> dict[str, tuple[Any, Any]]:
    """For every setting, what to press or type and the value it should then have."""
    return {
        "recipe": ("block8 steps=5", "block8 steps=5"),
        "networks": (["efficientnet_lite0", "squeezenet"], ("efficientnet_lite0", "squeezenet")),
        "layers": ("block8, block9", ("block8", "block9")),
        "size": (512, 512),
        "max_size": (900, 900),
        "max_steps": (30, 30),
        "previews": (False, False),
        "spoiler": (True, True),
        "member_seconds": (60, 60),
        "server_seconds": (300, 300),
        "prefix": ("?", "?"),
        "channels": ([world.dreams, world.art], (world.dreams.id, world.art.id)),
        "forbidden_channels": ([world.art], (world.art.id,)),
        "roles": ([world.fans, world.admins], (world.fans.id, world.admins.id)),
        "blocked_roles": ([world.fans], (world.fans.id,)),
        "members": ([world.alice], (world.alice.id,)),
        "admin_role": ([world.fans], world.fans.id),
        "report_channel": ([world.art], world.art.id),
        "others_pictures": (["consent"], "consent"),
        "language": (["de"], "de"),
        "hall_channel": ([world.art], world.art.id),
        "hall_stars": (5, 5),
        "best_channel": ([world.art], world.art.id),
        "best_times": ("12:30", (time(12, 30),)),
        "best_days": (["fri"], frozenset({4})),
        "daily_channel": ([world.art], world.art.id),
        "daily_enabled": (True, True),
        "daily_times": ("9:30 pm, 07:00", (time(7), time(21, 30))),
        "daily_zone": ("berlin", "Europe/Berlin"),
        "daily_days": (["mon", "sun"], frozenset({0, 6})),
        "daily_recipe": ("block8 steps=5", "block8 steps=5"),
        "daily_thread": (True, True),
        "daily_sources": (["sky"], ("sky",)),
        "daily_source_channels": ([world.dreams], (world.dreams.id,)),
        "daily_source_days": (30, 30),
    }


async def test_every_setting_by_press(world: World) -> None:
    panel = await opened_panel(world)
    assert wishes(world).keys() == SETTINGS.keys()
    for name, (given, value) in wishes(world).items():
        await chosen(world, panel, name)
        await put(world, panel, name, given)
        assert f"✅ **{title(name)}**" in notice(panel)
        assert getattr(await world.app.settings.effective(world.guild.id), name) == value
    for name in SETTINGS:
        await chosen(world, panel, name)
        await world.admin.presses(control("reset", name), panel)
    assert len(await world.app.settings.audit_log(world.guild.id, 100)) >= 2 * len(SETTINGS) - 2


async def test_every_setting_of_a_channel_by_press(world: World) -> None:
    panel = await opened_panel(world)
    for name in CHANNEL_SETTINGS - {"networks", "layers"}:
        given, value = wishes(world)[name]
        panel = await opened_panel(world)
        await chosen(world, panel, name, world.art)
        await put(world, panel, name, given, world.art)
        assert getattr(await world.app.settings.effective(world.guild.id, world.art.id), name) == value
        assert getattr(await world.app.settings.effective(world.guild.id), name) != value
    panel = await opened_panel(world)
    await chosen(world, panel, "size", world.art)
    offered = set()
    for group in ("Dreams", "Limits"):
        await world.admin.chooses(group, panel, control("show", "", world.art))
        offered |= {one["value"] for one in menu(panel, control("show", group, world.art))["options"]}
    assert offered == CHANNEL_SETTINGS


def menu(panel: simcord.ResponseMessage, custom_id: str) -> Any:
    items = [item for row in panel.components for item in row["components"]]
    return next(item for item in items if item["custom_id"] == custom_id)


async def test_the_panel_fits_a_phone_and_discords_menus(world: World) -> None:
    panel = await opened_panel(world)
    for group, names in GROUPS.items():
        await world.admin.chooses(group, panel, control("show"))
        assert len(menu(panel, control("show", group))["options"]) == len(names) <= 25
        for name in names:
            await chosen(world, panel, name)
            embed = panel.embeds[0]
            text = "\n".join([embed.description or "", *(f"{f.name}\n{f.value}" for f in embed.fields)])
            assert text.count("\n") < 16 and not panel.content
            assert title(name) in text and len(panel.components) <= 5


async def test_the_form_promises_no_more_than_the_operator_allows(world: World) -> None:
    panel = await opened_panel(world)
    for name in ("size", "max_size"):
        await chosen(world, panel, name)
        form = await world.admin.presses(control("edit", name), panel)
        assert "from 64 to 1024" in str(form.modal)
        assert "from 64 to 1024" in str(panel.embeds[0].fields[0].value)


async def test_a_press_has_its_effect_on_the_next_dream(world: World) -> None:
    panel = await opened_panel(world)
    await chosen(world, panel, "size")
    await put(world, panel, "size", 320)
    assert "size=320" in (await world.dreamt(world.alice)).recipe
    await world.admin.presses(control("reset", "size"), panel)
    assert "size" not in (await world.dreamt(world.alice)).recipe


async def test_a_refused_value_is_explained_in_the_panel(world: World) -> None:
    panel = await opened_panel(world)
    await chosen(world, panel, "max_size")
    await put(world, panel, "max_size", 4000)
    assert notice(panel).startswith("⚠️ Not changed: **Largest size** can be at most 1024, not `4000`:")
    await put(world, panel, "max_size", "large")
    assert "a whole number from 64 to 1024, not `large`." in notice(panel)
    assert (await world.app.settings.server(world.guild.id)).choices == {}


async def test_admin_commands_do_not_stand_in_members_lists(world: World) -> None:
    for command, options in (
        ("settings", {}),
        ("block", {"member": world.bob}),
        ("unblock", {"member": world.bob}),
        ("blocked", {}),
    ):
        with pytest.raises(SetupError, match="default-member-permissions"):
            await world.alice.uses(command, **options)


async def test_a_member_is_refused_at_the_command_and_at_every_press(world: World) -> None:
    for command in await world.app.bot.tree.fetch_commands():
        if command.name == "settings":  # which the server's owner may show to everybody
            world.guild.set_command_permissions(command, {world.guild.default_role: True})
    refused = await world.alice.uses("settings")
    assert refused.response is not None and refused.ephemeral
    assert refused.response.content == str(NOT_A_MANAGER)
    await world.admin.says("!settings")
    public = world.dreams.last_message
    assert (await world.alice.presses("Change settings", public)).response.content == str(NOT_A_MANAGER)
    assert (await world.admin.presses("Change settings", public)).ephemeral


async def test_who_is_no_admin_any_more_is_refused_at_the_next_press(world: World) -> None:
    await world.admin.says(f"!settings set admin_role <@&{world.fans.id}>")
    await world.bob.says("!settings")
    panel = (await world.bob.presses("Change settings", world.dreams.last_message)).response
    assert panel is not None
    await world.bob.chooses("spoiler", panel, control("show", "Dreams"))
    await world.admin.says("!settings reset admin_role")
    answer = await world.bob.presses(control("on", "spoiler"), panel)
    assert [said.content for said in (answer.response, *answer.followups) if said][-1] == str(NOT_A_MANAGER)
    assert (await world.app.settings.effective(world.guild.id)).spoiler is False


async def test_export_log_and_import_by_press(world: World) -> None:
    panel = await opened_panel(world)
    await chosen(world, panel, "size")
    await put(world, panel, "size", 512)
    exported = await world.admin.presses("Export", panel)
    file = await exported.response.attachments[0].read()
    log = await world.admin.presses("Log", panel)
    assert "set **Usual size**: not set → `512`" in log.response.embeds[0].description
    await world.admin.presses(control("reset", "size"), panel)
    form = await world.admin.presses("Import", panel)
    await world.admin.fills(form, file=("settings.toml", file))
    assert "✅ **Usual size**: not set → `512`" in notice(panel)
    form = await world.admin.presses("Import", panel)
    refused = await world.admin.fills(form, file=("settings.toml", b"[server]\nsise = 3\n"))
    assert "did you mean size?" in refused.response.content
    assert (await world.app.settings.effective(world.guild.id)).size == 512


async def test_a_panel_left_open_for_an_hour_answers(world: World) -> None:
    panel = await opened_panel(world)
    await world.env.advance_time(3700)
    await chosen(world, panel, "spoiler")
    await put(world, panel, "spoiler", True)
    assert (await world.app.settings.effective(world.guild.id)).spoiler is True
    assert "✅ **Spoilers**: not set → on" in notice(panel)


async def test_a_panel_of_an_earlier_version_says_so(world: World) -> None:
    view = discord.ui.View()
    view.add_item(Control(discord.ui.Button(label="Old"), "edit", 0, "a_setting_of_long_ago"))
    channel = world.bot_channel
    answer = await world.admin.presses("Old", await channel.send("an old panel", view=view))
    assert answer.response is not None and "please open a new one" in answer.response.content


async def test_very_long_lists_fit_into_the_answer(world: World) -> None:
    roles = [world.guild.create_role(f"Role {number}") for number in range(25)]
    everyone = " ".join(f"<@&{role.id}>" for role in roles)
    for name in ("roles", "blocked_roles"):
        assert "✅" in await world.admin.says(f"!settings set {name} {everyone}")
    assert "✅" in await world.admin.says("!settings reset all")
    await chosen(world, await opened_panel(world), "roles")


async def test_a_list_of_members_stays_closed_when_the_last_is_forgotten(world: World) -> None:
    await world.admin.says(f"!settings set members {world.alice.mention}")
    await world.app.privacy.forget_member(world.alice.id)
    assert "only some members" in await world.bob.says("!sky")
    panel = await opened_panel(world)
    await chosen(world, panel, "members")  # which Discord draws without whoever is gone
    exported = await world.app.settings.export_toml(world.guild.id)
    await world.app.settings.reset(world.guild.id, by=world.admin.id)
    await world.app.settings.import_toml(world.guild.id, exported, by=world.admin.id)
    assert "only some members" in await world.bob.says("!sky")
