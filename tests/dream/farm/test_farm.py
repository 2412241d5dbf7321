"""The farm of one machine: a real Dask scheduler and real worker processes, with dreams that only pretend."""

import asyncio
import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import dask
import psutil
import pytest
import pytest_asyncio
from distributed import Client
from distributed.security import Security
from PIL import Image

from dream.dreamer import Cancelled
from dream.farm import Farm, FarmError
from dream.picture import PictureError
from dream.picture_folder import PREFIX
from dream.recipe import RecipeError
from dream.render import Progress
from tests.support import farm_dreams
from tests.support.farm_dreams import work

CAT = (Path(__file__).parents[3] / "dream/samples/chelsea.jpg").read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the farm's bot keeps files for its workers."""
    return tmp_path_factory.mktemp("temporary")


@pytest_asyncio.fixture(scope="module")
async def farm(folder: Path) -> AsyncIterator[Farm]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        async with Farm(
            memory_limit="600MB", cancel_timeout=0.5, render=farm_dreams.render, warm=farm_dreams.warm
        ) as farm:
            yield farm


async def pid(farm: Farm) -> int:
    return int((await farm.dream(os.urandom(4).hex(), work(""))).data)


async def until(true: Callable[[], object]) -> None:
    """Wait for something that another process does."""
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def started(note: Path) -> None:
    await until(lambda: note.exists() and note.read_text())


def attempts(note: Path) -> int:
    return len(note.read_text().splitlines())


def found(folder: Path, pattern: str) -> list[Path]:
    return [*folder.glob(pattern)]


async def test_a_dream_tells_its_progress_and_comes_back(farm: Farm) -> None:
    heard: list[Progress] = []
    rendered = await farm.dream("progress", work("sleep=1"), heard.append)
    assert rendered.filename == "dream.png"
    assert int(rendered.data) != os.getpid()
    assert heard[0].preview == b"preview"
    assert [progress.step for progress in heard] == sorted(progress.step for progress in heard)
    assert 3 <= len(heard) <= 6, "progress is thinned out, whatever the speed of the steps"


async def test_a_dream_that_takes_much_longer_than_it_should_is_stopped(farm: Farm) -> None:
    before = await pid(farm)
    late = dataclasses.replace(work("sleep=60"), deadline=0.3)
    async with asyncio.timeout(20):
        with pytest.raises(RecipeError, match="much longer than it should"):
            await farm.dream("late", late)
    assert await pid(farm) == before


async def test_a_dream_that_does_not_stop_at_its_deadline_does_not_keep_its_worker(
    farm: Farm, tmp_path: Path
) -> None:
    late = dataclasses.replace(work(f"note={tmp_path}/late hang=60"), deadline=0.3)
    async with asyncio.timeout(50):
        with pytest.raises(FarmError, match="three times"):
            await farm.dream("hanging", late)
    assert attempts(tmp_path / "late") == 3


