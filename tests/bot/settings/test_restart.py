"""What a restart of the bot leaves open is answered by the next one."""

from __future__ import annotations

from pathlib import Path

import pytest
import simcord

from dream.farm import Farm
from tests.support.settings_panel import chosen, control, notice, opened_panel, put
from tests.support.world import World, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_panel_and_a_form_open_across_a_restart(tmp_path: Path, farm: Farm) -> None:
    first = await opened(tmp_path, farm)
    env = simcord.Env(first.bot, shard_count=1, settle_timeout=20, check_errors=False)
    await env.start()
    world = World(first, env)
    panel = await opened_panel(world)
    await chosen(world, panel, "size")
    form = await world.admin.click(panel, custom_id=control("edit", "size"))
    await first.stop()

    second = await opened(tmp_path, farm)
    await env.restart_bot(second.bot)
    world.app = second
    late = await world.admin.submit_modal(form, {"value": "512"})
    assert late.response is not None and "open it again" in late.response.content
    await put(world, panel, "size", 512)
    assert "✅ **Usual size**" in notice(panel)
    assert (await second.settings.effective(world.guild.id)).size == 512
    await chosen(world, panel, "spoiler")
    await put(world, panel, "spoiler", True)
    assert (await second.settings.effective(world.guild.id)).spoiler is True
    await env.shutdown()
    await second.stop()
