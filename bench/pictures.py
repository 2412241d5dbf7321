"""What it costs to open pictures, ordinary, damaged and hostile ones, through the real path.

    python -m bench.pictures                       what a photograph costs, and 2,000 damaged pictures
    python -m bench.pictures --damaged 20000       more of these, of every format, and JPEGs with broken EXIF
    python -m bench.pictures --folder bombs        every file of a folder, one line each

A picture counts as answered if it was decoded or refused in a sentence. Anything else is a failure, as is a
refusal of a sound photograph for its EXIF.
"""

import argparse
import io
import random
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from PIL import ExifTags, Image

from bench.presets import SAMPLES
from bench.table import row
from dream import quarantine
from dream.picture import PictureError, decode, probe

WITHIN = (1024, 1024)


def photographs() -> None:
    """The time that a probe and a decoding take, the middle of twenty."""
    quarantine.start()
    sample = Image.open(io.BytesIO(SAMPLES["astronaut"])).convert("RGB")
    for width, height in ((512, 512), (4000, 3000)):
        data = encoded(sample.resize((width, height)), "JPEG", quality=92)
        for name, read in (
            ("probe", lambda data=data: probe(data)),
            ("decode", lambda data=data: decode(data, within=WITHIN)),
        ):
            row(
                f"{name} a JPEG of {width} × {height}",
                statistics.median(seconds(read) for _ in range(20)) * 1e3,
                "ms",
            )


def seconds(call: Callable[[], object]) -> float:
    """The seconds that `call` takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, format, **options)
    return data.getvalue()


def folder(path: Path) -> None:
    """Probe and decode each file in `path`: the CPU time of the dearer one, the most memory, the answer."""
    quarantine.start()
    (server,) = psutil.Process().children()
    longest, largest = 0.0, 0
    for file in sorted(path.iterdir()):
        data = file.read_bytes()
        answer = ""
        with Watched(server) as watched:
            for read in (probe, lambda data: decode(data, within=WITHIN)):
                try:
                    answer = str(getattr(read(data), "shape", ""))
                except PictureError as error:
                    answer = str(error)
        longest, largest = max(longest, watched.seconds), max(largest, watched.memory)
        print(f"{file.name:28} {watched.seconds:5.2f} s {watched.memory >> 20:4} MiB  {answer}", flush=True)
    row("the most CPU time of a process", longest, "s")
    row("the most memory of a process", largest / 2**20, "MiB")


class Watched:
    """The most CPU time and private memory of any process that `server` forks within the block, sampled."""

    def __init__(self, server: psutil.Process) -> None:
        self.seconds, self.memory = 0.0, 0
        self._server = server
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Watched":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.005):
            for child in self._server.children():
                try:
                    usage, times = child.memory_info(), child.cpu_times()
                except psutil.Error:
                    continue
                self.memory = max(self.memory, usage.rss - usage.shared)
                self.seconds = max(self.seconds, times.user + times.system)


def damaged(count: int, seed: int) -> None:
    """Read `count` damaged pictures of every format, and as many JPEGs with damaged EXIF."""
    chance = random.Random(seed)
    image = Image.open(io.BytesIO(SAMPLES["chelsea"])).convert("RGB").resize((90, 60))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.DateTime] = "2020:01:01 00:00:00"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 31.0, 0.0)})
    exif.get_ifd(ExifTags.IFD.Exif).update({0x829A: (1, 100), 0x927C: b"a maker's note" * 5})
    photograph = encoded(image, "JPEG", exif=exif)
    whole = [
        photograph,
        encoded(image, "JPEG", progressive=True),
        encoded(image, "PNG", exif=exif),
        encoded(image, "GIF", save_all=True, append_images=[image.rotate(90)]),
        encoded(image, "WEBP", exif=exif),
        encoded(image, "WEBP", lossless=True),
        encoded(image, "AVIF"),
        encoded(image, "BMP"),
        encoded(image, "TIFF"),
        encoded(image, "TIFF", compression="tiff_lzw"),
        encoded(image, "TIFF", compression="jpeg"),
        Path("tests/dream/data/chelsea.heic").read_bytes(),
    ]
    before = psutil.Process().num_fds()
    refused = broken = 0
    for _ in range(count):
        try:
            decode(with_damage(chance.choice(whole), chance))
        except PictureError:
            refused += 1
        except Exception as error:
            broken += 1
            print(repr(error))
    row(f"{count} damaged pictures: refused", refused / count)
    row("  neither refused nor decoded", broken)
    start = photograph.index(b"Exif\0\0") + 6
    stop = start + len(exif.tobytes()) - 6
    refused = broken = 0
    for _ in range(count):
        data = bytearray(photograph)
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            data[chance.randrange(start, stop)] = chance.randrange(256)
        try:
            probe(bytes(data))
            decode(bytes(data))
        except PictureError:
            refused += 1
        except Exception as error:
            broken += 1
            print(repr(error))
    row(f"{count} photographs with damaged EXIF: refused", refused)
    row("  neither refused nor decoded", broken)
    row("file descriptors left open", psutil.Process().num_fds() - before)


def with_damage(whole: bytes, chance: random.Random) -> bytes:
    """`whole` cut short, with a stretch replaced, or with some bytes changed."""
    data = bytearray(whole)
    match chance.randrange(4):
        case 0:
            del data[chance.randrange(len(data)) :]
        case 1:
            start = chance.randrange(len(data))
            data[start : start + chance.randrange(50)] = chance.randbytes(chance.randrange(50))
        case near_start:
            for _ in range(chance.choice((1, 2, 5, 20))):
                data[chance.randrange(300 if near_start == 2 else len(data))] = chance.randrange(256)
    return bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--damaged", type=int, default=2000, help="how many damaged pictures of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="read the files of this folder instead")
    arguments = parser.parse_args()
    if arguments.folder:
        folder(arguments.folder)
        return
    photographs()
    damaged(arguments.damaged, arguments.seed)


if __name__ == "__main__":
    main()