async def test_a_large_picture_reaches_every_worker_that_needs_it_and_nothing_is_left_of_it(
    farm: Farm, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(FarmError, match="stopped its worker three times"):
        await farm.dream("large", work(f"note={tmp_path}/large die".ljust(2_000_000)))
    assert attempts(tmp_path / "large") == 3
    with pytest.raises(PictureError):
        await farm.probe(b"no picture" * 200_000)
    assert len(found(folder, f"{PREFIX}*")) == 1 and not found(folder, f"{PREFIX}*/*")


async def test_pictures_are_looked_at_beside_a_dream(farm: Farm, tmp_path: Path) -> None:
    dreaming = asyncio.create_task(farm.dream("busy", work(f"note={tmp_path}/on sleep=60")))
    await started(tmp_path / "on")
    probe = await farm.probe(CAT)
    assert (probe.width, probe.height, probe.format) == (451, 300, "JPEG")
    with pytest.raises(PictureError):
        await farm.probe(b"no picture")
    assert not dreaming.done()
    await farm.cancel("busy")
    with pytest.raises(Cancelled):
        await dreaming


async def test_a_look_at_a_picture_survives_its_worker(farm: Farm) -> None:
    file = io.BytesIO()
    Image.frombytes("RGB", (2000, 2000), os.urandom(12_000_000)).save(file, "PNG", compress_level=1)
    worker = await pid(farm)
    looking = asyncio.create_task(farm.probe(file.getvalue()))
    await asyncio.sleep(0.05)
    os.kill(worker, signal.SIGKILL)
    assert (await looking).width == 2000


async def test_dreaming_gives_way_to_other_work_of_the_machine(farm: Farm, tmp_path: Path) -> None:
    worker = await pid(farm)
    await farm.dream("polite", work(f"priority={tmp_path}/priority"))
    assert int((tmp_path / "priority").read_text()) > psutil.Process(worker).nice() == psutil.Process().nice()


@pytest.mark.parametrize(("kind", "error"), [("picture", PictureError), ("recipe", RecipeError)])
async def test_a_refused_dream_says_why(farm: Farm, kind: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"a bad {kind}"):
        await farm.dream(f"refused-{kind}", work(f"refuse={kind}"))


async def test_a_broken_dream_is_one_sentence(farm: Farm) -> None:
    with pytest.raises(FarmError) as caught:
        await farm.dream("broken", work("break"))
    assert str(caught.value).endswith(".")
    assert "ZeroDivision" not in str(caught.value)


async def test_a_cancelled_dream_stops_and_frees_its_worker(farm: Farm, tmp_path: Path) -> None:
    before = await pid(farm)
    dreaming = asyncio.create_task(farm.dream("running", work(f"note={tmp_path}/on sleep=60")))
    waiting = asyncio.create_task(farm.dream("waiting", work(f"note={tmp_path}/waited")))
    dropped = asyncio.create_task(farm.dream("dropped", work(f"note={tmp_path}/dropped")))
    await started(tmp_path / "on")
    await farm.cancel("dropped")
    await farm.cancel("running")
    for cancelled in (dreaming, dropped):
        with pytest.raises(Cancelled):
            await cancelled
    assert int((await waiting).data) == before
    assert not (tmp_path / "dropped").exists()


async def test_giving_up_a_call_stops_its_dream(farm: Farm, tmp_path: Path) -> None:
    before = await pid(farm)
    dreaming = asyncio.create_task(farm.dream("given-up", work(f"note={tmp_path}/on sleep=60")))
    await started(tmp_path / "on")
    dreaming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dreaming
    assert await pid(farm) == before


async def test_a_dream_that_hangs_after_its_cancel_loses_its_worker(farm: Farm, tmp_path: Path) -> None:
    before = await pid(farm)
    dreaming = asyncio.create_task(farm.dream("hanging", work(f"note={tmp_path}/on hang=60")))
    await started(tmp_path / "on")
    await farm.cancel("hanging")
    with pytest.raises(Cancelled):
        await dreaming
    assert await pid(farm) != before


async def test_a_killed_worker_dreams_again(farm: Farm, tmp_path: Path) -> None:
    note = tmp_path / "attempts"
    dreaming = asyncio.create_task(farm.dream("killed", work(f"note={note} until={tmp_path}/killed")))
    await started(note)
    os.kill(int(note.read_text()), signal.SIGKILL)
    (tmp_path / "killed").touch()
    await dreaming
    assert attempts(note) == 2


async def test_a_killer_fails_alone(farm: Farm, tmp_path: Path) -> None:
    killer = asyncio.create_task(farm.dream("killer", work(f"note={tmp_path}/killer die")))
    await asyncio.sleep(0)
    good = [asyncio.create_task(farm.dream(f"good-{i}", work("sleep=0.05"))) for i in range(20)]
    with pytest.raises(FarmError, match="three times"):
        await killer
    assert attempts(tmp_path / "killer") == 3
    assert len(await asyncio.gather(*good)) == 20


async def test_a_worker_over_its_memory_limit_is_restarted(farm: Farm, tmp_path: Path) -> None:
    with pytest.raises(FarmError, match="three times"):
        await farm.dream("hog", work(f"note={tmp_path}/hog hog=800"))
    assert attempts(tmp_path / "hog") == 3
    await pid(farm)


async def test_nothing_of_the_farm_can_be_reached_from_outside(farm: Farm) -> None:
    await pid(farm)
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


async def test_a_waiting_dream_takes_whichever_worker_is_free_first(tmp_path: Path) -> None:
    async with Farm(workers=2, render=farm_dreams.render, warm=farm_dreams.warm) as farm:
        assert farm.capacity == 2
        pair = [asyncio.create_task(farm.dream(f"{i}", work(f"note={tmp_path}/{i} sleep=60"))) for i in "ab"]
        await started(tmp_path / "a")
        await started(tmp_path / "b")
        waiting = [asyncio.create_task(farm.dream(f"short-{i}", work(""))) for i in range(2)]
        await asyncio.sleep(0)
        await farm.cancel("b")
        async with asyncio.timeout(30):
            await asyncio.gather(*waiting)
        assert not pair[0].done()


async def test_closing_does_not_wait_for_warming_or_dreaming(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    farm = Farm(render=farm_dreams.render, warm=farm_dreams.warm_slowly)
    async with asyncio.timeout(2.5):
        await farm.start()
        await until(lambda: set(psutil.Process().children()) - before)
        await farm.close()
    assert set(psutil.Process().children()) == before


async def test_workers_die_with_a_killed_bot(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from tests.support import farm_dreams
from dream.farm import Farm

async def main():
    farm = Farm(workers=2, render=farm_dreams.render, warm=farm_dreams.warm)
    await farm.start()
    dream = farm.dream("only", farm_dreams.work(f"note={sys.argv[1]} sleep=60"))
    await asyncio.gather(dream, farm.dream("other", farm_dreams.work(f"note={sys.argv[2]} hang=60")))

if __name__ == "__main__":
    asyncio.run(main())
"""
    (tmp_path / "a_bot.py").write_text(program)
    notes = [tmp_path / "one", tmp_path / "two"]
    bot = psutil.Popen([sys.executable, tmp_path / "a_bot.py", *notes])
    for note in notes:
        await started(note)
    processes = bot.children(recursive=True)
    assert len(processes) >= 2
    bot.send_signal(signal.SIGKILL)
    bot.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, 10)
    assert not alive


async def test_importing_the_farm_imports_neither_dask_nor_tensorflow() -> None:
    check = (
        "import sys, dream.farm; sys.exit(not sys.modules.keys().isdisjoint({'distributed', 'tensorflow'}))"
    )
    assert await asyncio.to_thread(subprocess.call, [sys.executable, "-c", check]) == 0


async def test_whoever_has_not_the_keys_gets_nothing_of_the_farm(farm: Farm) -> None:
    """Another process of this very user, on this very machine."""
    await pid(farm)
    address = (await farm.status()).scheduler
    others = Security.temporary()
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        for there, security in ((address, others), (address.replace("tls:", "tcp:"), None)):
            with pytest.raises((OSError, RuntimeError)):
                await Client(there, asynchronous=True, security=security, timeout=1)


async def test_workers_inherit_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "the token")
    monkeypatch.setenv("DREAMBOT_STORE__URL", "postgresql://me:secret@db/dreams")
    async with Farm(render=farm_dreams.render, warm=farm_dreams.warm) as farm:
        environment = psutil.Process(await pid(farm)).environ()
    assert not {"DISCORD_TOKEN", "DREAMBOT_STORE__URL"} & set(environment)


async def test_workers_that_never_live_are_mentioned(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dream.farm.NO_WORKER_ALERT_SECONDS", 0.5)
    monkeypatch.setattr("dream.farm.WATCH_SECONDS", 0.1)
    async with Farm(memory_limit="30MB", render=farm_dreams.render, warm=farm_dreams.warm) as farm:
        await until(lambda: farm.warning and "memory" in farm.warning)
        assert farm.warning in (await farm.status()).warnings
    pauses = [line.split()[-2] for line in caplog.messages if line.startswith("A worker ended")]
    assert pauses == [f"{0.1 * 2**number:g}" for number in range(len(pauses))]


async def test_a_worker_that_cannot_start_is_tried_ever_more_seldom_with_a_line_each(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with Farm(render=farm_dreams.render, warm=farm_dreams.warm_in_vain):
        await until(lambda: caplog.text.count("trying again") == 2)
    assert [line.split()[-2] for line in caplog.messages if "did not start" in line] == ["1", "2"]
    said = capfd.readouterr().err
    heard = [json.loads(line)["event"] for line in said.splitlines()]
    assert heard == ["A worker cannot get ready: ValueError: no such weights"] * 2


def workers() -> set[psutil.Process]:
    return {each for each in psutil.Process().children() if "spawn_main" in " ".join(each.cmdline())}


async def test_a_worker_killed_while_it_starts_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    others = workers()
    async with Farm(render=farm_dreams.render, warm=farm_dreams.warm_slowly) as farm:
        await until(lambda: workers() - others)
        await asyncio.sleep(0.5)
        for starting in workers() - others:
            starting.kill()
        await until(lambda: "trying again" in caplog.text)
        await pid(farm)
