"""The ways in which a picture reaches the bot."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import pytest
from simcord.backend.models.message import MessageSticker

from bot.pictures import PREVIEW_SECONDS
from bot.store.jobs import Job, State
from tests.support.pictures import CAT, png
from tests.support.speaker import Speaker, whispered
from tests.support.waiting import until
from tests.support.world import World

Served = dict[str, bytes]
QUICK = "block3 steps=1 octaves=1"
PROXIED = "https://images-ext-1.discordapp.net/external/abc/https/example.org/sea.png"


@pytest.fixture
def served(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the simulated Discord serves besides attachments, by address."""
    pages: dict[str, bytes] = {}
    attached = world.env.backend.cdn.get
    monkeypatch.setattr(world.env.backend.cdn, "get", lambda url: pages.get(url) or attached(url))
    return pages


def posted(world: World, who: Speaker, text: str = "", **parts: Any) -> discord.Message:
    """A message with parts that SimCord's actors cannot send."""
    message = world.env.backend.create_message(world.dreams.id, who.id, text, **parts)
    return next(one for one in world.dreams.history() if one.id == message.id)


def preview(url: str = "https://example.org/sea.png", proxy: str = PROXIED) -> dict[str, Any]:
    thumbnail = {"url": url, "proxy_url": proxy, "width": 90, "height": 60}
    return {"type": "image", "url": url, "thumbnail": thumbnail}


async def finished(world: World, count: int) -> list[Job]:
    """The jobs of the newest `count` answers of this channel, when all are done, oldest first."""

    async def answered() -> bool:
        return len(await dreams()) >= count

    async def dreams() -> list[Job]:
        found = [await world.app.queue.jobs.of_message(answer.id) for answer in world.answers]
        return [job for job in found if job]

    await until(answered, 30)
    jobs = (await dreams())[-count:]
    for job in jobs:
        await world.app.queue.finished(job.id)
        await world.shown(job)
    return (await dreams())[-count:]


async def test_each_picture_of_a_message_is_dreamt_in_an_answer_of_its_own(world: World) -> None:
    pictures = [(f"{width}.png", png(width)) for width in (80, 90, 100)]
    said = await world.alice.posts(f"!dream {QUICK}", *pictures)
    jobs = await finished(world, 3)
    assert sorted(job.width or 0 for job in jobs) == [80, 90, 100]
    assert len({job.recipe for job in jobs}) == 1  # with the same seed
    assert {answer.reference.message_id for answer in world.answers if answer.reference} == {said.id}
    assert all(f"✨ **Dreamt** for {world.alice.mention}" in answer.content for answer in world.answers)


async def test_of_more_than_four_pictures_the_rest_is_left_out_and_said(world: World) -> None:
    pictures = [(f"{width}.png", png(width)) for width in range(61, 67)]
    said = await world.alice.says(f"!dream {QUICK}", *pictures)
    assert said.endswith("-# 2 pictures were left out: I dream on 4 pictures at a time.")
    await finished(world, 4)
    assert len(world.answers) == 5


async def test_two_pictures_and_the_word_guide_are_one_dream(world: World) -> None:
    await world.alice.says(f"!dream guide {QUICK}", ("a.png", png(80)), ("b.png", png(90)))
    (job,) = await finished(world, 1)
    assert job.width == 80 and await world.app.queue.jobs.picture(job.id, "guide") == png(90)


async def test_a_reply_to_several_pictures_dreams_each(world: World) -> None:
    album = await world.bob.posts("ours", ("a.png", png(80)), ("b.png", png(90)))
    await world.alice.says(f"!dream {QUICK}", reply_to=album)
    jobs = await finished(world, 2)
    assert {job.width for job in jobs} == {80, 90} and {job.author_id for job in jobs} == {world.bob.id}


async def test_a_link_preview_is_dreamt_from_discords_own_proxy(
    world: World, served: dict[str, bytes]
) -> None:
    data = served[PROXIED] = png(90)
    posted(world, world.bob, "https://example.org/sea.png", embeds=[preview()])
    await world.alice.says(f"!dream {QUICK}")
    (job,) = await finished(world, 1)
    assert await world.app.queue.jobs.picture(job.id, "source") == data and job.author_id == world.bob.id


async def test_a_link_in_the_command_is_dreamt_once_discord_shows_its_picture(
    world: World, served: dict[str, bytes]
) -> None:
    served[PROXIED] = png(90)

    async def show() -> None:
        await until(lambda: bool(world.dreams.history()), 10)
        await asyncio.sleep(0.2)  # as Discord looks at a link after its message is there
        said = world.dreams.history()[-1]
        world.env.backend.edit_message(world.dreams.id, said.id, {"embeds": [preview()]})

    showing = asyncio.create_task(show())
    await world.alice.says(f"!dream https://example.org/sea.png {QUICK}")
    await showing
    (job,) = await finished(world, 1)
    assert job.width == 90 and job.recipe.startswith("block3")


