"""Whatever goes wrong around the bot while a dream is under way, the dream arrives once, or says why not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.sandbox import faults
from bot.sandbox.faults import Faults
from bot.sandbox.server import Sandbox
from tests.support.speaker import Speaker
from tests.support.waiting import until


@pytest_asyncio.fixture
async def trouble(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Faults]:
    monkeypatch.setattr(faults, "OUTAGE_SECONDS", 1.5)
    monkeypatch.setattr(faults, "PERMISSION_SECONDS", 1.5)
    trouble = Faults(sandbox)
    yield trouble
    await trouble.close()


async def dreaming(sandbox: Sandbox) -> int:
    """Let Alice ask for a dream of some seconds; its message, once it is being dreamt."""
    await Speaker(sandbox.env, sandbox.alice, sandbox.dreams).says("!sky block3 steps=80")
    await until(lambda: "Dreaming" in sandbox.dreams.last_message.content)
    return sandbox.dreams.last_message.id


def shown(sandbox: Sandbox) -> list[tuple[int, bool]]:
    """The bot's messages, and whether each shows a dream."""
    return [
        (message.id, bool(message.attachments)) for message in sandbox.dreams.history() if message.author.bot
    ]


@pytest.mark.parametrize("fault", ["outage", "permission", "worker", "bot"])
async def test_a_dream_arrives_once_whatever_happens(sandbox: Sandbox, trouble: Faults, fault: str) -> None:
    before = len(shown(sandbox))
    message = await dreaming(sandbox)
    await trouble.cause(fault)
    await until(lambda: (message, True) in shown(sandbox), 60)
    await until(lambda: not trouble.going_on)
    await sandbox.env.settle()
    assert len(shown(sandbox)) == before + 1


async def test_a_dream_whose_message_is_deleted_occupies_nobody(sandbox: Sandbox, trouble: Faults) -> None:
    message = await dreaming(sandbox)
    await trouble.cause("message")
    assert message not in dict(shown(sandbox))

    async def nobody_waits() -> bool:
        return not await sandbox.app.queue.of_guild(sandbox.guild.id)

    await until(nobody_waits)
    assert message not in dict(shown(sandbox))
