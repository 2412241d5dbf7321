"""The member's side of a job: one status message that is sent once, edited as the dream goes, and becomes it.

The message is sent with the job's id as its nonce, which makes Discord answer a repeated sending within
minutes with the first message; after that it is looked for in the channel's history. Every later change is an
edit, so doing one twice changes nothing. Where the bot may not post, a slash command's own answer is the
status message for the 15 minutes that Discord grants it.
"""

import asyncio
import logging
import time
from collections import deque
from datetime import timedelta
from typing import Any, Final, NamedTuple

import discord

from bot.clock import Clock
from bot.store.jobs import Job
from bot.ui.status import Status, status
from dream.render import Progress

log = logging.getLogger(__name__)

CHANNEL_PAUSE: Final = 2.0
"""Seconds between two progress edits in one channel: Discord allows five edits in five seconds."""
PROGRESS_PER_SECOND: Final = 15
LAST_STATES_PER_SECOND: Final = 40
"""Messages over all channels in a second beyond which progress is skipped, and a last state waits: Discord
allows fifty calls a second, and whoever just asked is answered first."""
NONCE_TRUSTED: Final = timedelta(minutes=1)
"""Discord remembers a nonce for a few minutes; older messages of ours are looked for."""
EDITABLE: Final = timedelta(hours=1)
"""Discord allows but a few edits of a message that is older: they are kept for its last state."""
MESSAGE_GONE: Final = "The status message or its channel was deleted."
NOT_ALLOWED: Final = "The bot is no longer allowed to post in that channel."
INTERACTION_OVER: Final = "The bot may not post in that channel, and the command's 15 minutes are over."
LASTS_15_MINUTES: Final = "-# I may not post in this channel, so this answer can only change for 15 minutes."
TOO_LARGE: Final = "The dream is too large a file for this server; ask for a smaller size."


class Undeliverable(Exception):  # noqa: N818
    """Discord will never take this message. Its text is the reason to store with the job."""


class Told(NamedTuple):
    """Where a job's status is shown: a message of the bot's, or the answer to the interaction of a token."""

    message_id: int
    interaction_token: str | None


