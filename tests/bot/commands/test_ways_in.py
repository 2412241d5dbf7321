"""The ways in which a picture reaches the bot."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import discord
import pytest
import simcord
from PIL import Image
from simcord.backend.models.message import MessageSticker

from bot.pictures import PREVIEW_SECONDS
from bot.store.jobs import Job, State
from tests.support.talk import Talk, whispered
from tests.support.waiting import until

QUICK = "block3 steps=1 octaves=1"
PROXIED = "https://images-ext-1.discordapp.net/external/abc/https/example.org/sea.png"


def png(width: int, height: int = 60, colour: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def served(talk: Talk, url: str, width: int) -> bytes:
    """Let the simulated Discord serve a picture of this width at an address."""
    data = talk.env.backend.cdn._blobs[url] = png(width)
    return data


def posted(talk: Talk, who: simcord.MemberActor, text: str = "", **parts: Any) -> discord.Message:
    """A message with parts that SimCord's actors cannot send."""
    message = talk.env.backend.create_message(talk.channel.id, who.id, text, **parts)
    return next(one for one in talk.channel.history() if one.id == message.id)


def preview(url: str = "https://example.org/sea.png", proxy: str = PROXIED) -> dict[str, Any]:
    thumbnail = {"url": url, "proxy_url": proxy, "width": 90, "height": 60}
    return {"type": "image", "url": url, "thumbnail": thumbnail}


async def finished(talk: Talk, count: int) -> list[Job]:
    """The jobs of the newest `count` answers of this channel, when all are done, oldest first."""

    async def answered() -> bool:
        return len(await dreams()) >= count

    async def dreams() -> list[Job]:
        found = [await talk.queue.jobs.of_message(answer.id) for answer in talk.answers]
        return [job for job in found if job]

    await until(answered, 30)
    jobs = (await dreams())[-count:]
    for job in jobs:
        await talk.queue.finished(job.id)
        await talk.shown(job.id)
    return (await dreams())[-count:]


async def test_each_picture_of_a_message_is_dreamt_in_an_answer_of_its_own(talk: Talk) -> None:
    pictures = [(f"{width}.png", png(width)) for width in (80, 90, 100)]
    said = await talk.alice.send(talk.channel, f"!dream {QUICK}", attachments=pictures)
    jobs = await finished(talk, 3)
    assert sorted(job.width or 0 for job in jobs) == [80, 90, 100]
    assert len({job.recipe for job in jobs}) == 1  # with the same seed
    assert {answer.reference.message_id for answer in talk.answers if answer.reference} == {said.id}
    assert all(f"✨ **Dreamt** for {talk.alice.mention}" in answer.content for answer in talk.answers)


async def test_of_more_than_four_pictures_the_rest_is_left_out_and_said(talk: Talk) -> None:
    pictures = [(f"{width}.png", png(width)) for width in range(61, 67)]
    said = await talk.says(talk.alice, f"!dream {QUICK}", *pictures)
    assert said == "-# 2 pictures were left out: I dream on 4 pictures at a time."
    await finished(talk, 4)
    assert len(talk.answers) == 5


async def test_two_pictures_and_the_word_guide_are_one_dream(talk: Talk) -> None:
    await talk.says(talk.alice, f"!dream guide {QUICK}", ("a.png", png(80)), ("b.png", png(90)))
    (job,) = await finished(talk, 1)
    assert job.width == 80 and await talk.queue.jobs.picture(job.id, "guide") == png(90)


async def test_a_reply_to_several_pictures_dreams_each(talk: Talk) -> None:
    album = await talk.bob.send(talk.channel, "ours", attachments=[("a.png", png(80)), ("b.png", png(90))])
    await talk.says(talk.alice, f"!dream {QUICK}", reply_to=album)
    jobs = await finished(talk, 2)
    assert {job.width for job in jobs} == {80, 90} and {job.author_id for job in jobs} == {talk.bob.id}


async def test_a_link_preview_is_dreamt_from_discords_own_proxy(talk: Talk) -> None:
    data = served(talk, PROXIED, 90)
    posted(talk, talk.bob, "https://example.org/sea.png", embeds=[preview()])
    await talk.says(talk.alice, f"!dream {QUICK}")
    (job,) = await finished(talk, 1)
    assert await talk.queue.jobs.picture(job.id, "source") == data and job.author_id == talk.bob.id


async def test_a_link_in_the_command_is_dreamt_once_discord_shows_its_picture(talk: Talk) -> None:
    served(talk, PROXIED, 90)

    async def show() -> None:
        await until(lambda: bool(talk.channel.history()), 10)
        await asyncio.sleep(0.2)  # as Discord looks at a link after its message is there
        said = talk.channel.history()[-1]
        talk.env.backend.edit_message(talk.channel.id, said.id, {"embeds": [preview()]})

    showing = asyncio.create_task(show())
    await talk.says(talk.alice, f"!dream https://example.org/sea.png {QUICK}")
    await showing
    (job,) = await finished(talk, 1)
    assert job.width == 90 and job.recipe.startswith("block3")


