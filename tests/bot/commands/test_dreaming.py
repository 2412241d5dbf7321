"""Members ask for dreams."""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import Any

import discord
import pytest
from PIL import Image

from bench.support.pretended_dreams import WAITS
from bot.ui.status import BAR
from tests.support.pictures import CAT, png
from tests.support.speaker import whispered
from tests.support.waiting import until
from tests.support.world import World

QUICK = "block3 steps=2 octaves=1"
SLOW = "block8 steps=100 octaves=3"
Overwrites = dict[Any, discord.PermissionOverwrite]


async def opened(attachment: discord.Attachment) -> Image.Image:
    return Image.open(io.BytesIO(await attachment.read()))


async def test_a_photograph_becomes_a_dream_in_one_message(real_world: World) -> None:
    await real_world.alice.says(f"!dream {QUICK}", picture=CAT)
    dream = await real_world.newest_dream()

    assert len(real_world.answers) == 1
    assert dream.reference is not None
    assert re.search(r" × \d+ · \d+ s", dream.content)
    assert re.search(r"`block3 steps=2 octaves=1 seed=\d+` · EfficientNet-Lite0 · 120 × 80", dream.content)
    (picture,) = dream.attachments
    assert picture.description == "A dream of block3."
    assert (await opened(picture)).size == (120, 80)


async def test_words_alone_take_the_channels_recipe(world: World) -> None:
    await world.alice.says("!dream steps=1 octaves=1", picture=CAT)
    assert "block9+block11 steps=1" in (await world.newest_dream()).content


async def test_a_preset_is_as_good_as_a_recipe_and_its_title_stays(world: World) -> None:
    await world.alice.says("!DREAM Puppyslug still steps=1 octaves=1", picture=CAT)
    dream = await world.newest_dream()
    assert "SqueezeNet 1.1" in dream.content
    assert dream.content.startswith("✨ **Puppyslug** for ")
    assert re.search("-# `fire7 steps=1 octaves=1 seed=.* as=still`", dream.content)


async def test_a_reply_dreams_on_the_picture_replied_to(world: World) -> None:
    small = png(90, 60)
    picture = await world.bob.posts("look", ("sea.png", small))
    await world.bob.posts("and this", picture=CAT)
    await world.alice.says(f"!dream {QUICK}", reply_to=picture)
    assert "90 × 60" in (await world.newest_dream()).content


async def test_the_newest_picture_is_found_but_not_the_bots_own(world: World) -> None:
    await world.bob.posts("look", picture=CAT)
    await world.alice.says(f"!dream {QUICK} size=60")
    await world.newest_dream()
    await world.alice.says(f"!dream {QUICK}")
    assert "120 × 80" in (await world.newest_dream()).content


async def test_where_nobody_posted_a_picture_the_last_dream_is_dreamt_on(world: World) -> None:
    await world.alice.says(f"!sky {QUICK} size=96")
    first = await world.newest_dream()
    parent = await world.newest_job()
    await world.alice.says("!layers squeezenet")  # a picture of the bot's, but no dream
    await world.bob.says(f"!dream {QUICK}")
    await world.newest_dream()
    job = await world.newest_job()
    assert job.parent == parent.id
    assert await world.app.queue.jobs.picture(job.id, "source") == await first.attachments[0].read()


async def test_a_reply_to_a_dream_dreams_on_it_as_its_source_s_authors(world: World) -> None:
    picture = await world.bob.posts("look", picture=CAT)
    await world.alice.says(f"!dream {QUICK}", reply_to=picture)
    first = await world.newest_dream()
    await world.alice.says(f"!dream {QUICK}", reply_to=first)
    await world.newest_dream()
    assert (await world.newest_job()).author_id == world.bob.id


async def test_pictures_are_found_fifty_messages_back(world: World) -> None:
    await world.bob.posts("look", picture=CAT)
    for number in range(49):
        await world.bob.posts(f"that was {number} ago")
    await world.alice.says(f"!dream {QUICK}")
    await world.shown(await world.newest_job())
    await world.app.queue.erase((await world.newest_job()).id)
    await world.env.settle()
    await world.bob.posts("that was 50 ago")
    await world.bob.posts("that was 51 ago")
    assert "I see no picture here" in await world.alice.says("!dream")


async def test_a_file_that_is_no_picture_i_can_read_is_passed_over(world: World) -> None:
    await world.bob.posts("look", picture=CAT)
    await world.bob.posts("logo", ("logo.svg", b"<svg/>"))
    await world.alice.says(f"!dream {QUICK}")
    assert "✨" in (await world.newest_dream()).content


