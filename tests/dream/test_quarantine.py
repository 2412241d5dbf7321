"""Hostile and damaged pictures: each is refused in a sentence or decoded, at a bounded cost."""

import contextlib
import io
import os
import random
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from bench.hostile import mutated_photographs
from dream import quarantine
from dream.formats import Limits, PictureError
from dream.picture import decode, probe
from dream.structure import check
from tests.support import hostile_pictures as hostile


def server() -> psutil.Process:
    """The process that forks one for every picture."""
    quarantine.start()
    alive = (child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE)
    (found,) = (child for child in alive if "decoder_process" in " ".join(child.cmdline()))
    return found


def encoded(format: str, **options: object) -> bytes:
    image = Image.linear_gradient("L").convert("RGB").resize((90, 60))
    data = io.BytesIO()
    image.save(data, format, **options)
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (hostile.jpeg_of_scans(10_000), "more than 100 scans"),
        (b"\xff\xd8" + b"\xff\xe1\0\2" * 1_000_000, "more than 5000 segments"),
        (hostile.png(64, 64, extra=hostile.chunk(b"tEXt", b"a\0b") * 60_000), "more than 50000 chunks"),
        (hostile.png(50_000, 50_000, color=0, depth=1), "50000 × 50000"),
        (hostile.png(7000, 7000, color=6, depth=16), "too much time or memory"),
        (hostile.png(1, 50_000_000), "sides have at most 65535"),
        (hostile.gif_of_comments(1_000_000), "more than 200000 blocks"),
        (hostile.gif_of_frames(100_000), "more than 1000 frames"),
        (hostile.tiff((273, 4, 5_000_000, 8)), "more than 100000 strips"),
        (hostile.tiff((322, 4, 1, 65536), (323, 4, 1, 65536)), "65536 × 65536"),
        (hostile.tiff(*((40_000 + i, 3, 1, 0) for i in range(1000))), "more than 1000 tags"),
        (hostile.webp(16_000, 16_000), "16000 × 16000"),
        (hostile.webp(7000, 7000), "too much time or memory"),
        (hostile.heic_grid(64, 4096), "more than 100 megapixels in its tiles"),
        (hostile.heic_grid(2500, 64), "more than 2000"),
        (hostile.heic_grid(1, 60_000), "60000 × 60000"),
    ],
)
def test_what_no_photograph_needs_is_refused_before_it_is_decoded(data, said):
    with pytest.raises(PictureError, match=said):
        probe(data)


def test_a_progressive_jpeg_of_a_photographs_scans_is_decoded():
    assert decode(hostile.jpeg_of_scans(10, side=640)).shape == (640, 640, 3)


def test_an_offset_beyond_any_file_is_that_of_a_damaged_one():
    big = b"MM\0+\0\x08\0\0" + b"\xff" * 8 + bytes(64)  # a BigTIFF whose first page is at 2^64 - 1
    check(big, "TIFF", Limits())
    with pytest.raises(PictureError, match="damaged"):
        probe(big)


def test_a_picture_that_takes_too_long_is_refused():
    with pytest.raises(PictureError, match="too much time or memory"):
        probe(hostile.slow_png(9500), Limits(seconds=1, pixels=100_000_000, memory=700_000_000))


def test_a_picture_that_takes_too_much_memory_is_refused():
    data = hostile.png(4000, 4000, row=bytes(1 + 4000 * 3))
    assert probe(data).width == 4000
    with pytest.raises(PictureError, match="too much time or memory"):
        probe(data, Limits(memory=40_000_000))


def test_a_process_that_does_not_answer_is_killed(monkeypatch):
    data = hostile.slow_png()
    forks = server()
    monkeypatch.setattr(quarantine, "DEADLINE", 0.2)
    with pytest.raises(PictureError, match="too much time or memory"):
        probe(data)
    deadline = time.monotonic() + 10
    while forks.children() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not forks.children()


