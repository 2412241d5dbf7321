"""The queue itself: takes dreams in, hands the farm as many as it can run, and sees each one to its end."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import discord
from sqlalchemy import or_
from sqlalchemy.sql.elements import ColumnElement

from bot.clock import Clock
from bot.errors import Refused
from bot.queue.catchup import CatchUp
from bot.queue.delivery import Delivery, Undeliverable
from bot.queue.estimates import Estimates
from bot.queue.fairness import URGENT, Line, Waiting
from bot.queue.jobs import LEASE, Ask, Ledger
from bot.queue.limits import Claim, LimitReached, Limits
from bot.store.database import Database
from bot.store.jobs import Job, Kind, State
from config.loader import Config
from dream.dreamer import Cancelled
from dream.farm import Farm, FarmError
from dream.octaves import DEFAULT_SIZE
from dream.picture import Limits as PictureLimits
from dream.picture import PictureError
from dream.recipe import Recipe, RecipeError
from dream.render import Progress, Rendered, Work

log = logging.getLogger(__name__)

PROBE_PATIENCE: Final = 5.0
"""Seconds in which a picture is looked at before its job is taken in; then the dream itself will tell."""
SAVE_EVERY: Final = 60.0
"""Seconds between two savings of what the cost model has learnt."""
FARM_GONE: Final = 5.0
"""Seconds before a dream is tried again after the farm dropped it unasked."""
SHORT_LINE: Final = 50
"""Jobs in line up to which each is told when it moves up."""
WENT_WRONG: Final = "Something went wrong in this dream; please try again, or another picture or recipe."


@dataclass(slots=True)
class _Running:
    job: Job
    task: asyncio.Task[None]
    since: float
    fills_gap: bool
    """Whether it was begun only because no member waited, so that it gives way when one does."""
    gives_way: bool = False

    @property
    def left(self) -> float:
        """Seconds of one worker that this dream will likely still take."""
        return max(self.job.cost - (time.monotonic() - self.since), 0.1 * self.job.cost)


class Queue:
    """Every job's way through this process. What it knows is rebuilt from the database when it opens.

    `open` starts it; messages wait until `attach` hands over a bot that is logged in. `drain` stops taking
    jobs and lets running ones finish, `close` stops at once; nothing is lost either way.
    """

    def __init__(self, database: Database, farm: Farm, clock: Clock, config: Config) -> None:
        self.farm, self.clock, self.config = farm, clock, config
        self.ledger = Ledger(database, clock)
        self.delivery = Delivery(clock)
        self.catch_up = CatchUp(database, clock)
        self.estimates = Estimates(database)
        self.line = Line()
        limits = config.queue
        self.limits = Limits(limits.member_seconds, limits.server_seconds, limits.total_seconds)
        self.picture_limits = PictureLimits(
            config.picture.max_bytes, config.picture.max_pixels, config.picture.max_frames
        )
        self.draining = False
        self._running: dict[str, _Running] = {}
        self._delivering: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._awaited: dict[str, asyncio.Event] = {}
        self._places: dict[str, int | None] = {}
        self._database = database

    # ---------------------------------------------------------------------------------- from start to end

    async def open(self) -> None:
        """Continue what is unfinished, and begin to hand out dreams.

        Raises StoreError where another process already does so from the same SQLite file.
        """
        self._database.hold()
        await self.estimates.open()
        await self._adopt()
        self._loops = [
            asyncio.create_task(self._forever(step, pause))
            for step, pause in (
                (self._dispatch, 0.0),
                (self._look_around, LEASE.total_seconds() / 5),
                (self.estimates.save, SAVE_EVERY),
            )
        ]

    def attach(self, bot: discord.Client) -> None:
        """Hand over the bot that speaks for the queue; it must be logged in."""
        self.delivery.attach(bot)

    async def drain(self, grace: float) -> None:
        """Take no more jobs, and give what runs `grace` seconds to finish and to be delivered."""
        self.draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)

    async def close(self) -> None:
        """Stop. Dreams that still run are handed back, to be dreamt by the next start or another process."""
        self.draining = True
        tasks = [*self._loops, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._loops:
            await self.estimates.save()
            await self.ledger.leave()

    # -------------------------------------------------------------------------------------- what is asked

    async def submit(self, ask: Ask) -> Job:
        """Take a dream in: it is committed when this returns, and its status message is sent.

        Where the bot may not post, the job comes back failed, with the reason. Raises PictureError,
        RecipeError, LimitReached, and Refused while the bot is being stopped; nothing is stored then.
        """
        if self.draining:
            raise Refused("I'm being restarted; please ask again in a minute.")
        recipe = Recipe.parse(ask.recipe)
        size = await self._probe(ask)
        cost = self.estimates.seconds(recipe, *(size or (DEFAULT_SIZE, DEFAULT_SIZE)))
        claim = Claim(ask.member_id or 0, ask.guild_id or 0, cost)
        if ask.kind != Kind.DAILY:
            self._check_limits(claim, ask)
        asking = f"asking {id(ask)}"  # counts while it is being stored, so that many at once are not let in
        self.limits.hold(asking, claim)
        try:
            job, is_new = await self.ledger.add(ask, size, cost)
            if is_new:
                self._take_in(job)
        finally:
            self.limits.release(asking)
        if is_new and job.has_message:
            await self._announce(job)
        return job

    async def cancel(self, id: str, reason: str = "Cancelled.") -> bool:
        """Stop a job that waits or dreams, whoever's it is; False if it is too late for that."""
        job = await self.ledger.finish(id, State.CANCELLED, reason, before=(State.QUEUED, State.DREAMING))
        if job is None:
            return False
        log.info("job %s is cancelled", id)
        self._stop(id)
        await self._show_end(job)
        self._let_go(id)
        return True

    async def message_deleted(self, message_id: int) -> None:
        """Cancel the job that was asked for in this message or whose status it showed."""
        job = await self.ledger.of_message(message_id)
        if job is not None:
            await self.cancel(job.id, "The message was deleted.")

    async def erase(self, id: str) -> None:
        """Delete a job with its source and result; one that is unfinished is stopped first."""
        await self.cancel(id)
        await self.ledger.erase(id)

    async def forget_member(self, member_id: int) -> None:
        """Stop and delete every job of a member, or of a picture of theirs, with its pictures."""
        await self._forget(or_(Job.member_id == member_id, Job.author_id == member_id))

    async def leave(self, guild_id: int) -> None:
        """Stop and delete every job of a server, with its pictures, and where the bot was used there."""
        await self._forget(Job.guild_id == guild_id)
        await self.catch_up.leave(guild_id)

    async def purge(self) -> int:
        """Delete what is kept longer, or takes more room, than `privacy` in the configuration allows."""
        privacy = self.config.privacy
        await self.catch_up.purge()
        older_than = self.clock.now() - timedelta(days=privacy.retention_days)
        return await self.ledger.purge(older_than, privacy.server_bytes)

    # -------------------------------------------------------------------------------------- what is known

    async def get(self, id: str) -> Job | None:
        """A job as it stands, or None if it was never there or is not kept any more."""
        return await self.ledger.get(id)

    async def source(self, id: str) -> bytes | None:
        """The picture that a job dreams on."""
        return await self.ledger.picture(id, "source")

    async def result(self, id: str) -> bytes | None:
        """The dream, once it is rendered."""
        return await self.ledger.picture(id, "result")

    async def jobs_of(self, member_id: int, guild_id: int | None = None) -> Sequence[Job]:
        """A member's unfinished jobs on a server (None: in direct messages), oldest first."""
        return await self.ledger.unfinished(Job.member_id == member_id, Job.guild_id == guild_id)

    async def waiting(self, guild_id: int | None) -> Sequence[Job]:
        """A server's unfinished jobs in the order in which they will be done."""
        jobs = await self.ledger.unfinished(Job.guild_id == guild_id)
        return sorted(jobs, key=lambda job: (job.state is State.QUEUED, self.place(job.id) or 0))

    async def finished(self, id: str) -> Job | None:
        """The job once it is done, failed or cancelled; None if it is deleted meanwhile."""
        while True:
            ended = self._awaited.setdefault(id, asyncio.Event())
            job = await self.ledger.get(id)
            if job is None or job.state.finished:
                self._awaited.pop(id, None)
                return job
            try:
                await asyncio.wait_for(ended.wait(), 5)
            except TimeoutError:
                continue  # another process may have ended it

    def place(self, id: str) -> int | None:
        """A job's place in line, 1 being the next; None if it does not wait here."""
        ahead = self.line.ahead(id)
        return None if ahead is None else ahead.jobs + 1

    def ready_at(self, id: str) -> datetime | None:
        """When a job is likely to be ready."""
        if running := self._running.get(id):
            return self.clock.now() + timedelta(seconds=running.left)
        ahead = self.line.ahead(id)
        if ahead is None:
            return None
        staying = [running for running in self._running.values() if not self._may_give_way(running)]
        before = ahead.cost + sum(running.left for running in staying)
        wait = before / self.capacity if len(staying) >= self.farm.capacity else 0.0
        return self.clock.now() + timedelta(seconds=wait + self.line.jobs[id].cost)

    @property
    def capacity(self) -> int:
        """How many dreams the farm runs at once; 1 until it is known."""
        return max(self.farm.capacity, 1)

    def seconds(self, recipe: Recipe, width: int, height: int) -> float:
        """What a dream on a picture of this size is likely to take one worker."""
        return self.estimates.seconds(recipe, width, height)

    # ------------------------------------------------------------------------------------------ taking in

    async def _probe(self, ask: Ask) -> tuple[int, int] | None:
        if ask.source is None:
            return None
        try:
            probe = await asyncio.wait_for(self.farm.probe(ask.source, self.picture_limits), PROBE_PATIENCE)
        except PictureError:
            raise
        except Exception as error:  # a farm in trouble must not turn people away: the dream will tell
            log.info("a picture is taken in unseen: %r", error)
            return None
        return probe.width, probe.height

    def _check_limits(self, claim: Claim, ask: Ask) -> None:
        if claim.cost > self.limits.server:  # whoever waits behind it would wait as long
            raise LimitReached(
                f"That dream would take about {claim.cost / 60:.0f} minutes, longer than I dream at a time; "
                "please ask for a smaller size, fewer steps or fewer seconds."
            )
        over = self.limits.over(claim, ask.member_seconds, ask.server_seconds)
        if over is None:
            return
        # All that waits is worked off evenly, so this one's share of it shrinks as the whole does.
        seconds = over.excess * self.limits.sum / over.held / self.capacity
        when = self.clock.now() + timedelta(seconds=seconds)
        raise LimitReached(
            f"{over.whose} as many dreams in line as fit; "
            f"please come back <t:{int(when.timestamp())}:R>, when some of them are done."
        )

    def _take_in(self, job: Job) -> None:
        self.limits.hold(job.id, Claim(job.member_id or 0, job.guild_id or 0, job.cost))
        if job.state is State.DELIVERING:
            self._hand_over(job)
        else:
            waiting = Waiting(job.id, job.kind, job.guild_id or 0, job.member_id or 0, job.cost, job.due_at)
            self.line.add(waiting, interrupted=job.started_at is not None)
            self._wake.set()

    async def _announce(self, job: Job) -> None:
        """Send the status message of a job; where that can never be, the job ends."""
        try:
            told = await self.delivery.announce(job, place=self.place(job.id), ready_at=self.ready_at(job.id))
        except Undeliverable as error:
            await self._end(job, State.FAILED, str(error))
            self._stop(job.id)
        except Exception as error:  # Discord is in trouble: the dream is announced when it is ready
            log.warning("job %s is not announced yet: %r", job.id, error)
        else:
            job.status_message_id, job.interaction_token = told
            await self.ledger.told(job.id, *told)

    async def _adopt(self) -> None:
        for job in await self.ledger.adopt():
            if job.id not in self._running:
                self._take_in(job)
                if job.has_message and job.status_message_id is None:
                    self._spawn(self._announce(job))

    # ---------------------------------------------------------------------------------------- dispatching

    async def _dispatch(self) -> None:
        await self._wake.wait()
        self._wake.clear()
        while not self.draining and len(self._running) < self.farm.capacity:
            waiting = self.line.take(self.clock.now())
            if waiting is None:
                return
            fills_gap = self.line.fills_gap(waiting)
            started = await self.ledger.start(waiting.id)
            if started is None:  # cancelled or taken over by another process meanwhile
                self._let_go(waiting.id)
                continue
            job, pictures = started
            task = self._spawn(self._dream(job, self._work(job, pictures)))
            self._running[job.id] = _Running(job, task, time.monotonic(), fills_gap)
        if not self.draining:
            self._give_way()

    def _give_way(self) -> None:
        """Hand back dreams that only fill gaps, the newest first, as far as members wait for workers."""
        filling = [running for running in self._running.values() if self._may_give_way(running)]
        filling.sort(key=lambda running: (running.gives_way, running.since), reverse=True)
        for running in filling[: self.line.members]:
            if not running.gives_way:
                running.gives_way = True
                running.task.cancel()

    def _may_give_way(self, running: _Running) -> bool:
        due_at = running.job.due_at
        return running.gives_way or (
            running.fills_gap
            and due_at is not None
            and due_at - self.clock.now() > URGENT + timedelta(seconds=running.job.cost)
        )

    async def _dream(self, job: Job, work: Work) -> None:
        self._show_progress(job, None)
        began = time.monotonic()
        try:
            rendered = await self.farm.dream(
                job.id, work, lambda progress: self._show_progress(job, progress)
            )
        except (PictureError, RecipeError, FarmError) as error:
            await self._end(job, State.FAILED, str(error))
        except Cancelled:
            await self._again(job)
        except asyncio.CancelledError:
            again = await self.ledger.hand_back(job.id)
            if again is None:
                self._let_go(job.id)
            elif self._running[job.id].gives_way:
                self._take_in(again)
            raise
        except Exception:
            log.exception("job %s failed", job.id)
            await self._end(job, State.FAILED, WENT_WRONG)
        else:
            self._free(job)
            await self._rendered(job, rendered, time.monotonic() - began)
        finally:
            self._free(job)

    def _stop(self, id: str) -> None:
        if running := self._running.get(id):
            running.task.cancel()

    def _free(self, job: Job) -> None:
        if self._running.pop(job.id, None):
            self._wake.set()

    def _work(self, job: Job, pictures: dict[str, bytes]) -> Work:
        weights = self.config.weights.inception_v3
        return Work(
            source=pictures.get("source"),
            recipe=Recipe.parse(job.recipe),
            guide=pictures.get("guide"),
            limits=self.picture_limits,
            inception_v3=str(weights) if weights else None,
            preview_size=320 if job.previews and job.has_message else 0,
            max_bytes=job.max_bytes,
        )

    async def _rendered(self, job: Job, rendered: Rendered, took: float) -> None:
        stored = await self.ledger.rendered(job.id, rendered)
        if stored is None:  # cancelled or taken over by another process meanwhile
            self._let_go(job.id)
            return
        if stored.state is State.DONE:
            self._let_go(job.id)
        else:
            self._hand_over(stored, rendered.data)
        if job.width and job.height:
            self.estimates.learn(Recipe.parse(job.recipe), job.width, job.height, took)

    async def _again(self, job: Job) -> None:
        """The farm stopped a dream: it was cancelled, or the farm went away and must dream it again."""
        again = await self.ledger.hand_back(job.id)
        if again is None or self.draining:
            self._let_go(job.id)
            return
        log.warning("the farm dropped job %s; it is dreamt again", job.id)
        await asyncio.sleep(FARM_GONE)
        self._take_in(again)

    def _hand_over(self, job: Job, picture: bytes | None = None) -> None:
        self._delivering[job.id] = task = self._spawn(self._deliver(job, picture))
        task.add_done_callback(lambda _: self._delivering.pop(job.id, None))

    async def _deliver(self, job: Job, picture: bytes | None = None) -> None:
        if picture is None:
            picture = await self.ledger.picture(job.id, "result")
        if picture is None:
            await self._end(job, State.FAILED, WENT_WRONG)
            return
        pause = 1.0
        while job.status_message_id is None:
            await self._announce(job)
            if job.state.finished:
                return
            if job.status_message_id is None:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 60.0)
        job.state = State.DONE  # as its last edit shows it
        try:
            await self.delivery.finish(job, picture)
        except Undeliverable as error:
            await self._end(job, State.FAILED, str(error))
        else:
            await self.ledger.finish(job.id, State.DONE, before=(State.DELIVERING,))
            self._let_go(job.id)

    def _show_progress(self, job: Job, progress: Progress | None) -> None:
        if job.has_message and job.id in self.limits.claims:
            self.delivery.progress(job, progress, ready_at=self.ready_at(job.id))

    # --------------------------------------------------------------------------------------------- ending

    async def _end(self, job: Job, state: State, reason: str) -> None:
        ended = await self.ledger.finish(job.id, state, reason)
        if ended is not None:
            job.state, job.reason = state, reason
            await self._show_end(ended)
        self._let_go(job.id)

    async def _show_end(self, job: Job) -> None:
        try:
            await self.delivery.finish(job)
        except Undeliverable as error:
            log.info("the end of job %s is not shown: %s", job.id, error)

    async def _forget(self, whose: ColumnElement[bool]) -> None:
        for job in await self.ledger.unfinished(whose):
            if not await self.cancel(job.id) and (delivering := self._delivering.get(job.id)):
                delivering.cancel()
                job.state = State.CANCELLED
                self._spawn(self._show_end(job))
        for id in await self.ledger.forget(whose):
            self._let_go(id)

    def _let_go(self, id: str) -> None:
        self.line.remove(id)
        self.limits.release(id)
        self.delivery.forget(id)
        if ended := self._awaited.pop(id, None):
            ended.set()

    # -------------------------------------------------------------------------------------- keeping house

    async def _look_around(self) -> None:
        self._wake.set()  # the farm may have grown
        await self._move_up()
        if self._database.is_sqlite:
            return
        await self._adopt()
        for id in await self.ledger.ended_elsewhere([*self._running]):
            self._stop(id)

    async def _move_up(self) -> None:
        """Show those who wait that they are nearer; in a long line Discord's countdown must do."""
        if len(self.line) > SHORT_LINE:
            return
        self._places = {id: place for id, place in self._places.items() if id in self.line}
        moved = {id: place for id in self.line.jobs if (place := self.place(id)) != self._places.get(id)}
        for job in await self.ledger.unfinished(Job.id.in_(moved)) if moved else ():
            place = self.place(job.id)
            if (
                job.has_message
                and place
                and self.delivery.progress(job, place=place, ready_at=self.ready_at(job.id))
            ):
                self._places[job.id] = place

    async def _forever(self, step: Callable[[], Coroutine[Any, Any, None]], pause: float) -> None:
        while True:
            try:
                await step()
            except Exception:
                log.exception("the queue goes on after an error")
                await asyncio.sleep(1.0)
            await asyncio.sleep(pause)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_report)
        return task


def _report(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("a job's task failed", exc_info=error)