class Delivery:
    """Sends and edits status messages through the bot, once there is one that is logged in."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._bot: discord.Client | None = None
        self._attached = asyncio.Event()
        self._next: dict[int, float] = {}
        self._sent: deque[float] = deque()
        self._edits: dict[str, asyncio.Task[None]] = {}
        self._sendings: dict[str, asyncio.Task[Told]] = {}

    def attach(self, bot: discord.Client) -> None:
        """Hand over the bot; it must be logged in. Whatever waited to be sent goes out now."""
        self._bot = bot
        self._attached.set()

    async def announce(self, job: Job, **details: Any) -> Told:
        """Send the status message of a job that has none yet. Raises Undeliverable.

        Asked for twice at once, it is sent once.
        """
        earlier = self._sendings.get(job.id)
        if earlier is None or (earlier.done() and (earlier.cancelled() or earlier.exception())):
            self._sendings[job.id] = asyncio.create_task(self._send(job, **details))
        return await asyncio.shield(self._sendings[job.id])

    def forget(self, id: str) -> None:
        """Nothing more will be shown of this job."""
        self._sendings.pop(id, None)

    def progress(self, job: Job, progress: Progress | None = None, **details: Any) -> bool:
        """Show how far a job is, and say whether it is being shown.

        It is not when its channel, or Discord as a whole, was written to just now, and never waited for.
        """
        now = time.perf_counter()
        channel_id = job.channel_id or 0
        if now < self._next.get(channel_id, 0.0) or job.id in self._edits:
            return False
        if self._in_last_second() >= PROGRESS_PER_SECOND:
            return False
        if self._bot is None or self._told(job) is None or self.clock.now() - job.created_at > EDITABLE:
            return False
        self._sent.append(now)
        self._next[channel_id] = now + CHANNEL_PAUSE
        if len(self._next) > 1000:
            self._next = {id: at for id, at in self._next.items() if at > now}
        self._edits[job.id] = task = asyncio.create_task(self._show(job, progress=progress, **details))
        task.add_done_callback(lambda _: self._edits.pop(job.id, None))
        return True

    async def finish(self, job: Job, picture: bytes | None = None) -> None:
        """Show a job's last state, after whatever is being shown just now; tries until Discord takes it.

        Raises Undeliverable.
        """
        if self._told(job) is None:
            return
        if running := self._edits.get(job.id):
            await asyncio.wait([running])
        pause = 1.0
        while True:
            while self._in_last_second() >= LAST_STATES_PER_SECOND:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            self._sent.append(time.perf_counter())
            try:
                await self._edit(job, status(job, picture=picture))
            except (discord.HTTPException, OSError, TimeoutError) as error:
                if reason := _refusal(error):
                    raise Undeliverable(reason) from error
                log.warning("job %s is not delivered yet: %s", job.id, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 60.0)
            else:
                return

    def _in_last_second(self) -> int:
        while self._sent and self._sent[0] < time.perf_counter() - 1:
            self._sent.popleft()
        return len(self._sent)

    async def _show(self, job: Job, **details: Any) -> None:
        try:
            await self._edit(job, status(job, **details))
        except (discord.HTTPException, OSError, TimeoutError) as error:
            log.debug("progress of %s is not shown: %s", job.id, error)

    async def _edit(self, job: Job, shown: Status) -> None:
        told = self._told(job)
        assert told
        if told.interaction_token:
            answer = await self._interaction(told.interaction_token)
            content = f"{shown.content}\n{LASTS_15_MINUTES}"
            await answer.edit_message(told.message_id, **shown.editing() | {"content": content})
        else:
            channel = await self._channel(job)
            await channel.get_partial_message(told.message_id).edit(**shown.editing())

    async def _send(self, job: Job, **details: Any) -> Told:
        channel = await self._channel(job)
        if self.clock.now() - job.created_at > NONCE_TRUSTED and (found := await self._find(job)):
            return Told(found, None)
        reference: dict[str, Any] = {}
        if job.request_message_id:
            reference["reference"] = discord.MessageReference(
                message_id=job.request_message_id, channel_id=channel.id, fail_if_not_exists=False
            )
        shown = status(job, **details)
        self._sent.append(time.perf_counter())
        try:
            message = await channel.send(
                **shown.sending(), nonce=job.id, **reference, mention_author=False, silent=True
            )
            return Told(message.id, None)
        except discord.Forbidden as error:
            if not job.interaction_token:
                raise Undeliverable(NOT_ALLOWED) from error
            return await self._answer(job.interaction_token, status(job, **details))
        except discord.HTTPException as error:
            if reason := _refusal(error):
                raise Undeliverable(reason) from error
            raise

    async def _answer(self, token: str, shown: Status) -> Told:
        answer = await self._interaction(token)
        content = f"{shown.content}\n{LASTS_15_MINUTES}"
        try:
            message = await answer.send(**shown.sending() | {"content": content}, wait=True)
        except discord.HTTPException as error:
            raise Undeliverable(NOT_ALLOWED) from error
        return Told(message.id, token)

    async def _interaction(self, token: str) -> discord.Webhook:
        await self._attached.wait()
        assert self._bot and self._bot.application_id
        return discord.Webhook.partial(self._bot.application_id, token, client=self._bot)

    def _told(self, job: Job) -> Told | None:
        if job.status_message_id is not None:
            return Told(job.status_message_id, job.interaction_token)
        sending = self._sendings.get(job.id)
        if sending and sending.done() and not sending.cancelled() and not sending.exception():
            return sending.result()
        return None

    async def _find(self, job: Job) -> int | None:
        """The status message that an earlier run has sent and did not live to remember."""
        channel = await self._channel(job)
        assert self._bot and self._bot.user
        me = self._bot.user.id
        after = discord.Object(discord.utils.time_snowflake(job.created_at - timedelta(seconds=30)))
        try:
            async for message in channel.history(limit=200, after=after, oldest_first=True):
                if message.author.id == me and _belongs(message, job):
                    return message.id
        except discord.HTTPException as error:
            log.debug("no history to find the message of %s in: %s", job.id, error)
        return None

    async def _channel(self, job: Job) -> discord.PartialMessageable:
        await self._attached.wait()
        assert self._bot and job.channel_id
        return self._bot.get_partial_messageable(job.channel_id, guild_id=job.guild_id)


def _belongs(message: discord.Message, job: Job) -> bool:
    if message.nonce == job.id:
        return True
    replies = message.reference is not None and message.reference.message_id == job.request_message_id
    pressed = any(
        job.id in (getattr(item, "custom_id", None) or "")
        for row in message.components
        for item in getattr(row, "children", ())
    )
    return pressed or (replies and job.request_message_id is not None)


def _refusal(error: Exception) -> str | None:
    """Why Discord will never take a message, as far as this answer says so."""
    match error:
        case discord.HTTPException(code=10015) | discord.HTTPException(code=50027):
            return INTERACTION_OVER
        case discord.NotFound():
            return MESSAGE_GONE
        case discord.Forbidden():
            return NOT_ALLOWED
        case discord.HTTPException(status=413) | discord.HTTPException(code=40005):
            return TOO_LARGE
        case discord.HTTPException(status=400):
            log.error("Discord refuses a status message", exc_info=error)
            return f"Discord refused the message: {error.text}"
    return None
