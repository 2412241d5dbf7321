"""The Dockerfile's steps in a clean Debian root, where no Docker engine runs: its image's dreams and sizes.

    debootstrap --variant=minbase --include=ca-certificates,python3-pip,python3-venv trixie /var/tmp/debian
    ln -s ../../bin/python3 /var/tmp/debian/usr/local/bin/python
    python -m bench.image /var/tmp/debian [--device cpu|gpu] [--most 15]

It takes root, a kernel with overlayfs, and the package index. The root stands for the image
`python:3.13-slim`, which is the same Debian with a Python of its own. Each stage is an overlay upon it, so
that its size is what it adds; a step runs by chroot, with namespaces of its own for mounts and processes.

The image then runs as compose.yaml says: as the user without rights or capabilities, on a file system that is
read-only but for /tmp and the volume /data. The bot logs in at the Discord stand-in and dreams a picture; its
health check, `dreambot status` and `dreambot doctor` are asked within; SIGTERM ends it. The sandbox
dreams one, too.
"""

import argparse
import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from importlib.metadata import distributions
from pathlib import Path
from string import Template

import psutil

from bench.support.discord_client import ROOT, Wire
from bench.table import row

PICTURE = ("chelsea.jpg", (ROOT / "dream/samples/chelsea.jpg").read_bytes())
THIS_MACHINES = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
"""What a build sees of this machine, so that it reaches the package index as this machine does."""


@dataclass
class Stage:
    """One stage of the Dockerfile, and what its image says of how it is run."""

    base: Path
    folder: Path
    environment: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"}
    )
    arguments: dict[str, str] = field(default_factory=dict)
    directory: str = "/"
    user: str = "root"
    volumes: list[str] = field(default_factory=list)
    health_check: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("added", "work", "merged"):
            (self.folder / name).mkdir(parents=True)

    @property
    def added(self) -> Path:
        return self.folder / "added"

    def run(self, command: Sequence[str], *mounts: str) -> None:
        """Run a command within, as root, and keep what it writes."""
        merged = self.folder / "merged"
        overlay = f"lowerdir={self.base},upperdir={self.added},workdir={self.folder / 'work'}"
        binds = [f"touch {merged}{path}; mount --bind {path} {merged}{path}" for path in THIS_MACHINES]
        script = [f"mount -t overlay overlay -o {overlay} {merged}", f"mount -t proc proc {merged}/proc"]
        script += [f"mount --bind /dev {merged}/dev", *binds, *mounts]
        script += [f"exec chroot {merged} env -C {self.directory} {shlex.join(command)}"]
        settings = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        subprocess.run(
            isolated(script), check=True, env=settings | self.arguments | self.environment, cwd=ROOT
        )


def isolated(script: list[str]) -> list[str]:
    """A command that runs a script in namespaces of its own, whose mounts end with it."""
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-ec", "\n".join(script)]


