"""A job's one message: sent once, edited as the dream goes, until it shows what the job's row says.

The row remembers which state was shown last (`Job.shown_state`). A message whose row says something else is
sent or edited until they agree, however often Discord or the database fail meanwhile; it is given up only
where Discord says that it never can be. No worker and no limit is held for it.

The message is sent with the job's id as its nonce, which makes Discord answer a repeated sending within
minutes with the first message. Whoever tries again, in this process or a later one, first searches the
channel's history for it. Every later change is an edit, so doing one twice changes nothing. Where the bot may
not post, a slash command's own answer is the message, for the 15 minutes that Discord grants it.
"""

import asyncio
import contextlib
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar

import aiohttp
import discord
from structlog.contextvars import bind_contextvars

from bot.backoff import attempts
from bot.clock import Clock
from bot.delivery.messages import TOO_LARGE, find_message, refusal
from bot.delivery.rate_limit import RateLimit
from bot.discord_errors import is_transient
from bot.language import speaking
from bot.queue.queue import Listener, Queue
from bot.queue.repository import MessageRef
from bot.store.jobs import Job, State
from bot.store.outage import is_outage
from bot.tasks import Tasks
from bot.ui.status import Status, ping, status, when
from dream.render import Progress
from dream.texts import Text

log = logging.getLogger(__name__)

CHANNEL_PAUSE: Final = 2.0
"""Seconds between two progress edits in one channel: Discord allows five edits in five seconds."""
EDITABLE: Final = timedelta(hours=1)
"""Discord limits edits of older messages more strictly, so progress is no longer shown in them."""
POSITIONS_SHOWN: Final = 50
"""Jobs in the queue up to which each is shown its new position."""
LONG_WAIT: Final = timedelta(minutes=1)
"""How long a dream must still take for whoever asked to be offered a ping."""
UNEXPECTED: Final = Text("The bot could not show this dream; its log says why.")
LASTS_15_MINUTES: Final = Text(
    "-# I can't post here myself, so this answer changes for 15 minutes only; later, `/mine` shows the dream."
)


T = TypeVar("T")
Work = Callable[[], Awaitable[None]]


