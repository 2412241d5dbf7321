"""The daily dream is in the server's language, whoever else speaks which."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import dream
from tests.support.marked_texts import sent, speak_marked, speaks, unmarked_words

if TYPE_CHECKING:
    from tests.support.daily_world import DailyWorld as World

SAMPLES = Path(dream.__file__).parent / "samples"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def posted(world: World) -> None:
    """Let the daily dream be posted on a server that chose German."""
    await world.on("09:00", "UTC")
    await world.admin.send(world.dreams, "!settings set language de")
    await world.admin.send(world.dreams, f"!settings set report_channel {world.art.mention}")
    await world.minute("2026-01-01T08:40")
    await world.minute("2026-01-01T09:00")


async def test_a_daily_dream_is_posted_in_the_servers_language(world: World) -> None:
    await posted(world)
    [message] = world.seen()
    assert message.content.startswith("### 🌅 Der Traum vom Donnerstag, 1. Januar\n")
    assert "eure Stimmen lenken die nächsten Träume" in message.content
    world.deny(send_messages=True)
    await world.minute("2026-01-02T08:40")
    await world.minute("2026-01-02T09:00")
    assert "konnte nicht gepostet werden. Ich brauche das Recht Nachrichten senden" in world.told()[-1]


async def test_a_daily_dream_and_its_buttons_are_in_the_catalogue(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaks(world.env, monkeypatch, {}, otherwise="de")
    speak_marked(monkeypatch)
    await posted(world)
    [message] = world.seen()
    buttons = [item.custom_id for item in message.components[0].children]  # type: ignore[union-attr]
    for custom_id in sorted(buttons, key=lambda id: "remove" in id):
        await world.mod.click(message, custom_id=custom_id)
    for text in ("!daily", "!daily history", "!daily source"):
        await world.admin.send(world.dreams, text)
    samples = {word for path in SAMPLES.iterdir() for word in path.stem.lower().split("_")}
    names_here = {"dreamers", "dreams", "art", "thursday", "january"} | samples
    found = {
        f"{text!r}: {words}"
        for _call, text in sent(world.env)
        if "⟦" in text and (words := unmarked_words(text, names_here))
    }
    assert not found, "\n".join(sorted(found))
