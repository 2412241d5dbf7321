"""Commands that were typed while the bot was away, as the history shows them: without their roles."""

from __future__ import annotations

from typing import Any

import discord

from tests.support.talk import Talk


async def test_a_message_of_the_history_is_read_with_its_authors_roles(talk: Talk) -> None:
    await talk.says(talk.alice, "!help")  # only channels where the bot was used are caught up
    await talk.says(talk.admin, "good morning")
    guild = talk.bot.get_guild(talk.guild.id)
    assert guild
    guild._members.pop(
        talk.admin.id, None
    )  # the bot's intents cache nobody; the simulated Discord's events do
    channel = talk.bot.get_channel(talk.channel.id)
    assert isinstance(channel, discord.TextChannel)
    [newest] = [message async for message in channel.history(limit=1)]
    assert not isinstance(newest.author, discord.Member)

    [missed] = [
        message async for message in talk.bot.catch_up.unanswered(talk.bot) if message.id == newest.id
    ]
    assert isinstance(missed.author, discord.Member)
    assert [role.name for role in missed.author.roles] == ["@everyone", "Admins"]


async def test_a_message_that_the_bot_replied_to_is_answered_though_nobody_recorded_it(talk: Talk) -> None:
    await talk.says(talk.alice, "!help")
    said = await talk.alice.send(talk.channel, "good morning")
    channel = talk.bot.get_channel(talk.channel.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.get_partial_message(said.id).reply("Good morning!")
    assert said.id not in [message.id async for message in talk.bot.catch_up.unanswered(talk.bot)]


async def test_a_dream_whose_message_was_deleted_while_the_bot_was_away_is_cancelled(talk: Talk) -> None:
    events: Any = talk.bot.get_cog("Events")
    asked = await talk.alice.send(talk.channel, "!sky size=1024 steps=100")
    job = await talk.job()
    talk.bot.remove_listener(events.on_raw_message_delete)  # as if the bot were not connected
    await talk.alice.delete(asked)
    talk.bot.add_listener(events.on_raw_message_delete)
    assert not (await talk.queue.jobs.get(job.id)).state.is_final
    await events.cancel_deleted()
    ended = await talk.queue.finished(job.id)
    assert ended.state == "cancelled"
