"""What a request must pass before it is a job: room on the disk, limits, and a probe of its pictures."""

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.clock import Clock
from bot.durations import countdown
from bot.errors import Refused
from bot.queue.byte_semaphore import ByteSemaphore
from bot.queue.cost_model import CostModel
from bot.queue.limits import Excess, LimitReached, Limits, Reservation
from bot.queue.request import DreamRequest, KeptPicture, Upload
from bot.queue.work import picture_limits
from bot.store.jobs import Job, Kind
from bot.store.upkeep import free_bytes
from config.schema import Config
from dream.farm import Farm
from dream.formats import Probe
from dream.octaves import DEFAULT_SIZE, on_sheet
from dream.picture import PictureError
from dream.render import film_format
from dream.texts import CountedText, Text

log = logging.getLogger(__name__)

PROBE_TIMEOUT: Final = 5.0
"""Seconds within which a picture is probed before its job is admitted; later the dream itself tells."""
UPLOADS_IN_MEMORY: Final = 32_000_000
"""Bytes of pictures that are fetched, probed and stored at once; others wait before they are fetched."""
COMPARISON_SECONDS: Final = 1.5
"""What a comparison of a picture with its dream takes one worker, about."""
JOBS_LOOKED_AT: Final = 64
"""Jobs that are looked at, at most, to tell when one more fits."""
DISK_FULL: Final = Text(
    "I've no room for more pictures just now; please ask again later, or tell my operator."
)


class Admitted(NamedTuple):
    """A request with its pictures fetched; the source's size in pixels, and its seconds of one worker."""

    request: DreamRequest
    size: tuple[int, int] | None
    cost: float