async def test_a_typo_is_told_before_the_missing_picture(world: World) -> None:
    assert "did you mean puppyslug" in await world.alice.says("!dream pupyslug")
    used = await world.alice.uses("dream", recipe="pupyslug")
    assert "did you mean puppyslug" in whispered(used)


async def test_the_past_is_no_source_for_whoever_may_not_read_it(world: World) -> None:
    reads, reads_not = (discord.PermissionOverwrite(read_message_history=may) for may in (True, False))
    overwrites: Overwrites = {world.guild.default_role: reads_not, world.guild.me: reads}
    channel = world.guild.create_text_channel("no-past", overwrites=overwrites)
    await world.admin.at(channel).posts("look", picture=CAT)
    assert "I see no picture here" in whispered(await world.alice.at(channel).uses("dream", recipe=QUICK))
    await world.alice.at(channel).says(f"!dream {QUICK}")
    assert "I see no picture here" in [*channel.history()][-1].content


async def test_nothing_but_clouds(world: World) -> None:
    await world.alice.says(f"!sky {QUICK} size=96")
    dream = await world.newest_dream()
    assert max((await opened(dream.attachments[0])).size) == 96


async def test_a_dream_of_inception_without_its_weights_says_who_stood_in(real_world: World) -> None:
    await real_world.alice.says("!dream mixed5 steps=1 octaves=1", picture=CAT)
    lines = (await real_world.newest_dream()).content.splitlines()
    (line,) = [line for line in lines if "InceptionV3" in line and "weights" in line]
    assert "block9" in line and "mixed5" in line and "whoever" not in line


