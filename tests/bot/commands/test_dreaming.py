"""Members ask for dreams."""

from __future__ import annotations

import asyncio
import io
import re
import struct
import zlib
from typing import Any

import discord
import pytest
from PIL import Image

from bot.ui.status import BAR
from tests.support.talk import Talk, whispered

QUICK = "block3 steps=2 octaves=1"
SLOW = "block8 steps=100 octaves=3"
Overwrites = dict[Any, discord.PermissionOverwrite]


async def opened(attachment: discord.Attachment) -> Image.Image:
    return Image.open(io.BytesIO(await attachment.read()))


async def test_a_photograph_becomes_a_dream_in_one_message(talk: Talk) -> None:
    await talk.says(talk.alice, f"!dream {QUICK}", talk.photo)
    dream = await talk.dream()

    assert len(talk.answers) == 1
    assert dream.reference is not None
    assert re.search(r" × \d+ · \d+ s", dream.content)
    assert re.search(r"`block3 steps=2 octaves=1 seed=\d+` · EfficientNet-Lite0 · 120 × 80", dream.content)
    (picture,) = dream.attachments
    assert picture.description == "A dream of block3."
    assert (await opened(picture)).size == (120, 80)


async def test_words_alone_take_the_channels_recipe(talk: Talk) -> None:
    await talk.says(talk.alice, "!dream steps=1 octaves=1", talk.photo)
    assert "block8+block11 steps=1" in (await talk.dream()).content


async def test_a_preset_is_as_good_as_a_recipe_and_its_title_stays(talk: Talk) -> None:
    await talk.says(talk.alice, "!DREAM Puppyslug steps=1 octaves=1", talk.photo)
    dream = await talk.dream()
    assert "SqueezeNet 1.1" in dream.content
    assert dream.content.startswith("✨ **Puppyslug** for ")
    assert "-# `fire7 steps=1 octaves=1 seed=" in dream.content


async def test_a_reply_dreams_on_the_picture_replied_to(talk: Talk) -> None:
    small = io.BytesIO()
    Image.new("RGB", (90, 60), "teal").save(small, "PNG")
    picture = await talk.bob.send(talk.channel, "look", attachments=[("sea.png", small.getvalue())])
    await talk.bob.send(talk.channel, "and this", attachments=[talk.photo])
    await talk.says(talk.alice, f"!dream {QUICK}", reply_to=picture)
    assert "90 × 60" in (await talk.dream()).content


async def test_the_newest_picture_is_found_but_not_the_bots_own(talk: Talk) -> None:
    await talk.bob.send(talk.channel, "look", attachments=[talk.photo])
    await talk.says(talk.alice, f"!dream {QUICK} size=60")
    await talk.dream()
    await talk.says(talk.alice, f"!dream {QUICK}")
    assert "120 × 80" in (await talk.dream()).content


async def test_where_nobody_posted_a_picture_the_last_dream_is_dreamt_on(talk: Talk) -> None:
    await talk.says(talk.alice, f"!sky {QUICK} size=96")
    first = await talk.dream()
    parent = await talk.job()
    await talk.says(talk.alice, "!layers squeezenet")  # a picture of the bot's, but no dream
    await talk.says(talk.bob, f"!dream {QUICK}")
    await talk.dream()
    job = await talk.job()
    assert job.parent == parent.id
    assert await talk.queue.jobs.picture(job.id, "source") == await first.attachments[0].read()


async def test_a_reply_to_a_dream_dreams_on_it_as_its_source_s_authors(talk: Talk) -> None:
    picture = await talk.bob.send(talk.channel, "look", attachments=[talk.photo])
    await talk.says(talk.alice, f"!dream {QUICK}", reply_to=picture)
    first = await talk.dream()
    await talk.says(talk.alice, f"!dream {QUICK}", reply_to=first)
    await talk.dream()
    assert (await talk.job()).author_id == talk.bob.id


async def test_pictures_are_found_fifty_messages_back(talk: Talk) -> None:
    await talk.bob.send(talk.channel, "look", attachments=[talk.photo])
    for number in range(49):
        await talk.bob.send(talk.channel, f"that was {number} ago")
    await talk.says(talk.alice, f"!dream {QUICK}")
    await talk.shown((await talk.job()).id)
    await talk.queue.erase((await talk.job()).id)
    await talk.env.settle()
    await talk.bob.send(talk.channel, "that was 50 ago")
    await talk.bob.send(talk.channel, "that was 51 ago")
    assert "I see no picture here" in await talk.says(talk.alice, "!dream")


async def test_a_file_that_is_no_picture_i_can_read_is_passed_over(talk: Talk) -> None:
    await talk.bob.send(talk.channel, "look", attachments=[talk.photo])
    await talk.bob.send(talk.channel, "logo", attachments=[("logo.svg", b"<svg/>")])
    await talk.says(talk.alice, f"!dream {QUICK}")
    assert "✨" in (await talk.dream()).content


async def test_a_typo_is_told_before_the_missing_picture(talk: Talk) -> None:
    assert "did you mean puppyslug" in await talk.says(talk.alice, "!dream pupyslug")
    used = await talk.alice.slash(talk.channel, "dream", recipe="pupyslug")
    assert "did you mean puppyslug" in whispered(used)


