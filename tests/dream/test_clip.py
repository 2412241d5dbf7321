"""Clips are dreamt without flicker, from the first frame to the last."""

import itertools
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dream import clip as clip_module
from dream import dream, dream_clip
from dream.clip_reader import ClipReader
from dream.coherence import FrameDreamer, State, mixture, strength
from dream.dreamer import Cancelled, Dreamer, Progress
from dream.flow import motion
from dream.picture import PictureError, Pixels, decode
from dream.recipe import Recipe, RecipeError
from dream.render import Work, render
from tests.support.clips import animation, film, pan

QUICK = "fire4 octaves=2 steps=4 size=160 seed=5"


def dreamt(frames: list[Pixels]) -> list[Pixels]:
    dreamer = FrameDreamer(Recipe.parse(QUICK))
    return [dreamer.finished(dreamer.dream(frame)) for frame in frames]


def flicker(frames: list[Pixels], dreams: list[Pixels]) -> float:
    """The mean change from a frame to the next where it was seen before, for a unit of the dream's change."""
    found = []
    for i in range(1, len(frames)):
        moved = motion(frames[i - 1], frames[i])
        seen = moved.seen[..., 0] > 0.99
        found.append(np.abs(dreams[i] - moved.carry(dreams[i - 1]))[seen].mean())
    return float(np.mean(found)) / distance(frames, dreams)


def distance(frames: list[Pixels], dreams: list[Pixels]) -> float:
    return float(np.mean([np.abs(dream - frame).mean() for frame, dream in zip(frames, dreams, strict=True)]))


def test_a_pan_neither_flickers_nor_fades(samples: dict[str, bytes]) -> None:
    frames = pan(decode(samples["coffee"]), 24)
    dreams = dreamt(frames)
    alone = [Dreamer(frame, Recipe.parse(QUICK)).dream().pixels for frame in frames[:3]]
    assert flicker(frames, dreams) < 0.4 * flicker(frames[:3], alone)
    assert distance(frames[-6:], dreams[-6:]) == pytest.approx(distance(frames[:6], dreams[:6]), rel=0.15)
    assert np.mean(dreams[-1] - frames[-1]) == pytest.approx(np.mean(dreams[0] - frames[0]), abs=0.02)


def test_what_a_pan_uncovers_is_dreamt_and_not_smeared(samples: dict[str, bytes]) -> None:
    frames = pan(decode(samples["coffee"]), 12, step=6)
    dreams = dreamt(frames)
    changes = [np.abs(dream - frame) for frame, dream in zip(frames[6:], dreams[6:], strict=True)]
    border, inner = (
        np.mean([change[:, part].mean() for change in changes]) for part in (np.s_[-40:], np.s_[:80])
    )
    assert border > 0.5 * inner
    columns = np.abs(np.diff(dreams[-1][:, -24:], axis=1)).mean()
    assert columns > 0.5 * np.abs(np.diff(frames[-1][:, -24:], axis=1)).mean(), "no streaks"


def test_a_still_stays_still_and_a_cut_begins_anew(samples: dict[str, bytes]) -> None:
    first, other = (pan(decode(samples[name]), 1)[0] for name in ("coffee", "rocket"))
    frames = [first] * 4 + [other] * 2
    dreams = dreamt(frames)
    assert np.abs(dreams[3] - dreams[0]).mean() < 0.2 * distance([first], [dreams[0]])
    fresh = Dreamer(other, Recipe.parse(QUICK)).dream().pixels
    assert np.abs(dreams[4] - fresh).max() < 1e-5, "nothing of the scene before is left"


def test_a_scene_that_fades_in_brings_its_dream_along(samples: dict[str, bytes]) -> None:
    picture = pan(decode(samples["coffee"]), 1)[0]
    frames = [np.zeros_like(picture), *(picture * np.float32(share / 8) for share in range(1, 9))]
    dreams = dreamt(frames)
    alone = distance([picture], [Dreamer(picture, Recipe.parse(QUICK)).dream().pixels])
    strengths = [distance([frame], [dream]) / alone for frame, dream in zip(frames, dreams, strict=True)]
    assert strengths[1] < 0.4, "it does not flash up out of the dark"
    assert strengths[4] > strengths[1]
    assert strengths[-1] > 0.6