class JobMessages(Listener):
    """Shows jobs as messages, once there is a bot that is logged in. It is the queue's listener.

    Call `sweep` every few seconds: it finds rows that are not shown though nothing here works on them.
    """

    def __init__(self, queue: Queue, rate: RateLimit, clock: Clock) -> None:
        self._queue, self._jobs, self._rate, self._clock = queue, queue.jobs, rate, clock
        self._bot: discord.Client | None = None
        self._attached = asyncio.Event()
        self._active: dict[str, asyncio.Event] = {}
        """The jobs whose message is being sent or edited, by one task each, and what tells that it ended."""
        self._tasks, self._context = Tasks(), contextvars.copy_context()
        self._bot_context = self._context
        self._again: dict[str, bytes | None] = {}
        """Jobs that changed while their task ran, with the result where it is known."""
        self._refs: dict[str, MessageRef] = {}
        """The messages of unfinished jobs, as far as this process has sent them."""
        self._next_progress: dict[int, float] = {}
        self._positions: dict[str, tuple[int, dict[str, Any]]] = {}
        """Where waiting jobs were last shown to stand, and when they were said to be ready."""

    def attach(self, bot: discord.Client) -> None:
        """Hand over the bot; it must be logged in. Messages that waited for it are sent now."""
        self._bot, self._bot_context = bot, contextvars.copy_context()
        self._attached.set()

    async def drain(self, grace: float) -> None:
        """Give messages that are being sent or edited `grace` seconds."""
        if self._attached.is_set():
            await self._tasks.wait(grace)

    async def close(self) -> None:
        """Stop. What is not shown yet is shown after the next start."""
        await self._tasks.cancel()

    async def sweep(self) -> None:
        """Start a task for each job whose message is out of date and has none; update the positions shown."""
        for job in await self._jobs.unshown():
            if job.id not in self._active:
                self._request(job.id, partial(self._settle, job.id, job))
        await self._show_positions()

    # What the queue tells

    async def announce(self, job: Job) -> Job:
        """Send the message of a new job. Returns the job as it is once that was tried."""
        if active := self._active.get(job.id):  # the sweep was first
            await active.wait()
            return await self._queue.jobs.get(job.id) or job
        tried: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        self._request(job.id, partial(self._announce, job, tried))
        return await tried

    def changed(self, id: str, job: Job | None = None, result: bytes | None = None) -> None:
        """Show what a job now is."""
        if id in self._active:
            self._again[id] = result
        else:
            self._request(id, partial(self._settle, id, job, result))

    def progressed(self, job: Job, progress: Progress | None) -> None:
        """Show how far a job is, unless its channel or Discord as a whole was written to just now."""
        self._show_unrecorded(job, progress=progress, **self._wait(job.id))

    def _show_unrecorded(self, job: Job, **details: Any) -> bool:
        """Edit a message without recording it: the state stays the same. Whether that is being tried."""
        now, channel_id = time.perf_counter(), job.channel_id or 0
        ref = self._ref(job)
        if ref is None or job.id in self._active or not self._attached.is_set():
            return False
        if now < self._next_progress.get(channel_id, 0.0) or self._clock.now() - job.created_at > EDITABLE:
            return False
        self._next_progress[channel_id] = now + CHANNEL_PAUSE
        if len(self._next_progress) > 1000:
            self._next_progress = {id: at for id, at in self._next_progress.items() if at > now}
        self._request(job.id, partial(self._try_to_edit, job, ref, status(job, **details)))
        return True

    async def _try_to_edit(self, job: Job, ref: MessageRef, shown: Status) -> None:
        if await self._rate.progress():
            try:
                await self._edit(job, ref, shown)
            except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
                log.debug("progress is not shown: %s", error)

    async def _show_positions(self) -> None:
        """Edit the messages of waiting jobs whose position or time has changed.

        In queues of more than `POSITIONS_SHOWN` jobs, each start would cause as many edits.
        """
        waiting = self._queue.waiting.jobs
        if len(waiting) > POSITIONS_SHOWN:
            return
        self._positions = {id: position for id, position in self._positions.items() if id in waiting}
        positions = {
            id: (position, self._wait(id)) for id in waiting if (position := self._queue.position(id))
        }
        moved = [id for id, position in positions.items() if position != self._positions.get(id)]
        for job in await self._jobs.unfinished(Job.id.in_(moved)) if moved else ():
            position, wait = positions[job.id]
            is_waiting = job.state is State.QUEUED and job.has_message
            if is_waiting and self._show_unrecorded(job, position=position, **wait):
                self._positions[job.id] = positions[job.id]

    def _wait(self, id: str) -> dict[str, Any]:
        """What `status` tells of the time that a job still takes."""
        ready, now = self._queue.ready_at(id), self._clock.now()
        return {"when": when(ready, now), "is_long": ready is not None and ready - now > LONG_WAIT}

    # Until row and message agree

    def _request(self, id: str, work: Work) -> None:
        """Start a task that is no part of its caller: it does not inherit the caller's context variables."""
        self._active[id] = asyncio.Event()
        self._context.copy().run(self._tasks.start, self._run(id, work))

    async def _run(self, id: str, work: Work) -> None:
        bind_contextvars(job=id)  # for every line that this task logs
        try:
            await work()
        finally:
            self._active.pop(id).set()
            if id in self._again:
                self._request(id, partial(self._settle, id, result=self._again.pop(id)))

    async def _announce(self, job: Job, tried: asyncio.Future[Job]) -> None:
        """Send the message of a new job, and tell `tried` the job after the first attempt."""
        try:
            tried.set_result(await self._show(job.id, job, is_new=True) or job)
        except Exception as error:
            log.warning("not announced yet: %r", error)
            tried.set_result(job)
            await self._settle(job.id)
        finally:
            if not tried.done():
                tried.set_result(job)

    async def _settle(self, id: str, job: Job | None = None, result: bytes | None = None) -> None:
        """Show a job until its row says that its message shows it.

        `job` and `result` are what the caller has just read.
        """
        try:
            async for attempt in attempts(
                f"showing job {id}", lambda error: is_transient(error) or is_outage(error)
            ):
                if attempt.retry_state.attempt_number > 1:
                    job = result = None  # what the caller read may be stale
                with attempt:
                    await self._show(id, job, result)
        except Exception:
            log.exception("cannot be shown")
            with contextlib.suppress(Exception):
                await self._queue.unreachable(id, UNEXPECTED)

    async def _show(
        self, id: str, job: Job | None = None, result: bytes | None = None, *, is_new: bool = False
    ) -> Job | None:
        """Send or edit a job's message until it shows the row's state; returns the row as it then is.

        A message that is not `is_new` may have been sent before. Raises HTTPException, OSError or
        TimeoutError while Discord is in trouble, and what the database raises while it is away.
        """
        job = job or await self._jobs.for_display(id)
        while job is not None and job.needs_showing:
            job = await self._advance(job, result, is_new)
            result, is_new = None, False
        if job is None or job.state.is_final:
            self._refs.pop(id, None)
        return job

    async def _advance(self, job: Job, result: bytes | None, is_new: bool) -> Job | None:
        """Send a job's message, or edit it to show how the job ended; returns the row as it then is."""
        try:
            if self._ref(job):
                return await self._edit_final(job, result)
            return await self._send(job, result, is_new)
        except discord.HTTPException as error:
            if is_transient(error):
                raise
            return await self._give_up(job, refusal(error))

    async def _give_up(self, job: Job, reason: Text) -> Job | None:
        """Fail a dream whose file is too large, which can still be shown; else leave the message as it is."""
        if reason == TOO_LARGE and (refused := await self._jobs.refuse(job.id, reason)):
            return refused
        return await self._queue.unreachable(job.id, reason)

    async def _send(self, job: Job, result: bytes | None, is_new: bool) -> Job | None:
        """Send the message of a job, or find the one that was sent and not recorded."""
        channel = await self._channel(job)
        if not is_new:
            after = job.created_at - timedelta(seconds=30)
            if found := await find_message(channel, lambda message: self._is_of(message, job), after):
                return await self._jobs.message_sent(job.id, MessageRef(found.id, None), State.QUEUED)
            if job.state is State.CANCELLED:  # before anything was said: there is nothing to take back
                return await self._jobs.state_shown(job.id, job.state)
        shown = await self._status(job, result)
        await self._rate.answer()
        ref = self._refs[job.id] = await self._post(job, channel, shown)
        if job.state.is_final:
            self._queue.statistics.delivered(job)
        recorded = await self._jobs.message_sent(job.id, ref, job.state)
        if recorded is None:
            await self._delete(job, ref)
        return recorded

    async def _post(self, job: Job, channel: discord.PartialMessageable, shown: Status) -> MessageRef:
        reference: dict[str, Any] = {}
        if job.asked_message_id:
            reference["reference"] = discord.MessageReference(
                message_id=job.asked_message_id, channel_id=channel.id, fail_if_not_exists=False
            )
        asked = [discord.Object(job.author_id)] if job.state is State.HELD and job.author_id else []
        try:
            message = await channel.send(
                **shown.sending(),
                nonce=job.id,
                **reference,
                mention_author=False,
                allowed_mentions=discord.AllowedMentions(everyone=False, roles=False, users=asked),
                silent=not asked,
            )
        except discord.Forbidden:
            if not job.interaction_token or asked:  # nobody else would see the answer to a command
                raise
            answer = await self._interaction(job.interaction_token)
            sent = await self._as_bot(answer.send(**_brief(job, shown).sending(), wait=True))
            return MessageRef(sent.id, job.interaction_token)
        return MessageRef(message.id, None)

    async def _edit_final(self, job: Job, result: bytes | None) -> Job | None:
        """Edit the message of a job that has ended; one that was sent and not recorded is recorded only."""
        ref = self._ref(job)
        assert ref is not None
        if job.status_message_id is None:
            return await self._jobs.message_sent(job.id, ref, State.QUEUED)
        shown = await self._status(job, result)
        await self._rate.final()
        await self._edit(job, ref, shown)
        if job.pings and job.state is not State.CANCELLED:
            await self._ping(job, ref)
        self._queue.statistics.delivered(job)
        return await self._jobs.state_shown(job.id, job.state)

    async def _ping(self, job: Job, ref: MessageRef) -> None:
        """Mention whoever asked, in a message of its own, for an edit tells nobody.

        Its nonce makes Discord answer a second sending within minutes with the first.
        """
        mentions = discord.AllowedMentions(users=[discord.Object(job.member_id or 0)], replied_user=False)
        try:
            if ref.interaction_token:
                answer = await self._interaction(ref.interaction_token)
                await self._as_bot(answer.send(ping(job), allowed_mentions=mentions))
            else:
                channel = await self._channel(job)
                to = discord.MessageReference(
                    message_id=ref.message_id, channel_id=channel.id, fail_if_not_exists=False
                )
                await channel.send(
                    ping(job), reference=to, nonce=f"{job.id}ping"[-25:], allowed_mentions=mentions
                )
        except discord.HTTPException as error:
            if is_transient(error):
                raise
            log.info("whoever asked cannot be pinged: %s", error)

    async def _status(self, job: Job, result: bytes | None) -> Status:
        if job.state is State.DONE:
            result = result or await self._queue.jobs.picture(job.id, "result")
            return status(job, result=result)
        return status(job, position=self._queue.position(job.id), **self._wait(job.id))

    async def _edit(self, job: Job, ref: MessageRef, shown: Status) -> None:
        if ref.interaction_token:
            answer = await self._interaction(ref.interaction_token)
            await self._as_bot(answer.edit_message(ref.message_id, **_brief(job, shown).editing()))
        else:
            channel = await self._channel(job)
            await channel.get_partial_message(ref.message_id).edit(**shown.editing())

    async def _delete(self, job: Job, ref: MessageRef) -> None:
        """Take back the message of a job that was erased while it was sent."""
        with contextlib.suppress(discord.HTTPException):
            await (await self._channel(job)).get_partial_message(ref.message_id).delete()

    def _ref(self, job: Job) -> MessageRef | None:
        if job.status_message_id is not None:
            return MessageRef(job.status_message_id, job.interaction_token)
        return self._refs.get(job.id)

    def _is_of(self, message: discord.Message, job: Job) -> bool:
        assert self._bot and self._bot.user
        if message.author.id != self._bot.user.id:
            return False
        if message.nonce == job.id:
            return True
        replies = message.reference is not None and message.reference.message_id == job.request_message_id
        ids = [
            getattr(item, "custom_id", None) or ""
            for row in message.components
            for item in getattr(row, "children", ())
        ]
        if ids:  # several dreams may be asked for in one message
            return any(job.id in id for id in ids)
        return replies and job.request_message_id is not None

    async def _as_bot(self, call: Coroutine[Any, Any, T]) -> T:
        """Make a webhook's call in the context in which the bot was logged in.

        discord.py keeps there what makes these calls, which a simulated Discord replaces.
        """
        return await asyncio.create_task(call, context=self._bot_context)

    async def _interaction(self, token: str) -> discord.Webhook:
        await self._attached.wait()
        assert self._bot and self._bot.application_id
        return discord.Webhook.partial(self._bot.application_id, token, client=self._bot)

    async def _channel(self, job: Job) -> discord.PartialMessageable:
        await self._attached.wait()
        assert self._bot and job.channel_id
        return self._bot.get_partial_messageable(job.channel_id, guild_id=job.guild_id)


def _brief(job: Job, shown: Status) -> Status:
    """A message that can only be edited for as long as an interaction's token is valid, until it is final."""
    if job.state.is_final:
        return shown
    with speaking(job.language):
        return shown._replace(content=f"{shown.content}\n{LASTS_15_MINUTES}")