async def test_a_link_that_has_no_preview_is_not_opened(world: World) -> None:
    await world.alice.says("!dream https://example.org/cat.jpg")
    await world.env.advance_time(PREVIEW_SECONDS + 1)
    assert "Discord shows me no picture of that link" in world.answers[-1].content
    used = await world.alice.uses("dream", recipe="https://example.org/cat.jpg")
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
async def test_no_other_address_is_fetched(world: World, served: dict[str, bytes], address: str) -> None:
    served[address] = png(90)
    posted(world, world.bob, "look", embeds=[preview(address, address)])
    assert "I see no picture here" in await world.alice.says(f"!dream {QUICK}")


async def test_a_forwarded_picture_is_dreamt(world: World) -> None:
    other = world.guild.create_text_channel("elsewhere")
    original = await world.bob.at(other).posts("look", ("sea.png", png(90)))
    await world.alice.forward(original, world.dreams)
    await world.alice.says(f"!dream {QUICK}")
    (job,) = await finished(world, 1)
    assert job.width == 90


async def test_a_sticker_replied_to_is_dreamt_but_is_no_newest_picture(
    world: World, served: dict[str, bytes]
) -> None:
    photo = await world.bob.posts("look", picture=CAT)
    sticker = MessageSticker(77, "wave", 1, world.guild.id)
    served[f"{discord.Asset.BASE}/stickers/77.png"] = png(70)
    shown = posted(world, world.bob, stickers=[sticker])
    drawn = posted(world, world.bob, stickers=[MessageSticker(78, "drawn", 3, world.guild.id)])
    await world.alice.says(f"!dream {QUICK}", reply_to=shown)
    (job,) = await finished(world, 1)
    assert job.width == 70
    await world.alice.says(f"!dream {QUICK}")
    (job,) = await finished(world, 1)
    assert job.width == 120 and photo.id
    assert "I see no picture here" in await world.alice.says("!dream", reply_to=drawn)


async def test_a_custom_emoji_in_the_command_is_dreamt(world: World, served: Served) -> None:
    await world.bob.posts("look", picture=CAT)
    served[f"{discord.Asset.BASE}/emojis/123456789012345678.png"] = png(48)
    await world.alice.says(f"!dream <:blobcat:123456789012345678> {QUICK} size=48")
    (job,) = await finished(world, 1)
    assert job.width == 48 and job.author_id == world.alice.id


async def test_an_avatar_is_dreamt_by_mention_and_from_the_apps_menu(
    world: World, served: dict[str, bytes]
) -> None:
    await world.bob.posts("look", picture=CAT)
    carol = world.joined("carol", avatar="c0ffee")
    url = f"{discord.Asset.BASE}/avatars/{carol.id}/c0ffee.png?size=1024"
    data = served[url] = png(64)
    await world.alice.says(f"!dream {carol.mention} {QUICK} size=64")
    (job,) = await finished(world, 1)
    assert await world.app.queue.jobs.picture(job.id, "source") == data and job.author_id == carol.id
    await world.alice.says(f"!compare {QUICK} | block4 steps=1 octaves=1 {carol.mention}")
    (job,) = await finished(world, 1)
    assert len(job.variants or ()) == 2 and job.author_id == carol.id
    await world.alice.picks("Dream this avatar", carol)
    job = await world.newest_job()
    assert await world.app.queue.jobs.picture(job.id, "source") == data and job.author_id == carol.id
    await world.app.queue.cancel(job.id)
    await world.shown(job)
    used = await world.alice.uses("dream", recipe=f"<@{carol.id}> pupyslug")
    assert "did you mean puppyslug" in whispered(used)


async def test_surprise_me_picks_a_preset_and_says_it_with_its_seed(world: World) -> None:
    await world.alice.says("!dream surprise me steps=1 octaves=1", picture=CAT)
    (job,) = await finished(world, 1)
    assert job.state is State.DONE and job.preset in world.app.bot.presets
    (answer,) = world.answers
    assert "seed=" in answer.content and not answer.content.startswith("✨ **Dreamt**")
    choices = await world.alice.is_offered("dream", "recipe", "sur")
    assert "surprise me" in [choice["value"] for choice in choices]


async def test_a_picture_that_turns_out_too_large_or_gone_is_refused(
    world: World, served: dict[str, bytes]
) -> None:
    posted(world, world.bob, "look", embeds=[preview()])  # which Discord does not serve any more
    assert "couldn't fetch that picture" in await world.alice.says(f"!dream {QUICK}")
    served[PROXIED] = bytes(world.app.bot.config.picture.max_bytes + 1)
    assert "please send a picture of at most" in await world.alice.says(f"!dream {QUICK}")
