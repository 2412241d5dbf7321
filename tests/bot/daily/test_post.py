"""The daily dream as a server sees it: the post on its minute, its buttons, its pictures and its votes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import discord
import pytest
from simcord.backend import serializers
from sqlalchemy import delete

import dream
from bot.store.daily import PostRow, PostState
from tests.support.speaker import answered
from tests.support.waiting import until

if TYPE_CHECKING:
    from bot.queue.request import DreamRequest
    from bot.store.jobs import Job
    from tests.support.daily_world import DailyWorld

SAMPLES = Path(dream.__file__).parent / "samples"
COFFEE = (SAMPLES / "coffee.jpg").read_bytes()
ROCKET = (SAMPLES / "rocket.jpg").read_bytes()
CHELSEA = (SAMPLES / "chelsea.jpg").read_bytes()


async def test_a_dream_is_posted_on_its_minute_and_once(world: DailyWorld) -> None:
    await world.until("2026-03-10T05:00")
    await world.on("09:00", "Europe/Berlin")
    await world.minute("2026-03-10T07:40")
    [post] = await world.posts()
    assert (post.slot, post.state) == ("2026-03-10T09:00", "planned")
    await world.minute("2026-03-10T07:59")
    assert not world.seen()
    for _ in range(3):
        await world.minute("2026-03-10T08:00")
    [message] = world.seen()
    [picture] = message.attachments
    assert (await picture.read()).startswith(b"dreamt ")
    assert message.content.startswith("### 🌅 The dream of Tuesday, 10 March\n")
    assert picture.description and picture.description.startswith("The daily dream: ")
    await world.minute("2026-03-11T07:40")
    await world.minute("2026-03-11T08:00")
    assert len(world.seen()) == 2


async def test_a_dream_that_is_done_after_its_time_is_posted_at_once(world: DailyWorld) -> None:
    await world.admin.says("!daily recipe block3 steps=5")
    await world.on("09:00", "UTC")
    await world.until("2026-01-01T09:00")
    await world.app.daily.planner.run()
    await until(lambda: bool(world.seen()))
    assert [post.state for post in await world.posts()] == ["posted"]


async def test_a_dream_is_hidden_where_the_server_wants_spoilers(world: DailyWorld) -> None:
    await world.admin.says("!settings set spoiler on")
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    [message] = world.seen()
    assert message.attachments[0].is_spoiler()
    assert not message.embeds


async def test_before_and_after_at_a_button(world: DailyWorld) -> None:
    await world.admin.says("!daily source remove sky")
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    [message] = world.seen()
    pressed = await world.alice.presses("Before", message)
    shown = answered(pressed)
    assert shown.ephemeral
    assert await shown.attachments[0].read() in [path.read_bytes() for path in SAMPLES.glob("*.jpg")]


async def test_a_moderator_removes_a_post_and_its_picture_for_good(world: DailyWorld) -> None:
    await world.admin.says("!daily source remove sky")
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    [message] = world.seen()
    refused = await world.alice.presses("Remove", message)
    assert "Only moderators" in answered(refused).content
    assert world.seen()
    await world.mod.presses("Remove", message)
    assert not world.seen()
    [post] = await world.posts()
    assert post.state == PostState.REMOVED
    assert await world.app.queue.jobs.picture(post.job_id or "", "result") is None
    # All samples have been used when they come round again: but never the one that was taken away.
    for day in range(2, 12):
        await world.minute(f"2026-01-{day:02}T08:40")
        await world.minute(f"2026-01-{day:02}T09:00")
    later = (await world.posts())[1:]
    assert len(later) == 10
    assert {one.source for one in later} == {f"samples/{path.name}" for path in SAMPLES.glob("*.jpg")} - {
        post.source
    }


async def test_members_pictures_are_dreamt_with_their_credit(world: DailyWorld) -> None:
    private = world.guild.create_text_channel("late-night")
    known = world.app.bot.get_channel(private.id)
    assert isinstance(known, discord.TextChannel)
    known.nsfw = True  # which SimCord knows nothing of
    hidden = world.guild.create_text_channel("elsewhere")
    shown = await world.alice.at(world.art).posts("mine", ("rocket.jpg", ROCKET))
    await world.alice.at(world.art).posts("hidden", ("SPOILER_coffee.jpg", COFFEE))
    await world.alice.at(world.art).posts("words", ("notes.txt", b"hello"))
    await world.alice.at(private).posts("late", ("coffee.jpg", COFFEE))
    await world.alice.at(hidden).posts("not opted in", ("coffee.jpg", COFFEE))
    for kind in ("samples", "sky"):
        await world.admin.says(f"!daily source remove {kind}")
    assert "age-restricted" in await world.admin.says(f"!daily source add {private.mention}")
    assert "1 now" in await world.admin.says(f"!daily source add {world.art.mention}")
    await world.on("09:00", "UTC")
    await world.minute("2026-01-02T08:40")
    await world.minute("2026-01-02T09:00")
    [message] = world.seen()
    assert shown.jump_url in message.content
    assert world.alice.mention in message.content
    # Tomorrow it is used up, so it comes again; in a month it is too old, and there is a sky.
    await world.minute("2026-01-03T08:40")
    await world.minute("2026-01-03T09:00")
    await world.minute("2026-02-03T08:40")
    assert [post.kind for post in await world.posts()] == ["members", "members", "sky"]


async def test_the_same_picture_under_another_name_is_not_used_again(world: DailyWorld) -> None:
    await world.members_only()
    await world.alice.at(world.art).posts("once", ("rocket.jpg", ROCKET))
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    await world.alice.at(world.art).posts("twice", ("again.jpg", ROCKET))
    await world.admin.says("!daily source add sky")
    await world.minute("2026-01-02T08:40")
    assert [post.kind for post in await world.posts()] == ["members", "sky"]


async def test_whoever_asks_to_be_forgotten_is_not_dreamt_of(world: DailyWorld) -> None:
    await world.members_only()
    await world.alice.at(world.art).posts("mine", ("rocket.jpg", ROCKET))
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    [post] = await world.posts()
    assert post.author_id == world.alice.id
    assert "not be used" in await world.alice.says("!daily forget")
    await world.minute("2026-01-01T08:50")
    await world.minute("2026-01-01T09:00")
    [post] = await world.posts()
    assert (post.kind, post.state, post.author_id) == ("sky", "posted", None)
    await world.alice.says("!daily forget undo")
    await world.minute("2026-01-02T08:40")
    assert (await world.posts())[-1].author_id == world.alice.id


async def test_a_picture_that_is_deleted_is_not_posted(world: DailyWorld) -> None:
    await world.members_only()
    mine = await world.alice.at(world.art).posts("mine", ("rocket.jpg", ROCKET))
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    assert (await world.posts())[0].source_message_id == mine.id
    await world.alice.delete(mine)
    await world.minute("2026-01-01T08:41")
    await world.minute("2026-01-01T09:00")
    assert [post.kind for post in await world.posts()] == ["sky"]
    assert len(world.seen()) == 1


async def test_a_picture_deleted_after_its_dream_was_posted_is_not_kept(world: DailyWorld) -> None:
    await world.members_only()
    mine = await world.alice.at(world.art).posts("mine", ("rocket.jpg", ROCKET))
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    [message] = world.seen()
    await world.alice.delete(mine)
    assert "not kept" in answered(await world.admin.presses("Before", message)).content
    [post] = await world.posts()
    assert (post.state, post.author_id, post.source_message_id) == ("posted", None, None)
    assert await world.app.queue.jobs.picture(post.job_id or "", "source") is None


@pytest.mark.parametrize("what", ["deleted", "taken out", "hidden"])
async def test_a_picture_taken_away_while_the_bot_was_gone_is_not_posted(
    world: DailyWorld, what: str
) -> None:
    await world.members_only()
    mine = await world.alice.at(world.art).posts("mine", ("rocket.jpg", ROCKET))
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    [post] = await world.posts()
    assert post.source_message_id == mine.id
    messages = world.env.backend.messages[world.art.id]
    if what == "deleted":
        del messages[mine.id]
    elif what == "taken out":
        messages[mine.id].attachments = []
    else:
        messages[mine.id].attachments[0]["filename"] = "SPOILER_rocket.jpg"
    await world.app.daily.check_sources()
    await world.minute("2026-01-01T08:41")
    assert [post.kind for post in await world.posts()] == ["sky"]


async def test_a_picture_that_its_author_takes_out_of_the_message_is_not_posted(world: DailyWorld) -> None:
    await world.members_only()
    mine = await world.alice.at(world.art).posts("mine", ("rocket.jpg", ROCKET))
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.alice.edit(mine, "mine, and I like it")
    assert [post.kind for post in await world.posts()] == ["members"]
    world.env.backend.edit_message(world.art.id, mine.id, {"attachments": []})
    await world.env.settle()
    assert not await world.posts()
    await world.minute("2026-01-01T08:41")
    assert [post.kind for post in await world.posts()] == ["sky"]


async def test_pictures_of_blocked_members_are_not_dreamt(world: DailyWorld) -> None:
    await world.members_only()
    await world.alice.at(world.art).posts("mine", ("rocket.jpg", ROCKET))
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    assert [post.author_id for post in await world.posts()] == [world.alice.id]
    await world.mod.says(f"!block {world.alice.mention} 2d")
    assert not await world.posts()
    await world.minute("2026-01-01T08:41")
    assert [post.kind for post in await world.posts()] == ["sky"]
    await world.minute("2026-01-01T09:00")
    await world.minute("2026-01-02T08:40")
    await world.minute("2026-01-02T09:00")
    await world.minute("2026-01-03T08:40")  # the block is over
    assert [post.kind for post in await world.posts()] == ["sky", "sky", "members"]


async def test_a_report_leads_the_moderators_to_the_post(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    [unreportable] = world.seen()
    assert "report" not in str(unreportable.components)  # nobody would be told
    await world.admin.says(f"!settings set report_channel {world.art.mention}")
    await world.minute("2026-01-02T08:40")
    await world.minute("2026-01-02T09:00")
    message = world.seen()[-1]
    pressed = await world.alice.presses("daily-report", message)
    assert "moderators have been told" in answered(pressed).content
    report = world.last(world.art)
    assert message.jump_url in report.content
    await world.mod.presses("Remove", report)
    assert message.id not in [one.id for one in world.seen()]
    assert "removed the reported dream" in world.last(world.art).content
    assert (await world.posts())[-1].state == PostState.REMOVED
    await world.admin.says("!settings log")
    assert f"{world.mod.mention} · remove" in str(world.last().embeds[0].description)


async def test_a_post_that_is_not_known_any_more_can_be_removed_by_moderators(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    async with world.app.database.session() as session, session.begin():
        await session.execute(delete(PostRow))
    [message] = world.seen()
    assert "Only moderators" in answered(await world.alice.presses("Remove", message)).content
    await world.mod.presses("Remove", message)
    assert not world.seen()


async def test_while_the_operator_pauses_the_bot_nothing_is_dreamt(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.app.moderation.pause("back at ten.", by=1)
    for minute in ("08:40", "09:00", "09:30"):
        await world.minute(f"2026-01-01T{minute}")
    assert [post.job_id for post in await world.posts()] == [None]
    await world.admin.says("!daily")
    assert "back at ten" in str(world.last().embeds[0].to_dict())
    assert "back at ten" in await world.admin.says("!daily now")
    await world.app.moderation.resume(by=1)
    await world.minute("2026-01-01T10:00")
    await world.minute("2026-01-01T10:01")
    assert [post.state for post in await world.posts()] == ["posted"]


async def test_reactions_are_votes(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    await world.env.settle()
    [message] = world.seen()
    assert {str(reaction.emoji) for reaction in message.reactions} == {"💜", "👎"}
    await world.alice.react(message, "💜")
    await world.admin.react(message, "🔥")
    await world.mod.react(message, "👎")
    await world.minute("2026-01-02T08:40")
    assert (await world.posts())[0].votes == 1


async def test_a_thread_if_asked_for(world: DailyWorld) -> None:
    await world.admin.says("!daily thread on")
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    await world.env.settle()
    assert [thread.name for thread in world.dreams.threads] == ["The dream of Thursday, 1 January"]


async def test_a_missed_dream_comes_late_and_once(world: DailyWorld) -> None:
    await world.on("08:00,09:00,10:00", "UTC")
    await world.until("2026-01-01T10:30")  # nobody was there at 8, 9 or 10
    await world.prepared()
    for minute in range(31, 40):
        await world.minute(f"2026-01-01T10:{minute}")
    assert [post.slot for post in await world.posts()] == ["2026-01-01T10:00"]
    assert len(world.seen()) == 1


async def test_a_dream_that_was_ready_is_posted_late_within_the_grace_and_let_go_after(
    world: DailyWorld,
) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T14:59")
    assert len(world.seen()) == 1
    await world.minute("2026-01-02T08:40")
    await world.minute("2026-01-02T15:01")
    assert [post.state for post in await world.posts()] == ["posted", "missed"]
    assert len(world.seen()) == 1


async def test_a_clock_that_is_set_back_or_forward_changes_nothing(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    world.clock.ahead = -timedelta(hours=2)
    for minute in ("09:30", "10:40", "11:00", "11:01"):
        await world.minute(f"2026-01-01T{minute}")
    assert len(world.seen()) == 1
    world.clock.ahead = timedelta(hours=3)  # 08:00, called 11:00
    await world.minute("2026-01-02T08:00")
    await world.minute("2026-01-02T08:01")
    world.clock.ahead = timedelta(0)
    await world.minute("2026-01-02T09:00")
    assert [post.slot for post in await world.posts()] == ["2026-01-01T09:00", "2026-01-02T09:00"]
    assert len(world.seen()) == 2


async def test_turning_it_on_or_moving_it_makes_up_for_nothing(world: DailyWorld) -> None:
    await world.until("2026-01-01T09:30")
    await world.on("09:00", "UTC")
    await world.minute()
    await world.on("09:15", "UTC")
    await world.minute()
    assert not await world.posts()
    await world.minute("2026-01-02T08:50")
    await world.on("10:00", "UTC")
    await world.minute("2026-01-02T09:15")
    assert not world.seen()
    await world.minute("2026-01-02T09:40")
    await world.minute("2026-01-02T10:00")
    assert len(world.seen()) == 1


async def test_the_same_local_time_in_another_zone_comes_the_next_day(world: DailyWorld) -> None:
    await world.on("09:00", "Europe/Berlin")
    await world.minute("2026-01-01T07:40")
    await world.minute("2026-01-01T08:00")
    await world.on("09:00", "Europe/London")
    tomorrow = int(datetime(2026, 1, 2, 9, tzinfo=UTC).timestamp())
    assert f"<t:{tomorrow}:F>" in world.last().content
    await world.minute("2026-01-01T09:00")
    await world.minute("2026-01-01T09:01")
    assert len(world.seen()) == 1
    await world.minute("2026-01-02T08:40")
    await world.minute("2026-01-02T09:00")
    assert len(world.seen()) == 2


async def test_dreams_that_come_to_nothing_are_tried_anew_then_given_up(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.admin.says("!daily recipe block8 steps=13")
    for minute in range(30, 60):
        await world.minute(f"2026-01-01T08:{minute}")
        if [post.state for post in await world.posts()] == ["failed"]:
            break
    [post] = await world.posts()
    assert (post.state, str(post.reason)) == (
        "failed",
        "That file is no picture; please attach a JPEG or PNG.",
    )
    await world.admin.says("!daily status")
    status = world.last().embeds[0].to_dict()
    assert "no picture" in str(status["fields"])


async def test_no_permission_is_told_once_and_pauses_after_three(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    for day in range(1, 6):
        await world.minute(f"2026-01-0{day}T08:40")
        if day == 1:
            world.deny(attach_files=True)
        await world.minute(f"2026-01-0{day}T09:00")
    [told] = world.told()
    assert "Attach Files" in told
    assert [post.state for post in await world.posts()] == ["failed"] * 3
    await world.admin.says("!daily status")
    assert "Paused" in str(world.last().embeds[0].description)
    world.deny()
    await world.on("09:00", "UTC")
    await world.minute("2026-01-06T08:40")
    await world.minute("2026-01-06T09:00")
    assert len(world.seen()) == 1


async def test_the_walk_leaves_out_presets_that_others_would_stand_in_for(
    world: DailyWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))  # without InceptionV3's weights
    await world.on("09:00", "UTC")
    for day in range(1, 13):
        await world.minute(f"2026-01-{day:02}T08:40")
        await world.minute(f"2026-01-{day:02}T09:00")
    recipes = [post.recipe or "" for post in await world.posts()]
    assert len(recipes) == 12
    assert not any("mixed" in recipe for recipe in recipes)
    await world.admin.says("!daily recipe mixed5")
    await world.minute("2026-01-13T08:40")
    assert "mixed5" in ((await world.posts())[-1].recipe or "")


async def test_a_channel_that_is_gone_is_told_to_the_admin_once(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    world.env.backend.delete_channel(world.dreams.id)
    await world.env.settle()
    for day in (1, 2):
        await world.minute(f"2026-01-0{day}T08:40")
        await world.minute(f"2026-01-0{day}T09:00")
    [told] = world.told()
    assert "is gone" in told and "`daily on #channel`" in told and "\n" not in told
    await world.admin.at(world.art).says("!daily")
    assert "is gone" in str(world.last(world.art).embeds[0].to_dict())
    await world.admin.at(world.art).says("!daily now")
    assert "is gone" in world.last(world.art).content


async def test_a_recipes_own_seed_is_kept(world: DailyWorld) -> None:
    await world.admin.says("!daily source remove sky")
    await world.admin.says("!daily recipe fire7 seed=0")
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    [post] = await world.posts()
    assert "seed=0" in (post.recipe or "")


async def test_a_reaction_that_cannot_be_read_stops_no_dream(
    world: DailyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")
    await world.env.settle()
    monkeypatch.setattr(serializers, "emoji_payload", lambda *_: {"id": None})  # which discord.py refuses
    await world.minute("2026-01-02T08:40")
    [_, post] = await world.posts()
    assert post.job_id is not None
    await world.minute("2026-01-02T09:00")
    assert [post.state for post in await world.posts()] == ["posted", "posted"]


async def test_a_message_that_cannot_be_read_hides_no_others(world: DailyWorld) -> None:
    await world.members_only()
    mine = await world.alice.at(world.art).posts("mine", ("rocket.jpg", ROCKET))
    odd = await world.alice.at(world.art).posts("odd")
    world.env.backend.messages[world.art.id][odd.id].attachments.append({"id": "odd"})
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    assert [post.source_message_id for post in await world.posts()] == [mine.id]


async def test_a_post_of_a_server_that_is_gone_is_given_up(world: DailyWorld) -> None:
    await world.on("09:00", "UTC")
    await world.minute("2026-01-01T08:40")
    world.env.backend.remove_guild(world.guild.id)
    await world.env.settle()
    await world.minute("2026-01-01T09:00")
    await world.minute("2026-01-01T16:00")
    assert [post.state for post in await world.posts()] == ["planned"]  # another process may serve it
    await world.minute("2026-01-02T16:00")
    assert [post.state for post in await world.posts()] == ["missed"]


async def test_the_dream_of_a_post_that_is_withdrawn_while_it_is_prepared_is_not_kept(
    world: DailyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.on("09:00", "UTC")
    submit, jobs = world.app.queue.submit, []

    async def and_then_it_is_turned_off(request: DreamRequest) -> Job:
        jobs.append(await submit(request))
        await world.admin.at(world.art).says("!daily off")
        return jobs[-1]

    monkeypatch.setattr(world.app.queue, "submit", and_then_it_is_turned_off)
    await world.minute("2026-01-01T08:40")
    assert not await world.posts()
    [job] = jobs
    assert await world.app.queue.jobs.get(job.id) is None