def test_a_mixture_of_dreams_is_no_weaker() -> None:
    changes = np.random.default_rng(1).normal(0, 0.1, (2, 32, 32, 3)).astype(np.float32)
    one, other = (State(np.zeros_like(change), change, change[..., :1]) for change in changes)
    assert strength(mixture(one, other, 0.5).change) == pytest.approx(0.1, rel=0.05)


@pytest.fixture(scope="module")
def swing(samples: dict[str, bytes]) -> bytes:
    """A GIF that loops: a window that moves to and fro."""
    frames = pan(decode(samples["coffee"]), 10)
    return animation(frames + frames[-2:0:-1], "GIF", [60, 30] * 9)


def test_a_gif_stays_one_and_loops_without_a_jump(swing: bytes, tmp_path: Path) -> None:
    path, reported = tmp_path / "dream.gif", list[Progress]()
    report = dream_clip(swing, QUICK, path, on_progress=reported.append)
    image = Image.open(path)
    assert (image.size, getattr(image, "n_frames", 1), image.info["loop"]) == ((160, 96), 18, 0)
    assert (report.width, report.height, report.frames) == (160, 96, 18)
    assert report.recipe == str(Recipe.parse(QUICK))
    assert [progress.step for progress in reported] == list(range(1, reported[-1].steps + 1))
    shares = [progress.done for progress in reported]
    assert shares == sorted(shares) and shares[0] > 1 / len(shares) and 0.8 < shares[-1] < 0.9, (
        "writing is left"
    )
    with ClipReader(path.read_bytes()) as clip, ClipReader(swing) as source:
        dreams, frames = ([frame for frame, _ in each.frames((160, 96))] for each in (clip, source))
    with ClipReader(path.read_bytes()) as clip:
        assert [round(seconds, 2) for _, seconds in clip.frames((160, 96))] == [0.06, 0.03] * 9
    seam = flicker([frames[-1], frames[0]], [dreams[-1], dreams[0]])
    assert seam < 1.6 * flicker(frames, dreams), "from the last frame to the first"


def test_a_film_keeps_its_times_and_its_sound(samples: dict[str, bytes], tmp_path: Path) -> None:
    times = [40, 80, 40, 120, 40, 40]
    data = film(pan(decode(samples["coffee"]), 6), durations=times, sound="aac")
    path = tmp_path / "dream.mp4"
    dream_clip(data, QUICK, path)
    with av.open(str(path)) as container:
        starts = [round(1000 * (frame.time or 0)) for frame in container.decode(video=0)]
        assert [stream.codec_context.name for stream in container.streams.audio] == ["aac"]
        assert Recipe.parse(container.metadata["comment"]) == Recipe.parse(QUICK)
    assert starts == [0, 40, 120, 160, 280, 320]


def test_a_worker_dreams_clips_unless_a_still_is_asked_for(swing: bytes) -> None:
    rendered = render(Work(swing, Recipe.parse(QUICK), max_bytes=200_000))
    assert rendered.filename == "dream.gif"
    assert len(rendered.data) <= 200_000
    assert render(Work(swing, Recipe.parse(f"{QUICK} as=webp"))).filename == "dream.webp"
    assert render(Work(swing, Recipe.parse(f"{QUICK} still"))).filename == "dream.png"


def test_a_cancelled_clip_leaves_nothing_behind(swing: bytes, tmp_path: Path) -> None:
    reported: list[Progress] = []
    path = tmp_path / "dream.gif"
    with pytest.raises(Cancelled):
        dream_clip(swing, QUICK, path, on_progress=reported.append, cancelled=lambda: len(reported) > 3)
    assert not path.exists()
    assert len(reported) == 4


def test_a_clip_whose_process_dies_goes_on_where_it_was(
    samples: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_module, "SAVE_SECONDS", 0.0)
    data = film(pan(decode(samples["coffee"]), 12))
    resume, kept = tmp_path / "resume", tmp_path / "kept"
    whole: list[Progress] = []

    def copy_of_a_dying_process(progress: Progress) -> None:
        whole.append(progress)
        if progress.step == 9:
            shutil.copytree(resume, kept)

    dream_clip(data, QUICK, tmp_path / "whole.mp4", resume=resume, on_progress=copy_of_a_dying_process)
    assert not resume.exists(), "nothing of a clip stays that ended by itself"

    later: list[Progress] = []
    report = dream_clip(data, QUICK, tmp_path / "later.mp4", resume=kept, on_progress=later.append)
    assert [progress.step for progress in later] == [9, 10, 11, 12]
    assert report.frames == 12
    one, other = (
        [frame for frame, _ in read(tmp_path / name, (160, 96))] for name in ("whole.mp4", "later.mp4")
    )
    assert max(np.abs(a - b).mean() for a, b in zip(one, other, strict=True)) < 0.01, "it is the same dream"


