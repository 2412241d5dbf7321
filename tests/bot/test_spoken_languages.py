"""Conversations in German, in two languages at once, and in one in which every text is marked."""

from __future__ import annotations

from collections.abc import Iterator

import discord
import pytest
import simcord

from bot.settings.values import GROUPS
from tests.support.marked_texts import sent, speak_marked, speaks, unmarked_words
from tests.support.pictures import PHOTO
from tests.support.settings_panel import chosen, control, opened_panel
from tests.support.waiting import until
from tests.support.world import World, more

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def locales(env: simcord.Env, monkeypatch: pytest.MonkeyPatch) -> dict[int, str]:
    """The languages of users' Discord, by their ids; others have English."""
    locales: dict[int, str] = {}
    speaks(env, monkeypatch, locales, otherwise="en-US")
    return locales


MEMBERS_SAY = """
!help
!help dream
!help options
!help recipes
!help daily
!layers
!about
!presets
!presets puppyslug
!privacy
!forget-me
!mine
!queue
!cancel
!recipe
!see
!dream
!dream a red dragon
!dream blok8
!dream size=9999
!dream fire7 seed=x
!drem
!layers x
!dream https://example.org/x
!compare one
!daily
!settings
!block @bob
!presets nothing
!sky size=1025
!sky steps=51
!dream block8 > > block9
!sky only=nothing
!sky block8:9999
!sky block8*0
"""

ADMINS_SAY = """
!settings
!settings log
!settings size 5
!settings set size x
!settings set recipe mixd5
!settings set size 512
!settings reset size
!settings set roles nobody
!settings explain
!settings set daily_times noon
!settings set daily_zone Nowhere
!settings set daily_days x
!preset save fog block8
!preset delete fog
!preset delete fog
!settings set report_channel #art
!daily
!daily off
!daily on #dreams 25:00
!daily on #dreams 09:00 Europe/Berlin
!daily source
!daily source add #art
!daily source days 3
!daily history
!daily recipe walk
!daily thread on
!daily recipe block8
!daily nothing
!daily off
!blocked
!block @bob 7d rude
!blocked
!unblock @bob
!unblock @bob
!daily forget
!settings log
!settings reset daily_channel
!settings export
!settings import
!settings nothing
!settings set
"""


async def in_german(world: World) -> None:
    assert "✅ **Sprache**" in await world.admin.says("!settings set language de")


async def test_a_server_that_chose_german_is_answered_in_german(world: World) -> None:
    await in_german(world)
    assert await world.alice.says("!cancel") == (
        "Du hast hier keinen Traum in der Schlange; Moderatoren können unter jedem Traum »Abbrechen« drücken."
    )
    assert "meintest du" in await world.alice.says("!drem")
    assert "So wird geträumt" in [embed.title for embed in await embeds(world, "!help")]
    job = await world.dreamt(world.alice)
    assert job.language == "de"
    post = next(message for message in world.dreams.history() if message.id == job.status_message_id)
    assert "für <@" in post.content
    assert "✅ **Language**" in await world.admin.says("!settings set language en")
    assert "You have no dream waiting" in await world.alice.says("!cancel")


async def embeds(world: World, text: str) -> list[discord.Embed]:
    await world.alice.says(text)
    last = world.dreams.last_message
    assert last is not None
    return last.embeds


async def test_what_one_member_sees_is_in_theirs_and_the_dream_in_the_servers(
    world: World, locales: dict[int, str]
) -> None:
    locales[world.bob.id] = "de"
    told = (await world.bob.slash(world.dreams, "cancel")).response
    assert told is not None and told.content.startswith("Du hast hier keinen Traum")
    told = (await world.alice.slash(world.dreams, "cancel")).response
    assert told is not None and told.content.startswith("You have no dream")
    job = await world.dreamt(world.bob)
    post = next(message for message in world.dreams.history() if message.id == job.status_message_id)
    assert job.language == "en" and f"for <@{world.bob.id}>" in post.content
    shown = await more(world.bob, post)
    assert shown.content.startswith("Unter dem Traum") and "Sanfter" in labels(shown)
    shown = await more(world.alice, post)
    assert shown.content.startswith("Under the dream") and "Gentler" in labels(shown)


def labels(message: simcord.ResponseMessage) -> list[str | None]:
    return [item.get("label") for row in message.components for item in row["components"]]