async def test_a_link_that_has_no_preview_is_not_opened(talk: Talk) -> None:
    await talk.alice.send(talk.channel, "!dream https://example.org/cat.jpg")
    await talk.env.advance_time(PREVIEW_SECONDS + 1)
    assert "Discord shows me no picture of that link" in talk.answers[-1].content
    used = await talk.alice.slash(talk.channel, "dream", recipe="https://example.org/cat.jpg")
    assert "please attach the picture" in whispered(used)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/sea.png",
        "http://cdn.discordapp.com/sea.png",
        "https://cdn.discordapp.com.example.org/sea.png",
        "https://cdn-discordapp.com/sea.png",
        "https://user@cdn.discordapp.com/sea.png",
        "https://cdn.discordapp.com:8443/sea.png",
        "https://example.org/https://cdn.discordapp.com/sea.png",
    ],
)
async def test_no_other_address_is_fetched(talk: Talk, address: str) -> None:
    served(talk, address, 90)
    posted(talk, talk.bob, "look", embeds=[preview(address, address)])
    assert "I see no picture here" in await talk.says(talk.alice, f"!dream {QUICK}")


async def test_a_forwarded_picture_is_dreamt(talk: Talk) -> None:
    other = talk.guild.create_text_channel("elsewhere")
    original = await talk.bob.send(other, "look", attachments=[("sea.png", png(90))])
    await talk.alice.forward(original, talk.channel)
    await talk.says(talk.alice, f"!dream {QUICK}")
    (job,) = await finished(talk, 1)
    assert job.width == 90


async def test_a_sticker_replied_to_is_dreamt_but_is_no_newest_picture(talk: Talk) -> None:
    photo = await talk.bob.send(talk.channel, "look", attachments=[talk.photo])
    sticker = MessageSticker(77, "wave", 1, talk.guild.id)
    served(talk, f"{discord.Asset.BASE}/stickers/77.png", 70)
    shown = posted(talk, talk.bob, stickers=[sticker])
    drawn = posted(talk, talk.bob, stickers=[MessageSticker(78, "drawn", 3, talk.guild.id)])
    await talk.says(talk.alice, f"!dream {QUICK}", reply_to=shown)
    (job,) = await finished(talk, 1)
    assert job.width == 70
    await talk.says(talk.alice, f"!dream {QUICK}")
    (job,) = await finished(talk, 1)
    assert job.width == 120 and photo.id
    assert "I see no picture here" in await talk.says(talk.alice, "!dream", reply_to=drawn)


async def test_a_custom_emoji_in_the_command_is_dreamt(talk: Talk) -> None:
    await talk.bob.send(talk.channel, "look", attachments=[talk.photo])
    served(talk, f"{discord.Asset.BASE}/emojis/123456789012345678.png", 48)
    await talk.says(talk.alice, f"!dream <:blobcat:123456789012345678> {QUICK} size=48")
    (job,) = await finished(talk, 1)
    assert job.width == 48 and job.author_id == talk.alice.id


async def test_an_avatar_is_dreamt_by_mention_and_from_the_apps_menu(talk: Talk) -> None:
    await talk.bob.send(talk.channel, "look", attachments=[talk.photo])
    carol = talk.guild.add_member(talk.env.create_user("carol-of-avatars", avatar="c0ffee"))
    url = f"{discord.Asset.BASE}/avatars/{carol.id}/c0ffee.png?size=1024"
    data = served(talk, url, 64)
    await talk.says(talk.alice, f"!dream {carol.mention} {QUICK} size=64")
    (job,) = await finished(talk, 1)
    assert await talk.queue.jobs.picture(job.id, "source") == data and job.author_id == carol.id
    await talk.says(talk.alice, f"!compare {QUICK} | block4 steps=1 octaves=1 {carol.mention}")
    (job,) = await finished(talk, 1)
    assert len(job.variants or ()) == 2 and job.author_id == carol.id
    await talk.alice.context_menu(talk.channel, "Dream this avatar", carol)
    job = await talk.job()
    assert await talk.queue.jobs.picture(job.id, "source") == data and job.author_id == carol.id
    await talk.queue.cancel(job.id)
    await talk.shown(job.id)
    used = await talk.alice.slash(talk.channel, "dream", recipe=f"<@{carol.id}> pupyslug")
    assert "did you mean puppyslug" in whispered(used)


async def test_surprise_me_picks_a_preset_and_says_it_with_its_seed(talk: Talk) -> None:
    await talk.says(talk.alice, "!dream surprise me steps=1 octaves=1", talk.photo)
    (job,) = await finished(talk, 1)
    assert job.state is State.DONE and job.preset in talk.bot.presets
    (answer,) = talk.answers
    assert "seed=" in answer.content and not answer.content.startswith("✨ **Dreamt**")
    choices = await talk.alice.autocomplete(talk.channel, "dream", "recipe", "sur")
    assert "surprise me" in [choice["value"] for choice in choices]


async def test_a_picture_that_turns_out_too_large_or_gone_is_refused(talk: Talk) -> None:
    posted(talk, talk.bob, "look", embeds=[preview()])  # which Discord does not serve any more
    talk.env.backend.cdn._blobs.pop(PROXIED, None)
    assert "couldn't fetch that picture" in await talk.says(talk.alice, f"!dream {QUICK}")
    talk.env.backend.cdn._blobs[PROXIED] = bytes(talk.bot.config.picture.max_bytes + 1)
    assert "please send a picture of at most" in await talk.says(talk.alice, f"!dream {QUICK}")
