"""Things by name, guided dreams, and what the bot sees."""

from __future__ import annotations

import asyncio
import io

import discord
from PIL import Image

from bot.commands.dreaming import recipe_choices
from dream.backbone import classes
from tests.support.talk import Talk, buttons

QUICK = "steps=1 octaves=1"


async def seen(talk: Talk) -> discord.Message:
    """The newest answer that says what is seen."""
    async with asyncio.timeout(60):
        while True:
            for message in reversed(talk.answers):
                if "I see, from left" in message.content:
                    return message
            await asyncio.sleep(0.05)


async def test_a_thing_is_dreamt_by_name_by_both_networks(talk: Talk) -> None:
    await talk.says(talk.alice, f"!dream of a great white shark {QUICK}", talk.photo)
    dream = await talk.dream()
    assert "`class:great_white_shark steps=1 octaves=1 seed=" in dream.content
    assert "EfficientNet-Lite0 + SqueezeNet 1.1" in dream.content
    assert dream.attachments[0].description == "A dream of great white shark."


async def test_tabbies_are_put_into_the_clouds(talk: Talk) -> None:
    await talk.says(talk.alice, f"!sky tabby {QUICK} size=96")
    assert "`class:tabby" in (await talk.dream()).content


async def test_wrong_words_are_one_sentence_and_ask_for_nothing(talk: Talk) -> None:
    assert "did you mean ostrich" in await talk.says(talk.alice, "!dream oxtrich", talk.photo)
    assert "crane_bird or crane_machine" in await talk.says(talk.alice, "!dream crane", talk.photo)
    assert "!dream tabby" in await talk.says(talk.alice, "!tabby")


async def test_every_class_is_offered_as_it_is_typed(talk: Talk) -> None:
    bot = talk.bot
    for name in (*classes.names()[::97], "tabby", "scale"):
        offers = await recipe_choices(bot, talk.guild.id, name.replace("_", " "))
        values = [offer.value for offer in offers]
        assert name in values or f"class:{name}" in values, name
    values = [offer.value for offer in await recipe_choices(bot, talk.guild.id, "block8+great wh")]
    assert "block8+great_white_shark" in values
    assert all(len(offer.name) <= 100 for offer in await recipe_choices(bot, talk.guild.id, "a"))


async def test_a_second_picture_guides_and_stays_for_dreaming_again(talk: Talk) -> None:
    other = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(other, "PNG")
    await talk.says(talk.alice, f"!dream guide block3 {QUICK}", talk.photo, ("sea.png", other.getvalue()))
    dream = await talk.dream()
    job = await talk.job()
    assert await talk.queue.jobs.picture(job.id, "guide") == other.getvalue()
    await talk.presses(talk.alice, dream, "again")
    await talk.dream()
    again = await talk.job()
    assert again.id != job.id
    assert await talk.queue.jobs.picture(again.id, "guide") == other.getvalue()


async def test_a_picture_in_a_reply_guides_the_dream_of_the_one_replied_to(talk: Talk) -> None:
    other = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(other, "PNG")
    picture = await talk.bob.send(talk.channel, "look", attachments=[talk.photo])
    await talk.says(talk.alice, f"!dream block3 {QUICK}", ("sea.png", other.getvalue()), reply_to=picture)
    assert "120 × 80" in (await talk.dream()).content
    job = await talk.job()
    assert job.author_id == talk.bob.id
    assert await talk.queue.jobs.picture(job.id, "guide") == other.getvalue()


async def test_what_is_seen_is_told_and_dreamt_of_at_a_press(talk: Talk) -> None:
    await talk.bob.send(talk.channel, "look", attachments=[talk.photo])
    await talk.says(talk.alice, "!see")
    message = await seen(talk)
    assert "cat" in message.content.lower() or "tabby" in message.content
    (sheet,) = message.attachments
    assert Image.open(io.BytesIO(await sheet.read())).width == 5 * 240
    first = buttons(message)[0]
    await talk.alice.click(message, custom_id=first.custom_id)
    job = await talk.job()
    assert job.recipe.startswith(f"class:{first.custom_id.rpartition(':')[2]} ")
    assert job.author_id == talk.bob.id
    await talk.queue.cancel(job.id)
    await talk.shown(job.id)


async def test_without_a_picture_nothing_is_seen(talk: Talk) -> None:
    assert "I see no picture here" in await talk.says(talk.alice, "!see")
