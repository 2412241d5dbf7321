"""Members find their way."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from dream.recipe import OPTIONS
from tests.support.pictures import CAT
from tests.support.world import World


async def said(world: World, text: str) -> str:
    await world.alice.says(text)
    (embed,) = world.answers[-1].embeds
    assert len(embed) < 6000
    fields = [f"{field.name}\n{field.value}" for field in embed.fields]
    return "\n".join([embed.title or "", embed.description or "", *fields])


async def test_help_teaches_on_one_screen_of_a_telephone(world: World) -> None:
    page = await said(world, "!help")
    for word in ("!dream", "!sky", "!presets", "!layers", "!cancel", "!help options", "quality="):
        assert word in page
    lines = [line for line in page.splitlines() if line]
    assert sum(1 + len(line) // 34 for line in lines) <= 30, "lines of a telephone, of about 34 letters"


async def test_what_a_button_does_typed_as_a_command_is_answered_with_where_it_is(world: World) -> None:
    assert await world.alice.says("!wilder") == "🔥 Wilder does that: press ⋯ under a dream, then it."
    assert await world.alice.says("!bigger") == "🔎 under a dream does that: press it there."
    assert await world.alice.says("!music") == ""


@pytest.mark.parametrize("word", ["remix", "again", "deeper", "bigger"])
async def test_what_is_asked_for_in_a_buttons_word_is_answered_with_where_it_is(
    world: World, word: str
) -> None:
    assert "under a dream does that: press it there." in await world.alice.says(f"!dream {word}", picture=CAT)


@pytest.mark.parametrize("word", ["Gentler", "make it wilder", "before and after", "gif", "zoom", "delete"])
async def test_the_same_of_a_button_behind_more(world: World, word: str) -> None:
    assert "press ⋯ under a dream, then it." in await world.alice.says(f"!dream {word}", picture=CAT)


async def test_a_servers_preset_goes_before_a_button_of_the_same_name(world: World) -> None:
    await world.admin.says("!preset save wilder block3")
    assert (await world.dreamt(world.alice, "!sky wilder size=300")).recipe.startswith("block3 ")


async def test_a_commands_name_for_a_recipe_is_answered_with_how_to_write_it(world: World) -> None:
    said = await world.alice.says("!dream compare", picture=CAT)
    assert said == "`!compare serpents | cubs` is a command of its own: write it without `!dream`."
    said = await world.alice.says("!sky queue")
    assert said == "`!queue` is a command of its own: write it without `!sky`."


async def test_no_command_or_option_is_told_in_the_engines_words(world: World) -> None:
    told = [command.short_doc for command in world.app.bot.walk_commands()]
    told += [str(option.meaning) for option in OPTIONS.values()]
    assert len(told) > 50
    for words in ("climb", "activation", "mean square", "no more dreams", "_seconds"):
        assert not [text for text in told if words in text.lower()]


async def test_help_shows_admins_what_members_do_not_see(world: World) -> None:
    assert "!settings" not in await said(world, "!help")
    await world.admin.says("!help")
    assert "!settings" in str(world.answers[-1].embeds[0].to_dict())


async def test_help_tells_about_one_command_and_the_rest_is_a_word_away(world: World) -> None:
    page = await said(world, "!help dream")
    for word in ("the newest here", "`serpents`", "`block8`", "`!help recipes`", "`!help options`"):
        assert word in page
    assert len(page.splitlines()) <= 12
    assert "block8:top5" in await said(world, "!help recipes")
    options = await said(world, "!help options")
    assert "quick, normal or rich" in options and "smooth=" in options and "mean square" not in options
    assert "did you mean `!dream`" in await world.alice.says("!help draem")


async def test_layers_of_every_network_and_presets(world: World) -> None:
    page = await said(world, "!layers")
    for word in ("block15", "fire9", "mixed10", "serpents", "weights are not here yet"):
        assert word in page
    assert "block15" not in await said(world, "!layers inception_v3")


async def test_layers_of_one_layer_shows_its_network(world: World) -> None:
    page = await said(world, "!layers fire6")
    assert "fire9" in page and "block15" not in page
    assert world.answers[-1].attachments[0].filename == "squeezenet.jpg"
    assert "!dream fire6" in (world.answers[-1].embeds[0].footer.text or "")
    assert "did you mean `block8`" in await world.alice.says("!layers blok8")
    assert "the networks are `efficientnet_lite0`" in await world.alice.says("!layers `@everyone`")


async def test_layers_are_recommended_only_where_they_are_here(world: World) -> None:
    await said(world, "!layers")
    footer = world.answers[-1].embeds[0].footer.text or ""
    assert "!dream block8" in footer and "mixed" not in footer
    await said(world, "!layers inception_v3")
    assert not world.answers[-1].embeds[0].footer.text


async def test_presets_are_a_short_list_and_one_is_told_about_by_name(world: World) -> None:
    page = await said(world, "!presets")
    assert "fire7" not in page and len(page) < 800
    rows = [row for row in world.answers[-1].components if isinstance(row, discord.ActionRow)]
    menus = [item for row in rows for item in row.children if isinstance(item, discord.SelectMenu)]
    assert "puppyslug" in [option.value for menu in menus for option in menu.options]
    assert "fire7" in await said(world, "!presets Puppyslug")
    assert "did you mean `puppyslug`" in await world.alice.says("!presets pupyslug")


async def test_about(world: World) -> None:
    assert "DeepDream" in await said(world, "!about")


async def test_the_bots_name_alone_is_answered(world: World) -> None:
    assert world.app.bot.user
    assert "`!dream`" in await world.alice.says(world.app.bot.user.mention)
    await world.alice.says(f"{world.app.bot.user.mention} layers")
    assert world.answers[-1].embeds
    events: Any = world.app.bot.get_cog("Events")
    await events.on_shard_ready(0)  # after a connection was lost
    await world.env.settle()
    assert len(world.answers) == 2


async def test_a_near_miss_is_helped_and_other_bots_commands_are_left_alone(world: World) -> None:
    assert "did you mean `!dream`" in await world.alice.says("!draem")
    assert "`!dream block8+block11`" in await world.alice.says("!block8+block11")
    assert "`!dream puppyslug`" in await world.alice.says("!puppyslug steps=3")
    assert await world.alice.says("!play despacito") == ""


async def test_slash_help_is_for_the_asker_alone(world: World) -> None:
    used = await world.alice.uses("help")
    assert used.ephemeral and used.response
    assert "/dream" in str(used.response.embeds[0].to_dict())


async def test_a_prefix_of_backticks_breaks_no_text(world: World) -> None:
    await world.admin.says("!settings set prefix `")
    try:
        for text in ("`help", "`help dream", "`help preset", "`help nonsense", "`dream", "`draem"):
            said = await world.alice.says(text)
            texts = [said, *(str(embed.to_dict()) for embed in world.answers[-1].embeds)]
            assert world.answers[-1].embeds or said, text
            assert "``" not in "".join(texts), text
    finally:
        await world.admin.says("`settings reset prefix")