class Admission:
    """Checks requests, and counts what unfinished jobs take of the limits.

    `ready_at` tells when an unfinished job is likely to be ready.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        farm: Farm,
        clock: Clock,
        config: Config,
        cost_model: CostModel,
        ready_at: Callable[[str], datetime | None],
    ) -> None:
        limits = config.queue
        self.limits = Limits(limits.member_seconds, limits.server_seconds, limits.total_seconds)
        self.byte_limits = Limits(limits.member_bytes, limits.server_bytes, limits.total_bytes)
        self.uploads = ByteSemaphore(UPLOADS_IN_MEMORY)
        self._engine, self._farm, self._clock, self._cost_model = engine, farm, clock, cost_model
        self._ready_at = ready_at
        self._picture_limits = picture_limits(config)
        self._least_free = config.store.free_bytes
        self._is_disk_full = False

    @asynccontextmanager
    async def admit(self, id: str, request: DreamRequest) -> AsyncIterator[Admitted]:
        """Count a job to be from before it is stored, so that of many at once none exceeds a limit.

        Its uploads are fetched once there is room for them, and in memory within the block, which is to store
        it; if that raises, the job is not counted any more. Raises PictureError, LimitReached and Refused.
        """
        size = request.input_bytes
        self._check_disk(size)
        self._check_bytes(request, size)
        self.byte_limits.reserve(id, _reservation(request, size))
        try:
            async with self.uploads.hold(request.upload_bytes):
                admitted = await self._read(request)
                self._check_seconds(request, admitted.cost)
                self.limits.reserve(id, _reservation(request, admitted.cost))
                yield admitted
        except BaseException:
            self.release(id)
            raise

    def count(self, job: Job) -> None:
        """Count an unfinished job, if it is not counted yet."""
        self.limits.reserve(job.id, _reservation(job, job.cost))
        self.byte_limits.reserve(job.id, _reservation(job, job.input_bytes))

    def release(self, id: str) -> None:
        """Count a job no more; nothing happens if it was not counted."""
        self.limits.release(id)
        self.byte_limits.release(id)

    async def _read(self, request: DreamRequest) -> Admitted:
        """Fetch and probe a request's pictures."""
        if isinstance(request.source, Upload):
            request = dataclasses.replace(request, source=await request.source.fetch())
        if isinstance(request.guide, Upload):
            request = dataclasses.replace(request, guide=await request.guide.fetch())
        found = await self._probe(request.source)
        await self._probe(request.guide)
        size = (found.width, found.height) if found else None
        moves = request.kind is Kind.DREAM and not request.variants
        frames = found.frames if found and moves else 1
        if moves and request.recipe.dreams_clip(frames):
            request = dataclasses.replace(request, kind=Kind.ZOOM)
        return Admitted(request, size, self._cost(request, found, frames))

    async def _probe(self, picture: bytes | Upload | KeptPicture | None) -> Probe | None:
        """What a picture is; None where there is none, or it cannot be told."""
        if isinstance(picture, KeptPicture):
            if picture.width and picture.height:
                moves = picture.frames > 1
                size = picture.width, picture.height
                return Probe(*size, picture.format, animated=moves, frames=picture.frames)
            return None
        if not isinstance(picture, bytes):
            return None
        try:
            return await asyncio.wait_for(self._farm.probe(picture, self._picture_limits), PROBE_TIMEOUT)
        except PictureError:
            raise
        except Exception as error:  # a farm in trouble must not turn people away: the dream will tell
            log.info("a picture is admitted without a probe: %r", error)
            return None

    def _cost(self, request: DreamRequest, source: Probe | None, frames: int) -> float:
        """What a request is likely to take one worker, in seconds."""
        if request.kind.is_comparison:
            return COMPARISON_SECONDS
        count = len(request.variants)
        recipes = [on_sheet(one.recipe, count) for one in request.variants] or [request.recipe]
        size = (source.width, source.height) if source else (DEFAULT_SIZE, DEFAULT_SIZE)
        return sum(
            self._cost_model.seconds(recipe, *size, frames, film_format(recipe, source) or "mp4")
            for recipe in recipes
        )

    def _check_disk(self, size: int) -> None:
        """Raises Refused where this many bytes more would leave too little of the disk."""
        free = free_bytes(self._engine) if self._least_free else None
        was_full, self._is_disk_full = self._is_disk_full, free is not None and free - size < self._least_free
        if self._is_disk_full and free is not None:
            if not was_full:
                log.error(
                    "the database's disk has %d MB left, less than store.free_bytes (%d MB): dreams are "
                    "refused until there is more; lower privacy.total_bytes, or make room",
                    free // 1_000_000,
                    self._least_free // 1_000_000,
                )
            raise Refused(DISK_FULL)

    def _check_bytes(self, request: DreamRequest, size: int) -> None:
        if not size or request.kind is Kind.DAILY:
            return
        if excess := self.byte_limits.excess(_reservation(request, size)):
            raise LimitReached(
                Text(
                    "{subject} {size} MB of pictures in line, as many as fit; please send a smaller "
                    "one, or ask again when some of those dreams are done.",
                    subject=excess.subject,
                    size=f"{excess.reserved / 1e6:.0f}",
                )
            )

    def _check_seconds(self, request: DreamRequest, cost: float) -> None:
        if request.kind is Kind.DAILY:
            return
        if cost > self.limits.server:  # whoever waits behind it would wait as long
            raise LimitReached(
                CountedText(
                    "That dream would take about {count} minute, longer than I dream at a time; please ask "
                    "for a smaller size, fewer steps or fewer seconds.",
                    "That dream would take about {count} minutes, longer than I dream at a time; please ask "
                    "for a smaller size, fewer steps or fewer seconds.",
                    round(cost / 60),
                )
            )
        own = request.member_seconds, request.server_seconds
        if excess := self.limits.excess(_reservation(request, cost), *own):
            raise LimitReached(
                Text(
                    "{subject} as many dreams in line as fit; please ask again {when}, when some of "
                    "them are done.",
                    subject=excess.subject,
                    when=countdown(self._room_at(excess), self._clock.now()),
                )
            )

    def _room_at(self, excess: Excess) -> datetime:
        """When enough of the jobs that reach a limit are ready, as their own messages tell it."""
        now, over = self._clock.now(), excess.over
        ends = sorted((self._ready_at(id) or now, id) for id in excess.ids[:JOBS_LOOKED_AT])
        while over > 0 and ends:
            now, id = ends.pop(0)
            over -= self.limits.reservations[id].amount
        return now


def _reservation(whose: Job | DreamRequest, amount: float) -> Reservation:
    return Reservation(whose.member_id or 0, whose.guild_id or 0, amount)