def test_a_hostile_picture_does_not_keep_others_waiting():
    data = hostile.slow_png()
    server()
    ended = threading.Event()

    def slow():
        try:
            probe(data)
        except PictureError:
            pass
        finally:
            ended.set()

    thread = threading.Thread(target=slow)
    thread.start()
    assert probe(encoded("JPEG")).width == 90
    assert not ended.is_set()
    thread.join()


def test_the_processes_know_no_secret_and_end_with_their_program():
    code = (
        "import psutil\n"
        "from dream import quarantine\n"
        "quarantine.start()\n"
        "child, = psutil.Process().children()\n"
        "print(child.pid, 'DISCORD_TOKEN' in str(child.environ()), child.cwd())"
    )
    environment = os.environ | {"DISCORD_TOKEN": "secret"}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    pid, knows_it, folder = answer.stdout.split()
    assert (knows_it, folder) == ("False", "/")
    deadline = time.monotonic() + 10
    while psutil.pid_exists(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not psutil.pid_exists(int(pid))


WITHOUT_RIGHTS = """
import os, resource, socket, sys
from dream.decoder_process import _give_up_rights, landlock
from dream.formats import Limits

ours, theirs = socket.socketpair()
mine = os.path.join(sys.argv[1], "mine")
open(mine, "w").close()
landlock()
if os.fork() == 0:
    _give_up_rights(Limits())
    for act in sys.argv[2:]:
        try:
            eval(act)
            ours.send(b"+")
        except (OSError, ValueError):
            ours.send(b"-")
    os._exit(0)
os.wait()
print(theirs.recv(100).decode(), landlock() is not None, os.path.exists(mine))
"""


@pytest.mark.parametrize(
    ("needs_landlock", "acts"),
    [
        (False, ["open('/etc/passwd')", "open(mine)", "os.listdir('/')", "socket.socket()", "os.pipe()"]),
        (True, ["os.unlink(mine)", "os.mkdir(mine + '2')", "os.rename(mine, mine + '2')"]),
        (True, ["os.kill(os.getppid(), 0)", "os.execv(sys.executable, ['python'])"]),
    ],
)
def test_a_process_that_decodes_can_do_nothing_else(needs_landlock, acts, tmp_path):
    program = [sys.executable, "-c", WITHOUT_RIGHTS, str(tmp_path), *acts]
    said = subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()
    if needs_landlock and said[1] == "False":
        pytest.skip("this kernel has no Landlock")
    assert said[0] == "-" * len(acts) and said[2] == "True"


def test_a_descriptor_limit_that_root_raises_again_opens_no_file(tmp_path):
    raised = "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))"
    connects = "socket.socket().connect(('127.0.0.1', 9))"
    program = [sys.executable, "-c", WITHOUT_RIGHTS, str(tmp_path), raised, "open(mine)", connects]
    said = subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()
    if said[1] == "False":
        pytest.skip("this kernel has no Landlock")
    assert said[0][1:] == "--"


def test_a_server_that_was_killed_is_started_again():
    first = server()
    first.kill()
    assert probe(encoded("PNG")).height == 60
    assert server().pid != first.pid


def test_nothing_is_left_open():
    probe(encoded("JPEG"))
    before = psutil.Process().num_fds()
    for data in (encoded("JPEG"), b"GIF89a<script>", hostile.heic_grid(64, 4096), encoded("PNG")[:200]) * 5:
        with contextlib.suppress(PictureError):
            decode(data)
    assert psutil.Process().num_fds() == before


def photograph_with_exif() -> tuple[bytes, int]:
    """A JPEG with EXIF that says it lies on its side, and where that EXIF begins."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.DateTime] = "2020:01:01 00:00:00"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 31.0, 0.0)})
    exif.get_ifd(ExifTags.IFD.Exif).update({0x829A: (1, 100), 0x9003: "2020:01:01 00:00:00"})
    data = encoded("JPEG", exif=exif)
    return data, data.index(b"Exif\0\0") + 6


@pytest.mark.parametrize(
    ("offset", "value"), [(11, 0), (13, 5), (13, 12), (35, 0), (153, 0), (155, 3), (165, 3), (167, 1)]
)
def test_broken_exif_never_breaks_a_photograph(offset, value):
    """A tag whose type does not fit its value cannot be written back, which nobody needs."""
    whole, start = photograph_with_exif()
    assert decode(whole).shape == (90, 60, 3)
    data = bytearray(whole)
    data[start + offset] = value
    assert decode(bytes(data)).shape in ((90, 60, 3), (60, 90, 3))
    assert probe(bytes(data)).format == "JPEG"


def test_photographs_with_any_damage_to_their_exif_are_decoded():
    """A short form of `python -m bench.hostile mutated`."""
    damaged = mutated_photographs(random.Random(7))
    assert {decode(next(damaged)).shape for _ in range(150)} <= {(120, 160, 3), (160, 120, 3)}


@pytest.mark.parametrize(("compression", "header"), [(3, 40), (3, 56), (3, 124), (6, 40)])
@pytest.mark.parametrize(
    ("masks", "pixels"),
    [
        ((0xFF0000, 0xFF00, 0xFF), [0xFF8000, 0x0000FF]),
        ((0xFF, 0xFF00, 0xFF0000), [0x0080FF, 0xFF0000]),
        ((0xFF00, 0xFF0000, 0xFF000000), [0x0080FF00, 0xFF000000]),
        ((0x3FF00000, 0xFFC00, 0x3FF), [0x3FF << 20 | 0x200 << 10, 0x3FF]),
        ((0xF800, 0x7E0, 0x1F), [0xFC00, 0x1F]),
    ],
)
def test_a_bmp_may_keep_its_channels_in_any_bits(compression, header, masks, pixels):
    found = decode(hostile.bmp(pixels, masks, compression=compression, header=header))
    assert np.round(found * 255) == pytest.approx(np.array([[[255, 128, 0], [0, 0, 255]]]), abs=2)


def test_a_large_avif_is_refused_as_what_it_is():
    data = encoded("AVIF")
    at = data.index(b"ispe") + 8
    large = data[:at] + (16_000).to_bytes(4, "big") * 2 + data[at + 8 :]
    with pytest.raises(PictureError, match="16000 × 16000 pixels"):
        probe(large)


def test_the_pictures_of_a_phone_are_one_photograph():
    """A JPEG followed by another, as phones store a gain map or a preview, is no animation."""
    first, second = (Image.new("RGB", (60, 40), color) for color in ("red", "white"))
    data = io.BytesIO()
    first.save(data, "MPO", save_all=True, append_images=[second])
    found = probe(data.getvalue())
    assert (found.format, found.animated) == ("JPEG", False)


FORMATS = {
    "JPEG": photograph_with_exif()[0],
    "progressive JPEG": encoded("JPEG", progressive=True),
    "PNG": encoded("PNG"),
    "GIF": encoded("GIF", save_all=True, append_images=[Image.new("RGB", (90, 60), "red")]),
    "WebP": encoded("WEBP"),
    "lossless WebP": encoded("WEBP", lossless=True),
    "AVIF": encoded("AVIF"),
    "BMP": encoded("BMP"),
    "TIFF": encoded("TIFF"),
    "compressed TIFF": encoded("TIFF", compression="tiff_lzw"),
}


@given(
    st.sampled_from([*FORMATS, "HEIC"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.booleans(),
    st.floats(0, 1),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_is_decoded_or_refused(data, name, changes, near_start, kept):
    whole = FORMATS.get(name) or (data / "chelsea.heic").read_bytes()
    damaged = bytearray(whole)
    for share, value in changes:
        damaged[int(share * min(len(whole), 300 if near_start else len(whole)))] = value
    try:
        pixels = decode(bytes(damaged[: round(len(whole) * (1 if kept > 0.3 else kept))]))
    except PictureError as error:
        assert str(error).endswith(".")
    else:
        assert np.isfinite(pixels).all()
        assert 0 <= pixels.min() <= pixels.max() <= 1
