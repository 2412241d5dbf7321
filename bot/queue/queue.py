"""The queue: takes in dreams, cancels and erases them, and reconciles what is in memory with their rows."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Final

from sqlalchemy import or_
from sqlalchemy.sql.elements import ColumnElement

from bot.backoff import attempts
from bot.clock import Clock
from bot.errors import Refused
from bot.queue.admission import Admission, Admitted
from bot.queue.cost_model import CostModel
from bot.queue.dispatcher import Dispatcher
from bot.queue.fair_queue import ORDER, FairQueue, QueuedJob
from bot.queue.repository import JobRepository, purge
from bot.queue.request import DreamRequest, KeptPicture, Upload
from bot.queue.statistics import JobStatistics
from bot.queue.work import picture_limits
from bot.store.database import Database
from bot.store.jobs import Job, Kind, State
from bot.store.lease import Lease
from bot.store.outage import is_outage
from bot.store.upkeep import shrink
from bot.tasks import Tasks
from config.schema import Config
from dream.farm import Farm
from dream.formats import clip_format
from dream.picture import PictureError
from dream.recipe import Recipe
from dream.render import Progress, Rendered, Sights
from dream.texts import Text

log = logging.getLogger(__name__)

STOPPING: Final = Text("I'm being restarted; please ask again in a minute.")
CANCELLED: Final = Text("This dream was cancelled.")
MESSAGE_DELETED: Final = Text("This dream was cancelled with its message.")
PICTURE_WITHDRAWN: Final = Text("Whoever posted the picture withdrew it, and all dreams of it.")
PICTURE_DELETED: Final = Text("This dream was cancelled: its picture is gone.")
NOT_ANSWERED: Final = Text(
    "This dream was cancelled: whoever posted the picture did not answer within a day."
)
CONSENT_WITHIN: Final = timedelta(days=1)
"""How long whoever posted a picture is asked for their consent."""
DATABASE_AWAY: Final = Text("I can't write anything down just now; please ask again in a minute.")


class Listener:
    """Discord's side of the queue, which shows jobs to members; this one does nothing."""

    async def announce(self, job: Job) -> Job:
        """A job was admitted: send its message. Returns the job as it is then; it may have failed."""
        return job

    def changed(self, id: str, job: Job | None = None, result: bytes | None = None) -> None:
        """A job has ended or was erased; `job` and `result` save reading the row and a dream's file."""

    def progressed(self, job: Job, progress: Progress | None) -> None:
        """A job was started, or has come further."""


