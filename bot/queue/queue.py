"""The queue: admits dreams, has them dreamt in turn, and keeps its memory and the rows in agreement."""

import asyncio
import dataclasses
import logging
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import or_
from sqlalchemy.sql.elements import ColumnElement

from bot.backoff import attempts
from bot.clock import Clock
from bot.durations import countdown
from bot.errors import Refused
from bot.queue.byte_semaphore import ByteSemaphore
from bot.queue.cost_model import CostModel
from bot.queue.dispatcher import Dispatcher
from bot.queue.fair_queue import ORDER, FairQueue, QueuedJob
from bot.queue.limits import Excess, LimitReached, Limits, Reservation
from bot.queue.repository import JobRepository
from bot.queue.request import DreamRequest, KeptPicture, Upload, Variant
from bot.queue.statistics import JobStatistics
from bot.store.database import Database
from bot.store.jobs import Job, Kind, State
from bot.store.lease import Lease
from bot.store.outage import is_outage
from config.schema import Config
from dream.backbone.catalog import NETWORKS
from dream.farm import Farm
from dream.octaves import DEFAULT_SIZE, on_sheet, share_done
from dream.picture import Limits as PictureLimits
from dream.picture import PictureError
from dream.recipe import Recipe
from dream.render import Progress, Rendered, Sights, Work

log = logging.getLogger(__name__)

PROBE_TIMEOUT: Final = 5.0
"""Seconds within which a picture is probed before its job is admitted; later the dream itself tells."""
UPLOADS_IN_MEMORY: Final = 32_000_000
"""Bytes of pictures that are fetched, probed and stored at once; others wait before they are fetched."""
PREVIEW_SIZE: Final = 320
COMPARISON_SECONDS: Final = 1.5
"""What a comparison of a picture with its dream takes one worker, about."""
ROOM_SOUGHT: Final = 64
"""Jobs that are looked at, at most, to tell when one more fits."""
LEAST_DEADLINE: Final = 600.0
DEADLINE_FACTOR: Final = 20.0
"""How many times as long as expected a dream may take its worker, but `LEAST_DEADLINE` seconds at least."""
STOPPING: Final = "I'm being restarted; please ask again in a minute."
DISK_FULL: Final = "I've no room for more pictures just now; please ask again later, or tell my operator."
DATABASE_AWAY: Final = "I can't write anything down just now; please ask again in a minute."


class Listener(Protocol):
    """Discord's side of the queue, which shows jobs to members."""

    async def announce(self, job: Job) -> Job:
        """A job was admitted: send its message. Returns the job as it is then; it may have failed."""

    def changed(self, id: str, result: bytes | None = None) -> None:
        """A job has ended or was erased; `result` saves reading the result of one that is done."""

    def progressed(self, job: Job, progress: Progress | None) -> None:
        """A job was started, or has come further."""


class NobodyListens:
    """The listener of a queue without Discord."""

    async def announce(self, job: Job) -> Job:
        """Return the job as it is."""
        return job

    def changed(self, id: str, result: bytes | None = None) -> None:
        """Do nothing."""

    def progressed(self, job: Job, progress: Progress | None) -> None:
        """Do nothing."""


class _Extent(NamedTuple):
    """A picture's size in pixels, and its frames."""

    width: int
    height: int
    frames: int


