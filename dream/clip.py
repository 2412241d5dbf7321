"""Dreaming a moving picture: from its file to that of its dream.

Frames stream through: decoded one by one, dreamt coherently (`dream.coherence`), and written one by one. A
morph makes a film of a picture, too, whose frames are all the same.
"""

import dataclasses
import itertools
import secrets
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from dream.checkpoint import Checkpoint
from dream.clip_reader import ClipReader
from dream.clip_writer import Master, write
from dream.coherence import FrameDreamer, State, mixture
from dream.dreamer import Picture, Progress, Report, source_pixels
from dream.formats import ClipFormat, clip_format
from dream.octaves import CLOSING, FRAME_STEPS, FRAMES_PER_SECOND, closing, film_size, writing_work
from dream.octaves import frames as frames_of
from dream.picture import DEFAULT_LIMITS, Limits, PictureError, Pixels, contents, probe, resize
from dream.recipe import Recipe
from dream.texts import Text

SAVE_SECONDS = 3.0
"""The least time between two checkpoints."""


def dream_clip(
    clip: Picture,
    recipe: Recipe | str,
    path: Path | str,
    *,
    max_bytes: int = 0,
    resume: Path | None = None,
    limits: Limits = DEFAULT_LIMITS,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> Report:
    """Dream a clip (an animated picture or a film; its path, contents or file object) to a file at `path`.

    The suffix of `path` says what it becomes: .mp4, .gif or .webp. The file has at most `max_bytes` (0: no
    bound), for which it is made smaller, and shorter only if that is not enough; the report says how large it
    became. An MP4 keeps a film's sound. A GIF or WebP loops without a jump wherever the clip itself does.

    A morph, such as "block8 > block11", moves through its recipes from the first frame to the last. It makes
    a film of a still picture, of pixels, or of None, a sky; the recipe's `seconds` say how long.

    In the folder `resume` it is noted every few seconds how far the dream has come. If the process dies, the
    same call with the same folder goes on from there; otherwise the folder is removed at the end.

    `on_progress` is called after every frame, whose number is the `step`; the other `options` are those of
    `dream.dreamer.dream`, and so are the errors.
    """
    began = time.perf_counter()
    path = Path(path)
    recipe = Recipe.parse(recipe) if isinstance(recipe, str) else recipe
    if recipe.seed is None:
        recipe = dataclasses.replace(recipe, seed=secrets.randbelow(2**32))
    format = clip_format(path)
    with _opened(clip, recipe, limits) as reader, _folder(resume) as folder:
        size = film_size(recipe, reader.width, reader.height)
        dreamer = FrameDreamer(recipe, limits=limits, **options)
        loops = (reader.loops or format != "mp4") and recipe.returns
        with Master(folder, size) as master:
            work = _Work(dreamer, master, folder, on_progress, format, loops=loops, saves=resume is not None)
            work.dream(reader.frames(size), reader.count)
        sound = reader.sound() if format == "mp4" else None
        written = write(master, path, format, max_bytes=max_bytes, recipe=str(recipe), sound=sound)
    return dataclasses.replace(
        dreamer.report,
        recipe=str(recipe),
        width=written.width,
        height=written.height,
        steps=dreamer.steps,
        seconds=round(time.perf_counter() - began, 3),
        frames=written.frames,
        fitted=written.fitted,
    )


class _Picture:
    """A picture, read as by a `ClipReader`: a clip in which nothing moves, as long as a morph's `seconds`."""

    loops = False

    def __init__(self, picture: Picture, recipe: Recipe, limits: Limits) -> None:
        self._pixels, (self.width, self.height), _ = source_pixels(picture, recipe, limits)
        self.count = frames_of(recipe)

    def frames(self, size: tuple[int, int]) -> Iterator[tuple[Pixels, float]]:
        """The same frame again and again, with the seconds for which each is shown."""
        frame = np.clip(resize(self._pixels, *size), 0, 1)
        return itertools.repeat((frame, 1 / FRAMES_PER_SECOND), self.count)

    def sound(self) -> Iterator[bytes]:
        """Nothing."""
        yield from ()


def _opened(clip: Picture, recipe: Recipe, limits: Limits) -> AbstractContextManager[ClipReader | _Picture]:
    """A clip, or for a morph a picture, open for reading. Raises PictureError."""
    if clip is None or isinstance(clip, np.ndarray):
        if not recipe.is_morph:
            raise PictureError(
                Text("Only a morph, such as serpents > coral, makes a film of what does not move.")
            )
        return nullcontext(_Picture(clip, recipe, limits))
    data = contents(clip)
    if recipe.is_morph and probe(data, limits).frames == 1:
        return nullcontext(_Picture(data, recipe, limits))
    return ClipReader(data, limits)


class _Work:
    """A clip's frames on their way from the dreamer to the master.

    If it `loops`, the last ones, at most `CLOSING`, are held back until the end is known. Then they are
    dreamt a second time, backwards from the first frame, and one dream passes into the other. With `saves`, a
    checkpoint is kept in `folder`.
    """

    def __init__(
        self,
        dreamer: FrameDreamer,
        master: Master,
        folder: Path,
        on_progress: Callable[[Progress], None],
        format: ClipFormat,
        *,
        loops: bool,
        saves: bool,
    ) -> None:
        self._dreamer, self._master, self._folder = dreamer, master, folder
        self._on_progress, self._format, self._loops, self._saves = on_progress, format, loops, saves
        self._first: State | None = None
        self._scene: Pixels
        self._held: deque[tuple[State, Pixels, float]] = deque()
        self._done = self._total = self._expected = 0
        self._saved = time.monotonic()

    def dream(self, frames: Iterator[tuple[Pixels, float]], expected: int) -> None:
        """Dream all `frames`, about as many as `expected`."""
        self._expected = expected
        self._total = expected + self._led(expected)
        if self._saves and (checkpoint := Checkpoint.load(self._folder)):
            self._go_on(checkpoint)
        for frame, seconds in itertools.islice(frames, self._done, None):
            state = self._dreamer.dream(frame, self._position(self._done))
            self._first = self._first or state
            self._report(state)
            self._held.append((state, self._dreamer.scene.source, seconds))
            while len(self._held) > (CLOSING if self._loops else 0):
                self._write()
        while len(self._held) > self._led(self._done):
            self._write()
        self._close_loop()

    def _led(self, count: int) -> int:
        """How many of `count` frames lead into the first."""
        return closing(count) if self._loops else 0

    def _close_loop(self) -> None:
        """Write the frames held back, so that they lead into the first."""
        if self._first is None or not self._held:
            return
        tail = [state.frame for state, _, _ in reversed(self._held)]
        backwards = self._dreamer.dream_back(tail, self._first)
        missing = len(self._held) - len(backwards)
        for number, (state, _, seconds) in enumerate(self._held):
            if number >= missing:
                share = (number - missing + 1) / (len(backwards) + 1)
                state = mixture(state, backwards[len(self._held) - 1 - number], share)
            self._report(state)
            self._master.add(self._dreamer.finished(state), seconds)

    def _write(self) -> None:
        """Write the frame that has been held for longest."""
        state, scene, seconds = self._held.popleft()
        self._master.add(self._dreamer.finished(state), seconds)
        if self._saves and self._first and time.monotonic() - self._saved > SAVE_SECONDS:
            self._master.split()
            dreamer, master = self._dreamer, self._master
            values = (str(dreamer.recipe), master.size, master.frames, master.files, master.seconds)
            Checkpoint(*values, dreamer.steps, dreamer.report, self._first, state, scene).save(self._folder)
            self._saved = time.monotonic()

    def _go_on(self, checkpoint: Checkpoint) -> None:
        if (checkpoint.recipe, checkpoint.size) != (str(self._dreamer.recipe), self._master.size):
            return
        first, last, scene = checkpoint.first, checkpoint.last, checkpoint.scene
        position = self._position(checkpoint.frames - 1)
        self._dreamer.go_on(first, last, scene, checkpoint.report, checkpoint.steps, position)
        self._master.go_on(checkpoint.files, checkpoint.frames, checkpoint.seconds)
        self._first, self._done = first, checkpoint.frames

    def _position(self, frame: int) -> float:
        """Where in a morph a frame is, from 0 to 1."""
        return min(frame / max(self._expected - 1, 1), 1.0)

    def _report(self, state: State) -> None:
        self._done += 1
        preview = partial(self._dreamer.finished, state)
        total = max(self._done, self._total)
        self._on_progress(Progress(self._done, total, 1, 1, 0.0, self._share_done(total), preview))

    def _share_done(self, total: int) -> float:
        """The share of the work of `total` frames that is done."""
        width, height = self._master.size
        first = sum(octave.work for octave in self._dreamer.scene.plan)
        each = FRAME_STEPS * width * height
        writing = writing_work(self._format, width, height, self._expected)
        return (first + each * self._done) / (first + each * total + writing)


@contextmanager
def _folder(resume: Path | None) -> Iterator[Path]:
    """A temporary folder; or `resume`, which is removed at the end unless this process dies before."""
    if resume is None:
        with TemporaryDirectory(prefix="dreambot-") as temporary:
            yield Path(temporary)
        return
    resume.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield resume
    finally:
        shutil.rmtree(resume, ignore_errors=True)
