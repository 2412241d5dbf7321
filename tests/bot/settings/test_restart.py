"""What a restart of the bot leaves open is answered by the next one."""

from __future__ import annotations

from pathlib import Path

from dream.farm import Farm
from tests.support.settings_panel import chosen, control, notice, opened_panel, put
from tests.support.world import World, opened_world


async def test_a_panel_and_a_form_open_across_a_restart(tmp_path: Path, farm: Farm) -> None:
    async with opened_world(tmp_path, farm, World) as world:
        panel = await opened_panel(world)
        await chosen(world, panel, "size")
        form = await world.admin.presses(control("edit", "size"), panel)

        await world.restart_bot()
        late = await world.admin.fills(form, value="512")
        assert late.response is not None and "open it again" in late.response.content
        await put(world, panel, "size", 512)
        assert "✅ **Usual size**" in notice(panel)
        assert (await world.app.settings.effective(world.guild.id)).size == 512
        await chosen(world, panel, "spoiler")
        await put(world, panel, "spoiler", True)
        assert (await world.app.settings.effective(world.guild.id)).spoiler is True
