"""Members who know only Discord try what comes to mind, and get on: docs/walks.md."""

from __future__ import annotations

import pytest

from tests.support.pictures import CAT
from tests.support.world import World


@pytest.fixture
async def spoken(world: World) -> str:
    """The bot's name, as a mention."""
    assert world.app.bot.user is not None
    return world.app.bot.user.mention


@pytest.mark.parametrize("words", ["this", "my photo", "this picture please", "dieses Bild", "it size = 64"])
async def test_words_that_only_point_at_the_picture_dream_it(world: World, words: str) -> None:
    await world.admin.says("!settings set recipe block3")
    await world.alice.says(f"!dream {words}", picture=CAT)
    assert (await world.newest_job()).recipe.startswith("block3 ")


async def test_options_beside_such_words_hold(world: World) -> None:
    await world.admin.says("!settings set recipe block3")
    await world.alice.says("!dream this still steps = 1", picture=CAT)
    recipe = (await world.newest_job()).recipe
    assert "as=still" in recipe and "steps=1" in recipe


async def test_the_bots_name_with_a_picture_or_in_reply_to_one_dreams_it(world: World, spoken: str) -> None:
    photo = await world.alice.posts(spoken, picture=CAT)
    assert (await world.newest_job()).request_message_id == photo.id
    await world.bob.says(spoken, reply_to=photo)
    assert (await world.newest_job()).author_id == world.alice.id
    words = await world.bob.posts("no picture")
    assert "I see no picture here" in await world.bob.says(spoken, reply_to=words)
    assert "Hello!" in await world.bob.says(spoken)


async def test_whoever_talks_to_the_bot_by_name_is_answered(world: World, spoken: str) -> None:
    said = await world.alice.says(f"{spoken} make my photo weird", picture=CAT)
    assert "To dream on a picture, write" in said and await world.jobs(world.alice) == []
    assert await world.alice.says("!makemyphotoweird") == "", "another bot's command, perhaps"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("!dream crazier", "🔥 Wilder"),
        ("!dream make it more intense", "🔥 Wilder"),
        ("!upscale", "🔎"),
        ("!dream größer", "🔎"),
        ("!dream 2048", "write `!dream size=2048`"),
        ("!dream video", "🕳️ Fall into it"),
        ("!compare", "🌓 Before & after"),
        ("!dreams", "a press away"),
    ],
)
async def test_other_words_for_what_can_be_done_are_told_where_it_is(
    world: World, said: str, told: str
) -> None:
    await world.alice.says("!sky block3 steps=1 octaves=1 size=64")
    dream = await world.newest_dream()
    assert told in await world.alice.says(said, reply_to=dream)
    if said == "!upscale":
        assert await world.alice.says(said) == "", "not in reply to a dream, it is another bot's"
