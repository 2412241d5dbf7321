"""Things by name, guided dreams, and what the bot sees."""

from __future__ import annotations

import asyncio
import io

import discord
import pytest
from PIL import Image

from bot.commands.dreaming import recipe_choices
from dream.backbone import classes
from tests.support.pictures import CAT, png
from tests.support.speaker import buttons
from tests.support.world import World

QUICK = "steps=1 octaves=1"


async def seen(world: World) -> discord.Message:
    """The newest answer that says what is seen."""
    async with asyncio.timeout(60):
        while True:
            for message in reversed(world.answers):
                if "I see, from left" in message.content:
                    return message
            await asyncio.sleep(0.05)


async def test_a_thing_is_dreamt_by_name_by_both_networks(real_world: World) -> None:
    await real_world.alice.says(f"!dream of a great white shark {QUICK}", picture=CAT)
    dream = await real_world.newest_dream()
    assert "`class:great_white_shark steps=1 octaves=1 seed=" in dream.content
    assert "EfficientNet-Lite0 + SqueezeNet 1.1" in dream.content
    assert dream.attachments[0].description == "A dream of great white shark."


async def test_tabbies_are_put_into_the_clouds(world: World) -> None:
    await world.alice.says(f"!sky tabby {QUICK} size=96")
    assert "`class:tabby" in (await world.newest_dream()).content


async def test_wrong_words_are_one_sentence_and_ask_for_nothing(world: World) -> None:
    assert "did you mean ostrich" in await world.alice.says("!dream oxtrich", picture=CAT)
    assert "crane_bird or crane_machine" in await world.alice.says("!dream crane", picture=CAT)
    assert "!dream tabby" in await world.alice.says("!tabby")


async def test_every_class_is_offered_as_it_is_typed(world: World) -> None:
    bot = world.app.bot
    for name in (*classes.names()[::97], "tabby", "scale"):
        offers = await recipe_choices(bot, world.bot_channel, name.replace("_", " "))
        values = [offer.value for offer in offers]
        assert name in values or f"class:{name}" in values, name
    values = [offer.value for offer in await recipe_choices(bot, world.bot_channel, "block8+great wh")]
    assert "block8+great_white_shark" in values
    assert all(len(offer.name) <= 100 for offer in await recipe_choices(bot, world.bot_channel, "a"))


async def test_a_second_picture_guides_and_stays_for_dreaming_again(world: World) -> None:
    other = png(64, 64)
    await world.alice.says(f"!dream guide block3 {QUICK}", ("cat.jpg", CAT), ("sea.png", other))
    dream = await world.newest_dream()
    job = await world.newest_job()
    assert await world.app.queue.jobs.picture(job.id, "guide") == other
    await world.alice.presses("again", dream)
    await world.newest_dream()
    again = await world.newest_job()
    assert again.id != job.id
    assert await world.app.queue.jobs.picture(again.id, "guide") == other


@pytest.mark.parametrize("word", ["", "guide "])
async def test_a_picture_in_a_reply_guides_the_dream_of_the_one_replied_to(world: World, word: str) -> None:
    other = png(64, 64)
    picture = await world.bob.posts("look", picture=CAT)
    await world.alice.says(f"!dream {word}block3 {QUICK}", ("sea.png", other), reply_to=picture)
    assert "120 × 80" in (await world.newest_dream()).content
    job = await world.newest_job()
    assert job.author_id == world.bob.id
    assert await world.app.queue.jobs.picture(job.id, "guide") == other


async def test_what_is_seen_is_told_and_dreamt_of_at_a_press(real_world: World) -> None:
    await real_world.bob.posts("look", picture=CAT)
    await real_world.alice.says("!see")
    message = await seen(real_world)
    assert "cat" in message.content.lower() or "tabby" in message.content
    (sheet,) = message.attachments
    assert Image.open(io.BytesIO(await sheet.read())).width == 5 * 240
    first = buttons(message)[0]
    await real_world.alice.presses(first.custom_id, message)
    job = await real_world.newest_job()
    assert job.recipe.startswith(f"class:{first.custom_id.rpartition(':')[2]} ")
    assert job.author_id == real_world.bob.id
    await real_world.app.queue.cancel(job.id)
    await real_world.shown(job)


async def test_without_a_picture_nothing_is_seen(world: World) -> None:
    assert "I see no picture here" in await world.alice.says("!see")
