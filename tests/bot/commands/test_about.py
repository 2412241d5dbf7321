"""Members find their way."""

from __future__ import annotations

from typing import Any

from tests.support.talk import Talk


async def said(talk: Talk, text: str) -> str:
    await talk.says(talk.alice, text)
    (embed,) = talk.answers[-1].embeds
    assert len(embed) < 6000
    fields = [f"{field.name}\n{field.value}" for field in embed.fields]
    return "\n".join([embed.title or "", embed.description or "", *fields])


async def test_help_teaches_on_one_page(talk: Talk) -> None:
    page = await said(talk, "!help")
    for word in ("!dream", "!sky", "!layers", "!cancel", "puppyslug", "quality="):
        assert word in page


async def test_help_shows_admins_what_members_do_not_see(talk: Talk) -> None:
    assert "!settings" not in await said(talk, "!help")
    await talk.says(talk.admin, "!help")
    assert "!settings" in str(talk.answers[-1].embeds[0].to_dict())


async def test_help_tells_about_one_command(talk: Talk) -> None:
    page = await said(talk, "!help dream")
    for word in ("the newest here", "block8:top5", "quick, normal or rich", "smooth="):
        assert word in page
    assert "did you mean `!dream`" in await talk.says(talk.alice, "!help draem")


async def test_layers_of_every_network_and_presets(talk: Talk) -> None:
    page = await said(talk, "!layers")
    for word in ("block15", "fire9", "mixed10", "serpents"):
        assert word in page
    assert "block15" not in await said(talk, "!layers inception_v3")


async def test_about(talk: Talk) -> None:
    assert "DeepDream" in await said(talk, "!about")


async def test_the_bots_name_alone_is_answered(talk: Talk) -> None:
    assert talk.bot.user
    assert "`!dream`" in await talk.says(talk.alice, talk.bot.user.mention)
    await talk.says(talk.alice, f"{talk.bot.user.mention} layers")
    assert talk.answers[-1].embeds
    events: Any = talk.bot.get_cog("Events")
    await events.on_ready()  # after a connection was lost
    await talk.env.settle()
    assert len(talk.answers) == 2


async def test_a_near_miss_is_helped_and_other_bots_commands_are_left_alone(talk: Talk) -> None:
    assert "did you mean `!dream`" in await talk.says(talk.alice, "!draem")
    assert "`!dream block8+block11`" in await talk.says(talk.alice, "!block8+block11")
    assert "`!dream puppyslug`" in await talk.says(talk.alice, "!puppyslug steps=3")
    assert await talk.says(talk.alice, "!play despacito") == ""


async def test_slash_help_is_for_the_asker_alone(talk: Talk) -> None:
    used = await talk.alice.slash(talk.channel, "help")
    assert used.ephemeral and used.response
    assert "/dream" in str(used.response.embeds[0].to_dict())