async def test_a_spoiler_stays_one_while_it_grows_and_ever_after(real_world: World) -> None:
    await real_world.alice.says(f"!dream {SLOW} size=1024", ("SPOILER_cat.jpg", CAT))
    await until(lambda: bool(real_world.answers[-1].attachments))
    assert real_world.answers[-1].attachments[0].is_spoiler()
    await real_world.alice.presses("cancel", real_world.answers[-1])

    await real_world.alice.says(f"!dream {QUICK}", ("SPOILER_cat.jpg", CAT))
    dream = await real_world.newest_dream()
    assert dream.attachments[0].is_spoiler()
    for button in ("again", "deeper"):
        await real_world.bob.presses(button, dream)
        assert (await real_world.newest_dream()).attachments[0].is_spoiler()


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
    world: World, text: str, files: list[object], sentence: str
) -> None:
    given = {"photo": ("cat.jpg", CAT), "half a photo": CAT[: len(CAT) // 2]}
    attached = [
        given[file] if isinstance(file, str) else (file[0], given.get(file[1], file[1]))  # type: ignore[index]
        for file in files
    ]
    answer = await world.alice.says(text, *attached)  # type: ignore[arg-type]
    assert sentence in answer
    assert len(answer.splitlines()) == 1 and "Traceback" not in answer
    assert await world.in_line() == []

    await world.alice.says(f"!dream {QUICK}", picture=CAT)
    assert "✨" in (await world.newest_dream()).content


async def test_a_value_is_refused_with_the_range_that_holds_there(world: World) -> None:
    here = world.dreams.mention
    assert "from 1 to 50," in await world.alice.says("!dream block3 steps=51", picture=CAT)
    for most in (1024, 300):
        await world.admin.says(f"!settings set {here} max_size {most}")
        for typed in ("9999", "large", str(most + 1)):
            assert f"from 16 to {most}, not" in await world.alice.says(f"!dream block3 size={typed}")
        assert f"from 16 to {most}" in await world.alice.says("!dream block3 size")
        assert f"from 16 to {most}" in await world.alice.says("!help options")
        assert f"from 64 to {most}," in await world.admin.says(f"!settings set {here} size 9999")
    await world.alice.says(f"!dream {QUICK}", picture=CAT)
    form = await world.alice.presses("remix", await world.newest_dream())
    assert "from 16 to 300" in whispered(await world.alice.fills(form, recipe="block3 size=9999"))
    assert "from 16 to 1024" in await world.admin.says("!preset save wide block3 size=9999")


async def test_what_nobody_foresaw_is_noted_and_said_kindly(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.env.inject_error("GET", "/channels/*/messages", status=403, code=50001)
    assert "I see no picture here" in await world.alice.says("!dream")
    world.env.inject_error("GET", "/channels/*/messages", status=400)
    answer = await world.alice.says("!dream")
    number = re.search(r"noted as (\w+)", answer)
    assert number and number[1] in caplog.text


async def test_a_slash_command_is_answered_by_a_message_that_outlives_it(world: World) -> None:
    used = await world.alice.uses("dream", recipe=QUICK, picture=("cat.jpg", CAT))
    assert used.ephemeral
    dream = await world.newest_dream()
    assert whispered(used) == ""
    assert len(world.answers) == 1
    assert f"for {world.alice.mention}" in dream.content
    assert dream.attachments


async def test_a_slash_command_refuses_in_private(world: World) -> None:
    used = await world.alice.uses("dream", recipe="mixde5", picture=("cat.jpg", CAT))
    assert "did you mean mixed5" in whispered(used)
    assert "add one to `/dream`" in whispered(await world.alice.uses("dream"))


async def test_a_message_has_an_entry_for_its_picture(world: World) -> None:
    picture = await world.bob.posts("look", picture=CAT)
    await world.alice.picks("Dream this picture", picture)
    assert "✨" in (await world.newest_dream()).content
    words = await world.bob.posts("no picture")
    used = await world.alice.picks("Dream this picture", words)
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
async def test_recipes_complete_themselves(world: World, typed: str, offered: str) -> None:
    choices = await world.alice.is_offered("dream", "recipe", typed)
    assert offered in [choice["value"] for choice in choices]


async def test_presets_are_offered_first_and_what_is_not_here_says_so(world: World) -> None:
    choices = await world.alice.is_offered("dream", "recipe", "")
    assert choices[0]["value"] in world.app.bot.presets
    choices = await world.alice.is_offered("dream", "recipe", "mixed")
    assert all("not here yet" in choice["name"] for choice in choices if choice["value"] != "mixed")
    (choice,) = await world.alice.is_offered("dream", "recipe", "block8 steps=")
    assert "from 1 to 50" in choice["name"], "the most here"


async def test_the_line_is_seen_and_left(world: World) -> None:
    assert "Nobody is waiting" in await world.alice.says("!queue")
    await world.bob.says(f"!dream block8 steps={WAITS}", picture=CAT)
    await world.alice.says(f"!dream block4 steps={WAITS}", picture=CAT)
    line = await world.alice.says("!queue")
    asked = re.search(rf"block4 steps={WAITS} seed=\d+", line)
    assert asked and "block8" in line and world.alice.mention in line
    assert await world.alice.says("!cancel") == f"Cancelled your dream of `{asked[0]}`."
    assert "no dream waiting" in await world.alice.says("!cancel")
    assert "Cancelled your dream of `block8" in await world.bob.says("!cancel all")


async def test_the_line_tells_nothing_of_channels_that_the_asker_cannot_see(world: World) -> None:
    hidden, shown = (discord.PermissionOverwrite(view_channel=may) for may in (False, True))
    overwrites: Overwrites = {
        world.guild.default_role: hidden,
        world.guild.me: shown,
        world.admins: shown,
    }
    secret = world.guild.create_text_channel("secret", overwrites=overwrites)
    asked = await world.admin.at(secret).posts(f"!dream block7 steps={WAITS}", picture=CAT)
    assert await world.in_line()
    for line in (
        await world.alice.says("!queue"),
        await world.admin.says("!queue"),  # the others read the answer, too
        whispered(await world.alice.uses("queue")),
    ):
        assert "a dream elsewhere" in line and "block7" not in line and world.admin.mention not in line
    assert "block7" in whispered(await world.admin.uses("queue"))
    await world.admin.delete(asked)


async def test_the_line_and_the_message_say_the_same_time(real_world: World) -> None:
    for who in (real_world.bob, real_world.alice):
        await who.says("!dream block8 steps=100 octaves=4 size=2048", picture=CAT)
    job = await real_world.newest_job()

    async def agree() -> bool:
        await real_world.app.job_messages.sweep()
        shown = re.search(r"ready [\w ]+(<t:\d+:t>)?", real_world.message_of(job).content)
        return shown is not None and shown[0] in await real_world.alice.says("!queue")

    await until(agree)
    assert ":R>" not in "".join(message.content for message in real_world.answers)
    for who in (real_world.alice, real_world.bob):
        await who.says("!cancel")


async def test_progress_is_shown(real_world: World) -> None:
    await real_world.alice.says(f"!dream {SLOW} size=600", picture=CAT)
    await until(lambda: "▰" in real_world.answers[-1].content)
    seen = real_world.answers[-1].content
    assert len(re.findall("[▰▱]", seen)) == BAR
    assert re.search(r"pass \d of 3|100%", seen) and "size 1" not in seen
    await real_world.alice.presses("cancel", real_world.answers[-1])