class Queue:
    """Every job of this process. The rows are the truth; what is in memory is rebuilt from them.

    Call `reconcile` every few seconds. `drain` stops admitting and starting jobs and lets running ones end,
    `close` stops at once; nothing is lost either way. Members see jobs through the `listener`. What is known
    of a job is read from `jobs`, what it would cost from `cost_model`.
    """

    def __init__(self, database: Database, farm: Farm, clock: Clock, config: Config) -> None:
        self.farm, self.clock, self.config = farm, clock, config
        self.lease = Lease(database)
        self.jobs = JobRepository(database, self.lease, clock)
        self.cost_model = CostModel(database)
        self.waiting = FairQueue()
        self.dispatcher = Dispatcher(self, self.jobs, farm, self.waiting, clock, config)
        self.admission = Admission(database.engine, farm, clock, config, self.cost_model, self.ready_at)
        self.statistics = JobStatistics()
        self.listener = Listener()
        self.on_done: Callable[[Job], object] = lambda job: None
        """Called with each job whose dream is done, whether a message shows it or not."""
        self._database = database
        self._is_draining = False
        self._is_open = False
        self._submitting: set[str] = set()
        self._retracting: set[str] = set()
        self._tasks = Tasks()
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
        await self._tasks.cancel()
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
        id = self.jobs.new_id()
        self._submitting.add(id)
        try:
            async with self.admission.admit(id, request) as admitted:
                job, is_new = await self._store(id, admitted)
            if is_new and job.state is State.QUEUED:
                self.statistics.asked(job)
                self._enqueue(job)
            else:
                self.admission.release(id)
        finally:
            self._submitting.discard(id)
        return job, is_new

    async def _store(self, id: str, admitted: Admitted) -> tuple[Job, bool]:
        """Commit a job as `JobRepository.add` does."""
        try:
            return await self.jobs.add(id, *admitted)
        except BaseException as error:
            self._retracting.add(id)
            self._tasks.start(self._retract(id))
            if is_outage(error):
                raise Refused(DATABASE_AWAY) from error
            raise

    async def see(self, upload: Upload, most: int) -> Sights:
        """What the networks see in a picture, which is fetched once there is room for it and not kept.

        Raises Refused, PictureError or FarmError.
        """
        async with self.admission.uploads.hold(upload.size):
            return await self.farm.see(await upload.fetch(), most, picture_limits(self.config))

    async def read_recipe(self, upload: Upload) -> str | None:
        """The recipe that a picture file carries, if it does; the file is not kept. Raises as `see`."""
        async with self.admission.uploads.hold(upload.size):
            return await self.farm.read_recipe(await upload.fetch(), picture_limits(self.config))

    async def consent(self, id: str) -> bool:
        """Let a job wait for its turn that waited for a consent; False if it does not, or not any more."""
        if self._is_draining:
            raise Refused(STOPPING)
        if (job := await self.jobs.consent(id)) is None:
            return False
        self.statistics.asked(job)
        self._enqueue(job)
        return True

    async def cancel(self, id: str, reason: Text = CANCELLED) -> bool:
        """Stop a job that waits or dreams, whoever owns it; False if it is too late for that."""
        job = await self.jobs.cancel(id, reason)
        if job is None:
            return False
        self.statistics.ended(id, State.CANCELLED)
        self._dismiss(id)
        self.listener.changed(id, job)
        return True

    async def ping(self, id: str) -> bool:
        """Tell whoever asked for a job when it ends; False if it has ended."""
        job = await self.jobs.ping(id)
        if job is not None and (run := self.dispatcher.runs.get(id)):
            run.job = job
        return job is not None

    async def message_deleted(self, message_id: int) -> None:
        """Cancel the jobs that were asked for in this message, or whose state it showed.

        One that waits for a consent is cancelled with its picture, too.

        While the database is away, this waits for it.
        """
        async for attempt in attempts(f"cancelling the job of message {message_id}", is_outage):
            with attempt:
                for job in await self.jobs.all_of_message(message_id):
                    await self.cancel(job.id, MESSAGE_DELETED)
                for held in await self.jobs.held(Job.origin_message_id == message_id):
                    await self.cancel(held.id, PICTURE_DELETED)

    async def erase(self, id: str) -> bool:
        """Stop and delete a job, with its source and result; False if it was already."""
        return await self._erase(Job.id == id) > 0

    async def withdraw(self, job: Job) -> int:
        """Stop and delete every dream that grew from a job's picture; how many there were."""
        return await self._erase(await self.jobs.of_same_picture(job), PICTURE_WITHDRAWN)

    async def forget_member(self, member_id: int) -> None:
        """Stop and delete every job of a member, or of a picture of theirs."""
        await self._erase(or_(Job.member_id == member_id, Job.author_id == member_id))

    async def forget_guild(self, guild_id: int) -> None:
        """Stop and delete every job of a server."""
        await self._erase(Job.guild_id == guild_id)

    async def unreachable(self, id: str, reason: Text) -> Job | None:
        """Discord will never show a job's state: one that is unfinished fails. Returns it as it then is."""
        job = await self.jobs.unreachable(id, reason)
        self.statistics.undeliverable(id, reason)
        if job is None or job.state.is_final:
            self.statistics.ended(id, job.state if job else State.CANCELLED, job, cause="undeliverable")
            self._dismiss(id)
        return job

    async def purge(self) -> int:
        """Delete what is kept longer, or takes more room, than `privacy` in the configuration allows."""
        for job in await self.jobs.held(Job.created_at < self.clock.now() - CONSENT_WITHIN):
            await self.cancel(job.id, NOT_ANSWERED)
        privacy = self.config.privacy
        older_than = self.clock.now() - timedelta(days=privacy.retention_days)
        count = await purge(self.jobs, older_than, privacy.server_bytes, privacy.total_bytes)
        await shrink(self._database.engine)
        return count

    # What is known

    async def kept_picture(self, job: Job, role: str) -> KeptPicture | None:
        """A job's source or result, to be dreamt on again; None if it is not kept any more."""
        size = await self.jobs.picture_size(job.id, role)
        if size is None:
            return None
        report = job.dream_report
        width, height = (report.width, report.height) if report else (None, None)
        became_gif = bool(job.filename and job.filename.endswith(".gif"))
        if role == "source":
            width, height = job.width, job.height
            became_gif = became_gif and "as=gif" not in job.recipe
        frames = report.frames if report else 1
        return KeptPicture(job.id, role, size, width, height, frames, "GIF" if became_gif else "")

    async def jobs_of(self, member_id: int, guild_id: int | None = None) -> Sequence[Job]:
        """A member's jobs on a server (None: in direct messages) that have not ended, oldest first."""
        theirs = Job.member_id == member_id, Job.guild_id == guild_id
        found = [*await self.jobs.held(*theirs), *await self.jobs.unfinished(*theirs)]
        return sorted(found, key=lambda job: job.id)

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
                    self.listener.changed(job.id, job)
        before, counted = self._in_memory(), {*self.statistics.unfinished}
        rows = await self.jobs.owned()  # what came into memory meanwhile may have no row in them
        in_memory = before | self._in_memory()
        for id, state in rows.items():
            if id not in in_memory:
                await self._recover(id, state)
        for id in (before & {*self.waiting.jobs, *self.dispatcher.runs}) - rows.keys():
            self._dismiss(id)
        for id in self.admission.byte_limits.reservations.keys() - rows.keys() - in_memory:
            self.admission.release(id)
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
        self.admission.count(job)
        kind = job.kind if job.kind in ORDER else Kind.DREAM
        queued = QueuedJob(job.id, kind, guild_id, member_id, job.cost, job.due_at)
        self.waiting.add(queued, interrupted=interrupted or job.started_at is not None)
        self.dispatcher.wake()

    def _dismiss(self, id: str) -> None:
        """Do nothing more for a job, which has ended or is another process's."""
        self.waiting.remove(id)
        self.dispatcher.stop(id)
        self.admission.release(id)
        if ended := self._ends.pop(id, None):
            ended.set()

    async def _erase(self, condition: ColumnElement[bool], withdrawn: Text | None = None) -> int:
        """Stop and delete every job that meets the condition; how many there were."""
        count = 0
        while ids := await self.jobs.erase(condition, withdrawn=withdrawn):
            count += len(ids)
            for id in ids:
                self.statistics.ended(id, State.CANCELLED)
                self._dismiss(id)
                self.listener.changed(id)
        return count

    async def _retract(self, id: str) -> None:
        """Delete a job whose commit failed, for it may have succeeded and its asker was refused."""
        try:
            async for attempt in attempts(f"retracting job {id}", is_outage):
                with attempt:
                    await self.jobs.erase(Job.id == id)
        finally:
            self._retracting.discard(id)

    # What the dispatcher tells

    def progressed(self, job: Job, progress: Progress | None) -> None:
        """Let the listener show how far a job is."""
        if progress is None:
            self.statistics.begun(job)
        if job.has_message and job.id in self.admission.limits.reservations:
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
        self.listener.changed(id, job, rendered.data if rendered and job else None)
        if job and job.state is State.DONE:
            self.on_done(job)
        learnable = job is not None and not job.variants and not job.kind.is_comparison
        if rendered and not rendered.is_cold and job and learnable and job.width and job.height:
            took = rendered.seconds or seconds
            frames = rendered.report.frames if rendered.report else 1
            format = clip_format(PurePath(rendered.filename)) if frames > 1 else "mp4"
            self.cost_model.learn(Recipe.parse(job.recipe), job.width, job.height, took, frames, format)
