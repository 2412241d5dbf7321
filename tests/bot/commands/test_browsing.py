"""Looking: presets and layers as pictures with a menu, and a member's own dreams."""

from __future__ import annotations

import io

import discord
import simcord
from PIL import Image

from tests.support.talk import Talk, buttons, whispered

QUICK = "block3 steps=1 octaves=1"


async def test_presets_are_a_picture_and_a_menu_that_dreams_at_once(talk: Talk) -> None:
    await talk.says(talk.admin, "!preset save tiny block4 steps=1 octaves=1")
    await talk.says(talk.alice, "!presets")
    shown = talk.answers[-1]
    (picture,) = shown.attachments
    with Image.open(io.BytesIO(await picture.read())) as image:
        assert image.width > 700
    assert shown.embeds[0].image.url and len(shown.embeds[0].fields) <= 2
    (menu,) = [item for row in shown.components for item in row.children]  # type: ignore[union-attr]
    assert isinstance(menu, discord.SelectMenu)
    offered = {option.value: option.description or "" for option in menu.options}
    assert "tiny" in offered and "own favourite" in offered["serpents"]

    nothing = await talk.bob.select(shown, ["tiny"], custom_id=menu.custom_id)
    assert "post one and choose again" in whispered(nothing)
    await talk.bob.send(talk.channel, "mine", attachments=[talk.photo])
    await talk.bob.select(shown, ["tiny"], custom_id=menu.custom_id)
    dream = await talk.dream()
    assert dream.content.startswith(f"✨ **tiny** for {talk.bob.mention}")
    await talk.says(talk.admin, "!preset delete tiny")


async def test_layers_have_a_menu_of_those_that_may_be_dreamt(talk: Talk) -> None:
    await talk.says(talk.alice, "!layers squeezenet")
    (menu,) = [item for row in talk.answers[-1].components for item in row.children]  # type: ignore[union-attr]
    assert isinstance(menu, discord.SelectMenu)
    assert menu.options[0].value == "fire2"


async def dreamt(talk: Talk, who: simcord.MemberActor, seed: int) -> discord.Message:
    await talk.says(who, f"!dream {QUICK} seed={seed}", talk.photo)
    return await talk.dream()


async def turned(
    who: simcord.MemberActor, shown: simcord.InteractionResult, label: str
) -> simcord.InteractionResult:
    """Turn the page."""
    assert shown.response
    (button,) = [button for button in buttons(shown.response) if button.label == label]
    return await who.click(shown.response, custom_id=button.custom_id)


async def test_a_members_own_dreams_are_turned_over_and_dreamt_on(talk: Talk) -> None:
    carol = talk.guild.add_member(talk.env.create_user("carol"))
    for seed in (1, 2):
        await dreamt(talk, carol, seed)
    await dreamt(talk, talk.bob, 3)
    await talk.says(talk.bob, "!mine")
    (opener,) = buttons(talk.answers[-1])
    shown = await carol.click(talk.answers[-1], custom_id=opener.custom_id)
    assert shown.response and shown.ephemeral
    assert "1 of 2" in shown.response.content and "seed=2" in shown.response.content
    assert shown.response.attachments
    await turned(carol, shown, "Older")
    assert "2 of 2" in shown.response.content and "seed=1" in shown.response.content
    again = next(button for button in buttons(shown.response) if (button.custom_id or "").startswith("again"))
    await carol.click(shown.response, custom_id=again.custom_id)
    await talk.dream()
    assert (await talk.job()).member_id == carol.id


async def test_who_has_no_dreams_is_told_what_to_do(talk: Talk) -> None:
    dave = talk.guild.add_member(talk.env.create_user("dave"))
    assert "no finished dream here" in whispered(await dave.slash(talk.channel, "mine"))


async def test_a_recipe_is_read_from_a_dream_and_from_a_saved_file_and_dreamt_on_ones_own(talk: Talk) -> None:
    dream = await dreamt(talk, talk.alice, 4)
    said = await talk.says(talk.bob, "!recipe", reply_to=dream)
    assert said == f"```\n{QUICK} seed=4\n```"
    saved = await dream.attachments[0].read()
    assert await talk.says(talk.bob, "!recipe", ("saved.png", saved)) == said
    shown = talk.answers[-1]
    assert "carries no recipe" in await talk.says(talk.bob, "!recipe", talk.photo)

    small = io.BytesIO()
    Image.new("RGB", (90, 60), "teal").save(small, "PNG")
    await talk.bob.send(talk.channel, "mine", attachments=[("sea.png", small.getvalue())])
    await talk.alice.send(talk.channel, "not his", attachments=[talk.photo])
    await talk.presses(talk.bob, shown, "dream-recipe")
    assert f"`{QUICK} seed=4`" in (await talk.dream()).content
    assert "90 × 60" in (await talk.dream()).content
    carol = talk.guild.add_member(talk.env.create_user("caroline"))
    assert "post one and choose again" in whispered(await talk.presses(carol, shown, "dream-recipe"))