class Queue:
    """Every job of this process. The rows are the truth; what is in memory is rebuilt from them.

    Call `reconcile` every few seconds. `drain` stops admitting and starting jobs and lets running ones end,
    `close` stops at once; nothing is lost either way. Members see jobs through the `listener`.
    """

    def __init__(self, database: Database, farm: Farm, clock: Clock, config: Config) -> None:
        self.farm, self.clock, self.config = farm, clock, config
        self.lease = Lease(database)
        self.jobs = JobRepository(database, self.lease, clock)
        self.cost_model = CostModel(database)
        self.statistics = JobStatistics()
        self.waiting = FairQueue()
        self.dispatcher = Dispatcher(self, self.jobs, farm, self.waiting, clock)
        limits = config.queue
        self.limits = Limits(limits.member_seconds, limits.server_seconds, limits.total_seconds)
        self.byte_limits = Limits(limits.member_bytes, limits.server_bytes, limits.total_bytes)
        self.picture_limits = PictureLimits(
            config.picture.max_bytes,
            config.picture.max_pixels,
            config.picture.max_frames,
            length=config.picture.max_seconds,
        )
        self.listener: Listener = NobodyListens()
        self._database = database
        self._uploads = ByteSemaphore(UPLOADS_IN_MEMORY)
        self._is_disk_full = False
        self._is_draining = False
        self._is_open = False
        self._submitting: set[str] = set()
        self._retracting: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: dict[str, asyncio.Event] = {}

    # Starting and stopping

    async def open(self) -> None:
        """Continue what is unfinished, and begin to start jobs.

        Raises StoreError where another process uses the same SQLite file.
        """
        self._database.lock()
        await self.cost_model.open()
        await self.reconcile()
        self.dispatcher.open()
        self._is_open = True

    async def drain(self, grace: float) -> None:
        """Admit and start nothing more, and give what runs `grace` seconds to end."""
        self._is_draining = True
        await self.dispatcher.drain(grace)

    async def close(self) -> None:
        """Stop. Unfinished jobs are continued by the next start, or by another process."""
        self._is_draining = True
        await self.dispatcher.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._is_open:
            try:
                await self.cost_model.save()
                await self.lease.release()
            except Exception as error:  # the lease runs out by itself
                log.warning("the queue could not say that it is closed: %s", error)

    # Asking, cancelling, erasing

    async def submit(self, request: DreamRequest) -> Job:
        """Admit a dream: it is committed, and its message was sent or tried, when this returns.

        An upload is fetched once there is room for it. Where the bot may not post, the job comes back failed,
        with the reason. Raises PictureError, LimitReached, and Refused while the bot stops, its disk is full
        or its database is away; no job is left then.
        """
        try:
            job, is_new = await self._admit(request)
        except (PictureError, Refused) as refusal:
            self.statistics.refused(refusal)
            raise
        return await self.listener.announce(job) if is_new and job.has_message else job

    async def _admit(self, request: DreamRequest) -> tuple[Job, bool]:
        """Commit a job and let it wait; False if its message asked for one before."""
        if self._is_draining:
            raise Refused(STOPPING)
        id, size = self.jobs.new_id(), request.input_bytes
        self._check_disk(size)
        self._check_bytes(request, size)
        self._submitting.add(id)
        self._reserve(id, request, self.byte_limits, size)
        try:
            async with self._uploads.hold(request.upload_bytes):
                job, is_new = await self._store(id, request)
            if is_new:
                self.statistics.asked(job)
                self._enqueue(job)
            else:
                self._release(id)
        except BaseException:
            self._release(id)
            raise
        finally:
            self._submitting.discard(id)
        return job, is_new

    async def _store(self, id: str, request: DreamRequest) -> tuple[Job, bool]:
        """Fetch and probe a request's pictures, and commit its job as `JobRepository.add` does."""
        if isinstance(request.source, Upload):
            request = dataclasses.replace(request, source=await request.source.fetch())
        if isinstance(request.guide, Upload):
            request = dataclasses.replace(request, guide=await request.guide.fetch())
        found = await self._probe(request.source)
        await self._probe(request.guide)
        size = found and (found.width, found.height)
        moves = request.kind is Kind.DREAM and not request.variants
        frames = found.frames if found and moves else 1
        if request.recipe.dreams_clip(frames):
            request = dataclasses.replace(request, kind=Kind.ZOOM)
        cost = self._cost(request, *(size or (DEFAULT_SIZE, DEFAULT_SIZE)), frames)
        self._check_seconds(request, cost)
        self._reserve(id, request, self.limits, cost)
        try:
            return await self.jobs.add(id, request, size, cost)
        except BaseException as error:
            self._retracting.add(id)
            self._spawn(self._retract(id))
            if is_outage(error):
                raise Refused(DATABASE_AWAY) from error
            raise

    async def see(self, upload: Upload, most: int) -> Sights:
        """What the networks see in a picture, which is fetched once there is room for it and not kept.

        Raises Refused, PictureError or FarmError.
        """
        async with self._uploads.hold(upload.size):
            return await self.farm.see(await upload.fetch(), most, self.picture_limits)

    async def read_recipe(self, upload: Upload) -> str | None:
        """The recipe that a picture file carries, if it does; the file is not kept. Raises as `see`."""
        async with self._uploads.hold(upload.size):
            return await self.farm.read_recipe(await upload.fetch(), self.picture_limits)

    async def cancel(self, id: str, reason: str = "Cancelled.") -> bool:
        """Stop a job that waits or dreams, whoever owns it; False if it is too late for that."""
        if await self.jobs.cancel(id, reason) is None:
            return False
        self.statistics.ended(id, State.CANCELLED)
        self._dismiss(id)
        self.listener.changed(id)
        return True

    async def message_deleted(self, message_id: int) -> None:
        """Cancel the job that was asked for in this message or whose state it showed.

        While the database is away, this waits for it.
        """
        async for attempt in attempts(f"cancelling the job of message {message_id}", is_outage):
            with attempt:
                job = await self.jobs.of_message(message_id)
                if job is not None:
                    await self.cancel(job.id, "The message was deleted.")

    async def erase(self, id: str) -> None:
        """Stop and delete a job, with its source and result."""
        await self._erase(Job.id == id)

    async def forget_member(self, member_id: int) -> None:
        """Stop and delete every job of a member, or of a picture of theirs."""
        await self._erase(or_(Job.member_id == member_id, Job.author_id == member_id))

    async def forget_guild(self, guild_id: int) -> None:
        """Stop and delete every job of a server."""
        await self._erase(Job.guild_id == guild_id)

    async def unreachable(self, id: str, reason: str) -> Job | None:
        """Discord will never show a job's state: one that is unfinished fails. Returns it as it then is."""
        job = await self.jobs.unreachable(id, reason)
        self.statistics.undeliverable(id, reason)
        if job is None or job.state.is_final:
            self.statistics.ended(id, job.state if job else State.CANCELLED, job, cause="undeliverable")
            self._dismiss(id)
        return job

    async def purge(self) -> int:
        """Delete what is kept longer, or takes more room, than `privacy` in the configuration allows."""
        privacy = self.config.privacy
        older_than = self.clock.now() - timedelta(days=privacy.retention_days)
        count = await self.jobs.purge(older_than, privacy.server_bytes, privacy.total_bytes)
        await self._database.shrink()
        return count

    # What is known

    async def get(self, id: str) -> Job | None:
        """A job as it stands, or None if it was never there or is not kept any more."""
        return await self.jobs.get(id)

    async def source(self, id: str) -> bytes | None:
        """The picture that a job dreams on."""
        return await self.jobs.picture(id, "source")

    async def result(self, id: str) -> bytes | None:
        """The dream, once it is rendered."""
        return await self.jobs.picture(id, "result")

    async def kept_picture(self, job: Job, role: str) -> KeptPicture | None:
        """A job's source or result, to be dreamt on again; None if it is not kept any more."""
        size = await self.jobs.picture_size(job.id, role)
        if size is None:
            return None
        report = job.dream_report
        width, height = (report.width, report.height) if report else (None, None)
        if role == "source":
            width, height = job.width, job.height
        return KeptPicture(job.id, role, size, width, height, report.frames if report else 1)

    async def jobs_of(self, member_id: int, guild_id: int | None = None) -> Sequence[Job]:
        """A member's unfinished jobs on a server (None: in direct messages), oldest first."""
        return await self.jobs.unfinished(Job.member_id == member_id, Job.guild_id == guild_id)

    async def of_guild(self, guild_id: int | None) -> Sequence[Job]:
        """A server's unfinished jobs in the order in which they will be done."""
        jobs = await self.jobs.unfinished(Job.guild_id == guild_id)
        return sorted(jobs, key=lambda job: (job.state is State.QUEUED, self.position(job.id) or 0))

    async def finished(self, id: str) -> Job | None:
        """The job once it is done, failed or cancelled; None if it is deleted meanwhile."""
        while True:
            ended = self._ends.setdefault(id, asyncio.Event())
            job = await self.jobs.get(id)
            if job is None or job.state.is_final:
                self._ends.pop(id, None)
                return job
            try:
                await asyncio.wait_for(ended.wait(), 5)
            except TimeoutError:
                continue  # another process may have ended it

    def position(self, id: str) -> int | None:
        """A job's position in the queue, 1 being the next; None if it does not wait here."""
        ahead = self.waiting.ahead(id)
        return None if ahead is None else ahead.jobs + 1

    def ready_at(self, id: str) -> datetime | None:
        """When a job is likely to be ready; None if that is not known here."""
        if run := self.dispatcher.runs.get(id):
            return self.clock.now() + timedelta(seconds=run.left)
        ahead = self.waiting.ahead(id)
        if ahead is None:
            return None
        staying = [run for run in self.dispatcher.runs.values() if not self.dispatcher.may_preempt(run)]
        before = ahead.cost + sum(run.left for run in staying)
        wait = before / self.capacity if len(staying) >= self.farm.capacity else 0.0
        return self.clock.now() + timedelta(seconds=wait + self.waiting.jobs[id].cost)

    @property
    def capacity(self) -> int:
        """How many dreams the farm runs at once; 1 until it is known."""
        return max(self.farm.capacity, 1)

    def seconds(self, recipe: Recipe, width: int, height: int) -> float:
        """What a dream on a picture of this size is likely to take one worker."""
        return self.cost_model.seconds(recipe, width, height)

    def _cost(self, request: DreamRequest, width: int, height: int, frames: int = 1) -> float:
        """What a request is likely to take one worker, in seconds."""
        if request.kind.is_comparison:
            return COMPARISON_SECONDS
        count = len(request.variants)
        recipes = [on_sheet(one.recipe, count) for one in request.variants] or [request.recipe]
        return sum(self.cost_model.seconds(recipe, width, height, frames) for recipe in recipes)

    # Keeping memory and rows in agreement

    async def reconcile(self) -> None:
        """Take over jobs whose owner is dead, and mend what memory and rows disagree about.

        Whatever failed between the two (a statement, a commit, a task, another process) is found here.
        """
        if await self.lease.renew():
            for job in await self.jobs.take_over():
                if job.state is State.QUEUED:
                    self.statistics.taken_over(job)
                    self._enqueue(job)
                elif job.needs_showing:
                    self.listener.changed(job.id)
        before, counted = self._in_memory(), {*self.statistics.unfinished}
        rows = await self.jobs.owned()
        in_memory = before | self._in_memory()
        for id, state in rows.items():
            if id not in in_memory:
                await self._recover(id, state)
        for id in before & {*self.waiting.jobs, *self.dispatcher.runs} - rows.keys():
            self._dismiss(id)
        for id in self.byte_limits.reservations.keys() - rows.keys() - in_memory:
            self._release(id)
        for id in counted & self.statistics.unfinished.keys() - rows.keys() - self._in_memory():
            await self._count_elsewhere(id)
        self.dispatcher.wake()

    async def _count_elsewhere(self, id: str) -> None:
        """Count a job that another process ended or took over."""
        job = await self.jobs.get(id)
        if job is None or job.state.is_final:
            self.statistics.ended(id, job.state if job else State.CANCELLED, job, cause="elsewhere")
        else:
            self.statistics.moved(id)

    def _in_memory(self) -> set[str]:
        return {*self.waiting.jobs, *self.dispatcher.busy, *self._submitting, *self._retracting}

    async def _recover(self, id: str, state: State) -> None:
        """Let a job wait again whose row is unfinished and that nothing here works on."""
        job = await self.jobs.requeue(id) if state is State.DREAMING else await self.jobs.get(id)
        if job is not None and job.state is State.QUEUED and id not in self._in_memory():
            log.warning("nothing worked on it; it waits again", extra={"job": id, "state": state})
            self.statistics.waits_again(id)
            self._enqueue(job, interrupted=True)

    def _enqueue(self, job: Job, *, interrupted: bool = False) -> None:
        member_id, guild_id = job.member_id or 0, job.guild_id or 0
        self._reserve(job.id, job, self.limits, job.cost)
        self._reserve(job.id, job, self.byte_limits, job.input_bytes)
        kind = job.kind if job.kind in ORDER else Kind.DREAM
        queued = QueuedJob(job.id, kind, guild_id, member_id, job.cost, job.due_at)
        self.waiting.add(queued, interrupted=interrupted or job.started_at is not None)
        self.dispatcher.wake()

    def _dismiss(self, id: str) -> None:
        """Do nothing more for a job, which has ended or is another process's."""
        self.waiting.remove(id)
        self.dispatcher.stop(id)
        self._release(id)
        if ended := self._ends.pop(id, None):
            ended.set()

    def _reserve(self, id: str, whose: Job | DreamRequest, limits: Limits, amount: float) -> None:
        """Count a job from before it is stored, so that of many at once none is admitted beyond a limit."""
        limits.reserve(id, Reservation(whose.member_id or 0, whose.guild_id or 0, amount))

    def _release(self, id: str) -> None:
        for limits in (self.limits, self.byte_limits):
            limits.release(id)

    async def _erase(self, condition: ColumnElement[bool]) -> None:
        for id in await self.jobs.erase(condition):
            self.statistics.ended(id, State.CANCELLED)
            self._dismiss(id)
            self.listener.changed(id)

    async def _retract(self, id: str) -> None:
        """Delete a job whose commit failed, for it may have succeeded and its asker was refused."""
        try:
            async for attempt in attempts(f"retracting job {id}", is_outage):
                with attempt:
                    await self.jobs.erase(Job.id == id)
        finally:
            self._retracting.discard(id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # What a request must pass

    async def _probe(self, picture: bytes | Upload | KeptPicture | None) -> _Extent | None:
        """A picture's width, height and frames; None where there is none, or they cannot be told."""
        if isinstance(picture, KeptPicture):
            if picture.width and picture.height:
                return _Extent(picture.width, picture.height, picture.frames)
            return None
        if not isinstance(picture, bytes):
            return None
        try:
            probe = await asyncio.wait_for(self.farm.probe(picture, self.picture_limits), PROBE_TIMEOUT)
        except PictureError:
            raise
        except Exception as error:  # a farm in trouble must not turn people away: the dream will tell
            log.info("a picture is admitted without a probe: %r", error)
            return None
        return _Extent(probe.width, probe.height, probe.frames)

    def _check_disk(self, size: int) -> None:
        """Raises Refused where this many bytes more would leave too little of the disk."""
        least = self.config.store.free_bytes
        free = self._database.free_bytes() if least else None
        was_full, self._is_disk_full = self._is_disk_full, free is not None and free - size < least
        if self._is_disk_full and free is not None:
            if not was_full:
                log.error(
                    "the database's disk has %d MB left, less than store.free_bytes (%d MB): dreams are "
                    "refused until there is more; lower privacy.total_bytes, or make room",
                    free // 1_000_000,
                    least // 1_000_000,
                )
            raise Refused(DISK_FULL)

    def _check_bytes(self, request: DreamRequest, size: int) -> None:
        job = Reservation(request.member_id or 0, request.guild_id or 0, size)
        excess = self.byte_limits.excess(job) if size and request.kind is not Kind.DAILY else None
        if excess is not None:
            raise LimitReached(
                f"{excess.whose} {excess.reserved / 1e6:.0f} MB of pictures in line, as many as fit; please "
                "send a smaller one, or ask again when some of those dreams are done."
            )

    def _check_seconds(self, request: DreamRequest, cost: float) -> None:
        if request.kind is Kind.DAILY:
            return
        job = Reservation(request.member_id or 0, request.guild_id or 0, cost)
        if cost > self.limits.server:  # whoever waits behind it would wait as long
            raise LimitReached(
                f"That dream would take about {cost / 60:.0f} minutes, longer than I dream at a time; "
                "please ask for a smaller size, fewer steps or fewer seconds."
            )
        excess = self.limits.excess(job, request.member_seconds, request.server_seconds)
        if excess is None:
            return
        raise LimitReached(
            f"{excess.whose} as many dreams in line as fit; please ask again "
            f"{countdown(self._room_at(excess), self.clock.now())}, when some of them are done."
        )

    def _room_at(self, excess: Excess) -> datetime:
        """When enough of the jobs that reach a limit are ready, as their own messages tell it."""
        now, over = self.clock.now(), excess.over
        ends = sorted((self.ready_at(id) or now, id) for id in excess.ids[:ROOM_SOUGHT])
        while over > 0 and ends:
            now, id = ends.pop(0)
            over -= self.limits.reservations[id].amount
        return now

    # What the dispatcher needs, and tells

    def work_for(self, job: Job, pictures: dict[str, bytes]) -> Work:
        """What the farm is to do for a job. Raises RecipeError where another version wrote its recipe."""
        recipe = Recipe.parse(job.recipe)
        variants = tuple(map(Variant.stored, job.variants or ()))
        networks = {name for one in (recipe, *(v.recipe for v in variants)) for name in one.networks}
        return Work(
            source=pictures.get("source"),
            recipe=recipe if job.kind is not Kind.DAILY else dataclasses.replace(recipe, as_="still"),
            guide=pictures.get("guide"),
            sheet=tuple((one.label, one.recipe) for one in variants),
            compare=str(job.kind) if job.kind.is_comparison else "",
            limits=self.picture_limits,
            networks=tuple(NETWORKS[name] for name in sorted(networks)),
            preview_size=PREVIEW_SIZE if job.previews and job.has_message else 0,
            max_bytes=job.max_bytes,
            key=job.id,
            deadline=max(LEAST_DEADLINE, DEADLINE_FACTOR * job.cost),
        )

    def share_done(self, job: Job, progress: Progress) -> float:
        """The share of a job's work that is done."""
        if job.kind is Kind.SHEET:
            return progress.done
        size = job.width or DEFAULT_SIZE, job.height or DEFAULT_SIZE
        recipe = Recipe.parse(job.recipe)
        if job.kind is Kind.ZOOM and not recipe.is_video:
            return progress.done  # the frames of a clip take equally long
        return share_done(recipe, *size, progress.step)

    def progressed(self, job: Job, progress: Progress | None) -> None:
        """Let the listener show how far a job is."""
        if progress is None:
            self.statistics.begun(job)
        if job.has_message and job.id in self.limits.reservations:
            self.listener.progressed(job, progress)

    def requeued(self, job: Job) -> None:
        """Let a job wait again."""
        self.statistics.waits_again(job.id)
        self._enqueue(job)

    def ended(
        self, id: str, job: Job | None, rendered: Rendered | None, seconds: float, cause: str = ""
    ) -> None:
        """Give free what a job held, show how it ended, and learn what it cost."""
        if job:
            self.statistics.ended(id, job.state, job, cause)
        self._dismiss(id)
        self.listener.changed(id, rendered.data if rendered and job else None)
        learnable = job is not None and not job.variants and not job.kind.is_comparison
        if rendered and not rendered.is_cold and job and learnable and job.width and job.height:
            took = rendered.seconds or seconds
            frames = rendered.report.frames if rendered.report else 1
            self.cost_model.learn(Recipe.parse(job.recipe), job.width, job.height, took, frames)
