"""What hostile pictures cost, and whether each is answered in one sentence.

    python -m bench.hostile files FOLDER       each file: what is said, CPU time, memory, a neighbour's wait
    python -m bench.hostile mutated [--pictures 20000] [--photographs 12000] [--seed 1]

A picture goes the way that it goes in a worker: probed, then decoded, in processes of its own.
`mutated` damages sound files of ten formats, and the EXIF of photographs, which then must still be read.
"""

import argparse
import io
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from PIL import ExifTags, Image

from bench.table import row
from dream import quarantine
from dream.formats import Limits, PictureError
from dream.picture import decode, probe

ROOT = Path(__file__).parents[1]
SAMPLES = sorted((ROOT / "dream/samples").glob("*.jpg"))
LIMITS = Limits()
BATCH = 200
"""Files that are handed over to the threads at once."""


def answer(data: bytes) -> str:
    """What whoever sends this file is told: a refusal, or "dreamt". Another error is a fault."""
    try:
        probe(data, LIMITS)
        decode(data, LIMITS, (512, 512))
    except PictureError as error:
        return str(error)
    return "dreamt"


class Watch:
    """The CPU seconds and the peak of the memory of the processes that decode, as often as can be read."""

    def __init__(self) -> None:
        quarantine.start()
        assert quarantine._server
        self._server = psutil.Process(quarantine._server[0].pid)
        self._seen: dict[int, tuple[float, int]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        return sum(seconds for seconds, _ in self._seen.values())

    @property
    def megabytes(self) -> float:
        return max((size for _, size in self._seen.values()), default=0) / 1e6

    def _watch(self) -> None:
        while not self._ended.wait(0.005):
            for process in self._server.children():
                try:
                    times = process.cpu_times()
                    size = max(process.memory_info().rss, self._seen.get(process.pid, (0, 0))[1])
                    self._seen[process.pid] = (times.user + times.system, size)
                except psutil.Error:
                    continue


def measure_files(folder: Path) -> None:
    """A row a file: its answer, CPU seconds, memory, and how long an ordinary picture waits beside it."""
    ordinary = SAMPLES[0].read_bytes()
    answer(ordinary)
    began = time.monotonic()
    answer(ordinary)
    row("an ordinary photograph alone", f"{time.monotonic() - began:.2f} s")
    worst = [0.0, 0.0, 0.0]
    for file in sorted(folder.iterdir()):
        data = file.read_bytes()
        with Watch() as watch, ThreadPoolExecutor(1) as pool:
            hostile = pool.submit(answer, data)
            began = time.monotonic()
            answer(ordinary)
            wait = time.monotonic() - began
            said = hostile.result()
        figures = (watch.seconds, watch.megabytes, wait)
        worst = [max(pair) for pair in zip(worst, figures, strict=True)]
        row(f"{file.name} ({len(data) / 1e6:.1f} MB)", "{:.1f} s CPU, {:.0f} MB, {:.2f} s".format(*figures))
        print(f"    {said}")
    row("the worst", "{:.1f} s CPU, {:.0f} MB, a neighbour waits {:.2f} s".format(*worst))


def sound_files() -> dict[str, bytes]:
    """A small picture in ten formats."""
    with Image.open(SAMPLES[1]) as photograph:
        image = photograph.convert("RGB").resize((120, 80))
    other = image.transpose(Image.Transpose.ROTATE_180)

    def saved(format: str, **options: object) -> bytes:
        file = io.BytesIO()
        image.save(file, format, **options)
        return file.getvalue()

    return {
        "JPEG": saved("JPEG", quality=90),
        "progressive JPEG": saved("JPEG", progressive=True),
        "PNG": saved("PNG"),
        "GIF": saved("GIF", save_all=True, append_images=[other]),
        "WebP": saved("WEBP"),
        "lossless WebP": saved("WEBP", lossless=True),
        "AVIF": saved("AVIF"),
        "HEIC": (ROOT / "tests/dream/data/chelsea.heic").read_bytes(),
        "BMP": saved("BMP"),
        "TIFF": saved("TIFF", compression="tiff_lzw"),
    }


def photograph() -> tuple[bytes, range]:
    """A JPEG with a camera's EXIF, and where that is in the file."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Maker", "Model 1"
    exif[ExifTags.Base.DateTime] = "2020:01:01 00:00:00"
    exif[ExifTags.Base.XResolution] = 72.0
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 31.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)})
    exif.get_ifd(ExifTags.IFD.Exif).update({0x829A: 0.01, 0x9003: "2020:01:01 00:00:00", 0x927C: b"note" * 9})
    file = io.BytesIO()
    with Image.open(SAMPLES[2]) as image:
        image.resize((160, 120)).save(file, "JPEG", exif=exif)
    data = file.getvalue()
    start = data.index(b"Exif\0\0") + 6
    return data, range(start, data.index(b"\xff\xdb"))


def damaged(data: bytes, within: range, chance: random.Random) -> bytes:
    """Some bytes of a part changed to others, which are often extreme ones."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 8, 32))):
        at = chance.choice(within)
        changed[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    return bytes(changed)


def mutated_pictures(chance: random.Random) -> Iterator[bytes]:
    """Sound files with bytes changed, cut off, moved or repeated; half of the damage is near the start."""
    files = [*sound_files().values()]
    while True:
        data = chance.choice(files)
        match chance.randrange(6):
            case 0:
                data = data[: chance.randrange(len(data))]
            case 1:
                at, length = chance.randrange(len(data)), chance.randrange(200)
                data = data[:at] + data[at + length :]
            case 2:
                at, length = chance.randrange(len(data)), chance.randrange(200)
                data = data[: at + length] + data[at:]
        if data:
            near = min(len(data), 400) if chance.random() < 0.5 else len(data)
            yield damaged(data, range(near), chance)


def mutated_photographs(chance: random.Random) -> Iterator[bytes]:
    data, exif = photograph()
    while True:
        yield damaged(data, exif, chance)


def measure_mutated(pictures: int, photographs: int, seed: int) -> bool:
    """Rows for both kinds; whether all was as it should be."""
    this, chance = psutil.Process(), random.Random(seed)
    answer(SAMPLES[0].read_bytes())
    before = this.num_fds(), this.memory_info().rss
    processes = len(this.children(recursive=True))
    sound = True
    kinds: list[tuple[str, int, Callable[[random.Random], Iterator[bytes]]]] = [
        ("mutated pictures", pictures, mutated_pictures),
        ("photographs with mutated EXIF", photographs, mutated_photographs),
    ]
    for what, count, make in kinds:
        began, files = time.monotonic(), make(chance)
        with ThreadPoolExecutor(4) as pool:
            answers = Counter[str]()
            for done in range(0, count, BATCH):  # what the executor is given, it keeps in memory
                batch = (next(files) for _ in range(min(BATCH, count - done)))
                answers.update(pool.map(answer, batch))
        dreamt = answers.pop("dreamt", 0)
        odd = [said for said in answers if not said.endswith(".") or "\n" in said or "Error" in said]
        sound &= not odd and (make is mutated_pictures or dreamt == count)
        row(what, f"{count} in {time.monotonic() - began:.0f} s")
        row("  dreamt", f"{dreamt}")
        alike = Counter[str]()
        for said, number in answers.items():
            alike[re.sub(r"\d+", "N", said)] += number
        for said, number in alike.most_common():
            row(f"  {said}"[:100], f"{number}")
        row("  answers that are no sentence", f"{len(odd)}")
    row("descriptors left open", f"{this.num_fds() - before[0]}")
    row("memory kept", f"{(this.memory_info().rss - before[1]) / 1e6:.0f} MB")
    time.sleep(1)  # the last processes end
    row("processes left", f"{len(this.children(recursive=True)) - processes}")
    return sound and this.num_fds() == before[0]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    kinds.add_parser("files").add_argument("folder", type=Path)
    mutated = kinds.add_parser("mutated")
    mutated.add_argument("--pictures", type=int, default=20_000)
    mutated.add_argument("--photographs", type=int, default=12_000)
    mutated.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.kind == "files":
        measure_files(given.folder)
        return 0
    return 0 if measure_mutated(given.pictures, given.photographs, given.seed) else 1


if __name__ == "__main__":
    raise SystemExit(main())