async def test_the_past_is_no_source_for_whoever_may_not_read_it(talk: Talk) -> None:
    reads, reads_not = (discord.PermissionOverwrite(read_message_history=may) for may in (True, False))
    overwrites: Overwrites = {talk.guild.default_role: reads_not, talk.guild.me: reads}
    channel = talk.guild.create_text_channel("no-past", overwrites=overwrites)
    await talk.admin.send(channel, "look", attachments=[talk.photo])
    assert "I see no picture here" in whispered(await talk.alice.slash(channel, "dream", recipe=QUICK))
    await talk.alice.send(channel, f"!dream {QUICK}")
    assert "I see no picture here" in [*channel.history()][-1].content


async def test_nothing_but_clouds(talk: Talk) -> None:
    await talk.says(talk.alice, f"!sky {QUICK} size=96")
    dream = await talk.dream()
    assert max((await opened(dream.attachments[0])).size) == 96


async def test_a_dream_of_inception_without_its_weights_says_who_stood_in(talk: Talk) -> None:
    await talk.says(talk.alice, "!dream mixed5 steps=1 octaves=1", talk.photo)
    lines = (await talk.dream()).content.splitlines()
    (line,) = [line for line in lines if "InceptionV3" in line and "weights" in line]
    assert "block9" in line and "mixed5" in line and "whoever" not in line


async def test_a_spoiler_stays_one_while_it_grows_and_ever_after(talk: Talk) -> None:
    await talk.says(talk.alice, f"!dream {SLOW} size=1024", ("SPOILER_cat.jpg", talk.photo[1]))
    async with asyncio.timeout(30):
        while not talk.answers[-1].attachments:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert talk.answers[-1].attachments[0].is_spoiler()
    await talk.presses(talk.alice, talk.answers[-1], "cancel")

    await talk.says(talk.alice, f"!dream {QUICK}", ("SPOILER_cat.jpg", talk.photo[1]))
    dream = await talk.dream()
    assert dream.attachments[0].is_spoiler()
    for button in ("again", "deeper"):
        await talk.presses(talk.bob, dream, button)
        assert (await talk.dream()).attachments[0].is_spoiler()