def instructions(text: str) -> list[tuple[str, str]]:
    """A Dockerfile's instructions with what follows them."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word]


def context(folder: Path) -> None:
    """Copy what .dockerignore leaves of the repository; the last pattern that fits a path decides."""
    patterns = (ROOT / ".dockerignore").read_text().split()

    def is_ignored(path: Path) -> bool:
        ignored = False
        for pattern in patterns:
            plain = pattern.lstrip("!")
            names = ["/".join(path.parts[:count]) for count in range(1, len(path.parts) + 1)]
            anywhere = path.parts if plain.startswith("**/") else ()
            if any(fnmatch(name, plain) for name in names) or plain.removeprefix("**/") in anywhere:
                ignored = not pattern.startswith("!")
        return ignored

    for top in ROOT.iterdir():
        for file in [top, *top.rglob("*")] if not is_ignored(Path(top.name)) else []:
            path = file.relative_to(ROOT)
            if file.is_file() and not is_ignored(path):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, folder / path)


def build(base: Path, folder: Path, given: Mapping[str, str]) -> Stage:
    """Do what the Dockerfile says; its last stage."""
    (folder / "context").mkdir()
    context(folder / "context")
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for word, rest in instructions((ROOT / "Dockerfile").read_text()):
        print(word, rest, flush=True)
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "image"
            stage = stages[name] = Stage(base, folder / name)
        if stage is None:
            continue
        known = stage.arguments | stage.environment
        match word:
            case "ARG":
                name, _, default = rest.partition("=")
                stage.arguments[name] = given.get(name, default)
            case "ENV":
                for pair in shlex.split(Template(rest).safe_substitute(known)):
                    name, _, value = pair.partition("=")
                    stage.environment[name] = value
            case "WORKDIR":
                stage.directory = rest
                (stage.added / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "USER":
                stage.user = rest
            case "RUN":
                stage.run(["/bin/sh", "-c", rest])
            case "COPY":
                copy(stage, stages, folder / "context", shlex.split(Template(rest).safe_substitute(known)))
            case "VOLUME":
                stage.volumes.append(rest)
            case "HEALTHCHECK":
                stage.health_check = json.loads(rest.partition("CMD ")[2])
            case "ENTRYPOINT":
                stage.entrypoint = json.loads(rest)
            case "CMD":
                stage.command = json.loads(rest)
            case "FROM" | "STOPSIGNAL":
                pass
            case _:
                raise SystemExit(f"{word} is not known here")
    assert stage
    return stage


def copy(stage: Stage, stages: Mapping[str, Stage], context: Path, words: list[str]) -> None:
    """Copy from the context or another stage, as COPY does: of a folder, what is in it."""
    origin = context
    if words[0].startswith("--from="):
        origin = stages[words.pop(0).removeprefix("--from=")].added
    *sources, to = words
    there = stage.folder / "merged/mnt/from"
    script = [f"mkdir -p {there}", f"mount --bind {origin} {there}"]
    for source in sources:
        path = f"/mnt/from/{source.lstrip('/')}"
        is_folder = (origin / source.lstrip("/")).is_dir()
        command = f"mkdir -p {to} && cp -a {path}/. {to}" if is_folder else f"cp -a {path} {to}"
        stage.run(["/bin/sh", "-c", command], *script)


class Container:
    """A stage's image as it is run: read-only, without rights, with a volume of its own."""

    def __init__(self, stage: Stage, environment: Mapping[str, str]) -> None:
        self.stage, self.environment = stage, stage.environment | {**environment}
        self.uid, self.gid = next(
            line.split(":")[2:4]
            for line in (stage.added / "etc/passwd").read_text().splitlines()
            if line.startswith(f"{stage.user}:")
        )

    def start(self, *arguments: str) -> "asyncio.Future[asyncio.subprocess.Process]":
        merged = self.stage.folder / "merged"
        lower = f"lowerdir={self.stage.added}:{self.stage.base}"
        script = [
            f"mount -t overlay overlay -o ro,{lower} {merged}",
            f"mount -t proc proc {merged}/proc",
            f"mount -t tmpfs -o mode=1777 tmpfs {merged}/tmp",
            f"mount --rbind /dev {merged}/dev",
            f"mount -t tmpfs -o mode=1777,size=64m tmpfs {merged}/dev/shm",
        ]
        for volume in self.stage.volumes:
            kept = self.stage.folder / "volumes" / volume.strip("/")
            if not kept.exists():  # a new volume is as the image has its folder
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copytree(self.stage.added / volume.strip("/"), kept)
                status = (self.stage.added / volume.strip("/")).stat()
                os.chown(kept, status.st_uid, status.st_gid)
            script.append(f"mount --bind {kept} {merged}{volume}")
        command = self.as_user([*self.stage.entrypoint, *arguments])
        script.append(f"exec chroot {merged} {shlex.join(command)}")
        return asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *isolated(script), env=self.environment, stdin=asyncio.subprocess.DEVNULL
            )
        )

    def as_user(self, command: Sequence[str]) -> list[str]:
        rights = ["--reuid", self.uid, "--regid", self.gid, "--clear-groups", "--no-new-privs"]
        return ["setpriv", *rights, "--bounding-set=-all", *command]

    async def within(self, process: asyncio.subprocess.Process, *command: str) -> tuple[int, str]:
        """The exit status and the words of a command in a container that runs."""
        (inner,) = psutil.Process(process.pid).children()
        target = ["nsenter", "--target", str(inner.pid), "--mount", "--pid", "--root", "--wd"]
        asked = await asyncio.create_subprocess_exec(
            *target,
            *self.as_user(command),
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asked.communicate()
        assert asked.returncode is not None
        return asked.returncode, said.decode().strip()


async def serve(stage: Stage) -> None:
    """Run the image's command until it has dreamt, asking what an operator asks, and stop it."""
    async with Wire() as wire:
        settings = {name: value for name, value in wire.environment.items() if "MONITORING" not in name}
        container = Container(stage, settings)
        began = time.perf_counter()
        process = await container.start(*stage.command)
        try:
            while not (await wire.get("state"))["sessions"]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            row("logged in after", f"{time.perf_counter() - began:.1f} s")
            await wire.say("!dream block8+block11", PICTURE)
            await wire.until(lambda answers: any("✨" in each["content"] for each in answers), seconds=180)
            row("its first dream is there after", f"{time.perf_counter() - began:.1f} s")
            for name, command in {
                "the health check": stage.health_check,
                "dreambot status": ["dreambot", "status"],
                "dreambot doctor": ["dreambot", "doctor"],
            }.items():
                code, said = await container.within(process, *command)
                print(said)
                row(name, code)
        finally:
            (inner,) = psutil.Process(process.pid).children()
            inner.send_signal(signal.SIGTERM)
            row("exit status after SIGTERM", await asyncio.wait_for(process.wait(), 60))


async def sandbox(stage: Stage) -> None:
    """Say one thing in the image's sandbox."""
    (photo,) = stage.added.glob("venv/lib/python3*/site-packages/dream/samples/chelsea.jpg")
    attached = ["--attach", f"/{photo.relative_to(stage.added)}", "--save", "/tmp/dream.png"]
    process = await Container(stage, {}).start("sandbox", "--say", "!dream block8", *attached)
    row("dreambot sandbox", await asyncio.wait_for(process.wait(), 180))


def size(folder: Path) -> int:
    """The bytes of a folder's files, as they are."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir() or file.is_symlink())


def sizes(base: Path, stage: Stage, most: int) -> None:
    row("the clean root", f"{size(base) / 1e6:.0f} MB")
    row("what the image adds", f"{size(stage.added) / 1e6:.0f} MB")
    (packages,) = stage.added.glob("venv/lib/python3*/site-packages")
    by_package: Counter[str] = Counter()
    for package in distributions(path=[str(packages)]):
        for file in package.files or ():
            path = Path(str(file.locate()))
            by_package[package.name] += path.lstat().st_size if path.exists() else 0
    for name, bytes in by_package.most_common(most):
        row(f"  {name}", f"{bytes / 1e6:.0f} MB")
    others = by_package.total() - sum(bytes for _, bytes in by_package.most_common(most))
    row("  the other packages", f"{others / 1e6:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path, help="a clean Debian root with Python; nothing is written to it")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--most", type=int, default=15, help="packages whose sizes are told")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.root.parent, ignore_cleanup_errors=True) as temporary:
        began = time.perf_counter()
        stage = build(given.root.resolve(), Path(temporary), {"DEVICE": given.device})
        row("built", f"{time.perf_counter() - began:.0f} s")
        sizes(given.root, stage, given.most)
        asyncio.run(serve(stage))
        asyncio.run(sandbox(stage))


if __name__ == "__main__":
    main()