def test_what_was_kept_of_another_dream_is_not_used(samples: dict[str, bytes], tmp_path: Path) -> None:
    resume = tmp_path / "resume"
    resume.mkdir()
    (resume / "checkpoint.npz").write_bytes(b"PK\x03\x04 no checkpoint")
    data = film(pan(decode(samples["coffee"]), 3))
    assert dream_clip(data, QUICK, tmp_path / "dream.mp4", resume=resume).frames == 3


def likeness(pixels: Pixels, recipe: str) -> float:
    """The objective of a recipe on a picture."""
    return Dreamer(pixels, f"{recipe} size={max(pixels.shape)} seed=5").ascent.evaluate(pixels)


def test_a_morph_of_a_picture_grows_one_dream_out_of_another(
    samples: dict[str, bytes], tmp_path: Path
) -> None:
    path, reported = tmp_path / "morph.mp4", list[Progress]()
    report = dream_clip(samples["coffee"], f"{QUICK} seconds=1 > fire7", path, on_progress=reported.append)
    assert (report.frames, len(reported)) == (24, 24)
    assert report.layers == ("fire4", "fire7")
    frames = [frame for frame, _ in read(path, (report.width, report.height))]
    first, last = (
        np.mean([likeness(one, "fire4") / likeness(one, "fire7") for one in frames[part]])
        for part in (np.s_[:3], np.s_[-3:])
    )
    assert last < 0.5 * first, "it has become another dream"
    changes = [float(np.abs(b - a).mean()) for a, b in itertools.pairwise(frames)]
    assert max(changes) < 0.4 * np.abs(frames[-1] - frames[0]).mean(), "without a jump"
    middle = (frames[0] + frames[-1]) / 2
    sharpness = [float(np.abs(np.diff(one, axis=1)).mean()) for one in (frames[12], middle)]
    assert np.abs(frames[12] - middle).mean() > 0.25 * np.abs(frames[-1] - frames[0]).mean(), "no fade"
    assert sharpness[0] > sharpness[1]


def test_a_morph_goes_over_a_clip_and_begins_scenes_where_it_is(samples: dict[str, bytes]) -> None:
    first, other = (pan(decode(samples[name]), 1)[0] for name in ("coffee", "rocket"))
    dreamer = FrameDreamer(Recipe.parse(f"{QUICK} > fire7"))
    dreamer.dream(first)
    after = dreamer.finished(dreamer.dream(other, 1.0))
    fresh = Dreamer(other, Recipe.parse(QUICK.replace("fire4", "fire7"))).dream().pixels
    assert np.abs(after - fresh).max() < 1e-4


def test_a_morph_that_returns_closes_its_loop(samples: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "morph.gif"
    dream_clip(samples["coffee"], f"{QUICK} seconds=1 > fire7 > fire4", path)
    frames = [frame for frame, _ in read(path, (160, 106))]
    changes = [float(np.abs(b - a).mean()) for a, b in itertools.pairwise([*frames, frames[0]])]
    assert changes[-1] < 1.5 * np.mean(changes)


def test_only_a_film_can_be_a_morph(samples: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="A morph becomes a film"):
        dream(samples["coffee"], "fire4 > fire7")
    with pytest.raises(PictureError, match="Only a morph"):
        dream_clip(None, QUICK, tmp_path / "dream.mp4")


def test_a_worker_makes_a_film_of_a_morph(samples: dict[str, bytes]) -> None:
    rendered = render(Work(samples["coffee"], Recipe.parse(f"{QUICK} seconds=1 > fire7")))
    assert (rendered.filename, rendered.report and rendered.report.frames) == ("dream.mp4", 24)


def read(path: Path, size: tuple[int, int]) -> list[tuple[Pixels, float]]:
    with ClipReader(path.read_bytes()) as clip:
        return list(clip.frames(size))