def sixty_megapixels() -> bytes:
    """A PNG of 10000 × 6000 pixels in a small file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(10001 * 6000))
    head = struct.pack(">IIBBBBB", 10000, 6000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("text", "files", "sentence"),
    [
        ("!dream", [], "please attach one"),
        ("!dream", [("notes.png", b"milk, eggs")], "no picture I can read"),
        ("!dream mixde5", ["photo"], "did you mean mixed5"),
        ("!dream a red dragon", [], "can't dream of `red dragon`"),
        ("!dream foo", [], "can't dream of `foo`"),
        ("!dream block8 steps 20", ["photo"], "write steps= and"),
        ("!dream steps=0", ["photo"], "a whole number from 1"),
        ("!dream crane", ["photo"], "write crane_bird or crane_machine"),
        ("!dream", [("nothing.png", b"")], "empty"),
        ("!dream", [("huge.png", sixty_megapixels())], "megapixels"),
        ("!dream", [("cut.jpg", "half a photo")], "damaged"),
    ],
)
async def test_whatever_is_wrong_is_said_in_one_sentence(
    talk: Talk, text: str, files: list[object], sentence: str
) -> None:
    given = {"photo": talk.photo, "half a photo": talk.photo[1][: len(talk.photo[1]) // 2]}
    attached = [
        given[file] if isinstance(file, str) else (file[0], given.get(file[1], file[1]))  # type: ignore[index]
        for file in files
    ]
    answer = await talk.says(talk.alice, text, *attached)  # type: ignore[arg-type]
    assert sentence in answer
    assert len(answer.splitlines()) == 1 and "Traceback" not in answer
    assert await talk.in_line() == []

    await talk.says(talk.alice, f"!dream {QUICK}", talk.photo)
    assert "✨" in (await talk.dream()).content


async def test_what_nobody_foresaw_is_noted_and_said_kindly(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    talk.env.inject_error("GET", "/channels/*/messages", status=403, code=50001)
    assert "I see no picture here" in await talk.says(talk.alice, "!dream")
    talk.env.inject_error("GET", "/channels/*/messages", status=400)
    answer = await talk.says(talk.alice, "!dream")
    number = re.search(r"noted as (\w+)", answer)
    assert number and number[1] in caplog.text


async def test_a_slash_command_is_answered_by_a_message_that_outlives_it(talk: Talk) -> None:
    used = await talk.alice.slash(talk.channel, "dream", recipe=QUICK, picture=talk.photo)
    assert used.ephemeral
    dream = await talk.dream()
    assert whispered(used) == ""
    assert len(talk.answers) == 1
    assert f"for {talk.alice.mention}" in dream.content
    assert dream.attachments


async def test_a_slash_command_refuses_in_private(talk: Talk) -> None:
    used = await talk.alice.slash(talk.channel, "dream", recipe="mixde5", picture=talk.photo)
    assert "did you mean mixed5" in whispered(used)
    assert "add one to `/dream`" in whispered(await talk.alice.slash(talk.channel, "dream"))


async def test_a_message_has_an_entry_for_its_picture(talk: Talk) -> None:
    picture = await talk.bob.send(talk.channel, "look", attachments=[talk.photo])
    await talk.alice.context_menu(talk.channel, "Dream this picture", picture)
    assert "✨" in (await talk.dream()).content
    words = await talk.bob.send(talk.channel, "no picture")
    used = await talk.alice.context_menu(talk.channel, "Dream this picture", words)
    assert "no picture in that message" in whispered(used)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", "serpents"),
        ("pup", "puppyslug"),
        ("mixed", "mixed5"),
        ("block8+bl", "block8+block11"),
        ("block8 qual", "block8 quality="),
        ("block8 quality=", "block8 quality=rich"),
        ("block8 quality=ri", "block8 quality=rich"),
    ],
)
async def test_recipes_complete_themselves(talk: Talk, typed: str, offered: str) -> None:
    choices = await talk.alice.autocomplete(talk.channel, "dream", "recipe", typed)
    assert offered in [choice["value"] for choice in choices]


async def test_presets_are_offered_first_and_what_is_not_here_says_so(talk: Talk) -> None:
    choices = await talk.alice.autocomplete(talk.channel, "dream", "recipe", "")
    assert choices[0]["value"] in talk.bot.presets
    choices = await talk.alice.autocomplete(talk.channel, "dream", "recipe", "mixed")
    assert all("not here yet" in choice["name"] for choice in choices if choice["value"] != "mixed")
    (choice,) = await talk.alice.autocomplete(talk.channel, "dream", "recipe", "block8 steps=")
    assert "from 1 to 5000" in choice["name"]


async def test_the_line_is_seen_and_left(talk: Talk) -> None:
    assert "Nobody is waiting" in await talk.says(talk.alice, "!queue")
    await talk.says(talk.bob, f"!dream {SLOW} size=1024", talk.photo)
    await talk.says(talk.alice, "!dream block4 steps=100", talk.photo)
    line = await talk.says(talk.alice, "!queue")
    assert "block8" in line and "block4 steps=100" in line and talk.alice.mention in line
    assert await talk.says(talk.alice, "!cancel") == "Cancelled your dream of `block4 steps=100 seed=" + (
        f"{line.split('block4 steps=100 seed=')[1].split('`')[0]}`."
    )
    assert "no dream waiting" in await talk.says(talk.alice, "!cancel")
    assert "Cancelled your dream of `block8" in await talk.says(talk.bob, "!cancel all")


async def test_the_line_tells_nothing_of_channels_that_the_asker_cannot_see(talk: Talk) -> None:
    hidden, shown = (discord.PermissionOverwrite(view_channel=may) for may in (False, True))
    overwrites: Overwrites = {talk.guild.default_role: hidden, talk.guild.me: shown}
    secret = talk.guild.create_text_channel("secret", overwrites=overwrites)
    asked = await talk.admin.send(
        secret, "!dream block7 steps=100 octaves=3 size=2048", attachments=[talk.photo]
    )
    async with asyncio.timeout(20):
        while not await talk.in_line():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    for line in (
        await talk.says(talk.alice, "!queue"),
        await talk.says(talk.admin, "!queue"),  # the others read the answer, too
        whispered(await talk.alice.slash(talk.channel, "queue")),
    ):
        assert "a dream elsewhere" in line and "block7" not in line and talk.admin.mention not in line
    assert "block7" in whispered(await talk.admin.slash(talk.channel, "queue"))
    await talk.admin.delete(asked)
    async with asyncio.timeout(10):
        while await talk.in_line():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_the_line_and_the_message_say_the_same_time(talk: Talk) -> None:
    await talk.says(talk.bob, "!dream block8 steps=150 octaves=4 size=2048", talk.photo)
    await talk.says(talk.alice, "!dream block4 steps=100", talk.photo)
    job = await talk.job()
    async with asyncio.timeout(30):  # until the sweep has shown both as they are now
        while True:
            line = await talk.says(talk.alice, "!queue")
            (message,) = [one for one in talk.answers if one.id == job.status_message_id]
            shown = re.search(r"ready [\w ]+(<t:\d+:t>)?", message.content)
            if shown and f"{shown[0]}" in line:
                break
            await asyncio.sleep(0.2)
    assert ":R>" not in line + "".join(message.content for message in talk.answers)
    await talk.says(talk.bob, "!cancel")
    await talk.says(talk.alice, "!cancel")


async def test_progress_is_shown(talk: Talk) -> None:
    await talk.says(talk.alice, f"!dream {SLOW} size=600", talk.photo)
    seen = ""
    async with asyncio.timeout(30):
        while "▰" not in seen:
            await asyncio.sleep(0.05)
            seen = talk.answers[-1].content
    assert len(re.findall("[▰▱]", seen)) == BAR
    assert re.search(r"pass \d of 3|100%", seen) and "size 1" not in seen
    await talk.presses(talk.alice, talk.answers[-1], "cancel")