async def test_why_a_dream_failed_is_told_in_its_messages_language(
    world: World, locales: dict[int, str]
) -> None:
    """A worker refuses the picture, in no language; the server reads it in its own."""
    await in_german(world)
    await world.alice.says("!dream block8", picture=b"no picture at all")
    answers = " ".join(message.content for message in world.dreams.history() if message.author.bot)
    assert "Diese Datei ist kein Bild" in answers


async def test_slash_commands_are_described_in_german(world: World) -> None:
    tree = world.app.bot.tree
    assert tree.translator is not None
    described = 0
    for command in tree.walk_commands():
        payload = await command.get_translated_payload(tree, tree.translator)
        for entry in [payload, *payload.get("options", [])]:
            if entry["description"] == "…":  # an option whose name says it
                continue
            german = entry.get("description_localizations", {}).get("de")
            assert german, f"{command.qualified_name}: {entry['description']}"
            assert len(german) <= 100, f"too long for Discord: {german}"
            assert "name_localizations" not in entry or entry["name_localizations"] == {}
            described += 1
    menus = tree.get_commands(type=discord.AppCommandType.message)
    payloads = [await menu.get_translated_payload(tree, tree.translator) for menu in menus]
    assert [payload["name_localizations"] for payload in payloads] == [
        {"de": "Dieses Bild träumen"}
    ] and described > 40


@pytest.fixture
def marked(env: simcord.Env, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everybody speaks a language in which all texts are marked."""
    speaks(env, monkeypatch, {}, otherwise="de")
    speak_marked(monkeypatch)
    yield


async def stars(world: World) -> None:
    """Let a dream come into the hall of fame, be reported there and be taken out."""
    for words in (f"hall_channel {world.art.mention}", "hall_stars 1", f"report_channel {world.art.mention}"):
        await world.admin.says(f"!settings set {words}")
    job = await world.dreamt(world.alice)
    dream = next(one for one in world.dreams.history() if one.id == job.status_message_id)
    await world.bob.react(dream, "⭐")
    await world.app.hall_posts.sweep()
    await until(lambda: world.art.last_message is not None and "⭐" in world.art.last_message.content)
    (hall,) = [one for one in world.art.history() if "⭐" in one.content]
    await world.bob.click(hall, custom_id=f"hall-report:{job.id}")
    await world.alice.click(hall, custom_id=f"hall-remove:{job.id}")


@pytest.mark.usefixtures("marked")
async def test_whatever_the_bot_says_is_in_the_catalogue(world: World) -> None:
    await world.admin.says("!settings set language de")
    began = len(world.env.backend.http_requests)
    photo = PHOTO.read_bytes()
    for text in MEMBERS_SAY.split("\n")[1:-1]:
        await world.alice.says(text)
    for text in ADMINS_SAY.split("\n")[1:-1]:
        await world.admin.says(text.replace("@bob", world.bob.mention))
    job = await world.dreamt(world.alice)
    post = next(message for message in world.dreams.history() if message.id == job.status_message_id)
    shown = await more(world.bob, post)
    for button in ("recipe", "delete"):
        await world.bob.click(shown, custom_id=f"{button}:{job.id}")
    for button in ("remix", "bigger"):
        await world.bob.click(post, custom_id=f"{button}:{job.id}")
    await world.bob.says("!dream block8", picture=photo)
    await world.bob.says("!queue")
    await world.bob.says("!dream", picture=b"no picture")
    for command in ("privacy", "help", "mine", "queue", "presets", "about", "layers"):
        if command in world.alice.available_commands(world.dreams):
            await world.alice.slash(world.dreams, command)
    await world.alice.says("!privacy")
    await world.alice.presses("choice")
    await stars(world)
    panel = await opened_panel(world)
    for names in GROUPS.values():
        for name in names:
            await chosen(world, panel, name)
    await world.admin.click(panel, custom_id=control("log", names[-1]))
    await world.admin.click(panel, custom_id=control("import", names[-1]))
    names_here = {"dreamers", "dreams", "art", "admins", "mods", "fans", "bob"}
    names_here |= {"noon", "nowhere", "nobody", "nothing", "fog", "rude", "lotion"}  # typed, or a class
    found = {
        f"{text!r}: {words}"
        for _call, text in sent(world.env, began)
        if (words := unmarked_words(text, names_here))
    }
    assert not found, "\n".join(sorted(found))
