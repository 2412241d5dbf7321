"""The Dockerfile built on a clean Debian root, where no Docker engine runs: its image's dreams and sizes.

    debootstrap --variant=minbase --include=ca-certificates,python3-pip,python3-venv trixie /var/tmp/debian
    ln -s ../../bin/python3 /var/tmp/debian/usr/local/bin/python
    python -m bench.image /var/tmp/debian [--device cpu|gpu] [--most 15]

It takes root, Buildah, whose steps run by chroot, a kernel with overlayfs, and the package index. The root
stands for the image `python:3.13-slim`, which is the same Debian with a Python of its own.

The image then runs as compose.yaml says: as the user without rights or capabilities, on a file system that is
read-only but for /tmp and the volume /data. The bot logs in at the Discord stand-in and dreams a picture; its
health check, `dreambot status` and `dreambot doctor` are asked within; SIGTERM ends it. The sandbox
dreams one, too.
"""

import argparse
import asyncio
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import psutil

from bench.support.discord_client import ROOT, Wire
from bench.table import row

PICTURE = ("chelsea.jpg", (ROOT / "dream/samples/chelsea.jpg").read_bytes())
BASE = "docker.io/library/python:3.13-slim"
PATH = "PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
"""This machine's, with which the build reaches the package index as this machine does."""


def buildah(folder: Path, *words: str | Path) -> str:
    """Run a command of Buildah, whose images and containers are in `folder`; what it prints."""
    done = subprocess.run(
        ["buildah", "--root", folder / "images", "--runroot", folder / "run", *words],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


@dataclass
class Image:
    """The image, mounted at `root`, and what it says of how it is run."""

    root: Path
    folder: Path
    environment: dict[str, str]
    user: str
    volumes: list[str]
    health_check: list[str]
    entrypoint: list[str]
    command: list[str]


@contextmanager
def built(base: Path, folder: Path, device: str) -> Iterator[Image]:
    """Build what the Dockerfile says on the root `base`, and mount it."""
    clean = buildah(folder, "from", "scratch")
    buildah(folder, "add", "--quiet", clean, base, "/")
    buildah(folder, "config", "--env", PATH, clean)
    buildah(folder, "commit", "--quiet", "--disable-compression", clean, BASE)
    how = ("--isolation=chroot", "--network=host", "--pull-never", "--format=docker", "--quiet")
    given = (f"--volume={CERTIFICATES}:{CERTIFICATES}:ro", f"--build-arg=DEVICE={device}", "--tag=dreambot")
    buildah(folder, "build", *how, *given, ROOT)
    config = json.loads(buildah(folder, "inspect", "--type=image", "dreambot"))["Docker"]["config"]
    container = buildah(folder, "from", "--pull-never", "dreambot")
    try:
        yield Image(
            root=Path(buildah(folder, "mount", container)),
            folder=folder,
            environment=dict(each.split("=", 1) for each in config["Env"]),
            user=config["User"],
            volumes=list(config["Volumes"]),
            health_check=config["Healthcheck"]["Test"][1:],
            entrypoint=config["Entrypoint"],
            command=config["Cmd"],
        )
    finally:
        buildah(folder, "umount", container)


def isolated(script: list[str]) -> list[str]:
    """A command that runs a script in namespaces of its own, whose mounts end with it."""
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-ec", "\n".join(script)]


class Container:
    """The image as it is run: read-only, without rights, with a volume of its own."""

    def __init__(self, image: Image, environment: Mapping[str, str]) -> None:
        self.image, self.environment = image, image.environment | {**environment}
        self.uid, self.gid = next(
            line.split(":")[2:4]
            for line in (image.root / "etc/passwd").read_text().splitlines()
            if line.startswith(f"{image.user}:")
        )

    def start(self, *arguments: str) -> "asyncio.Future[asyncio.subprocess.Process]":
        merged = self.image.folder / "merged"
        merged.mkdir(exist_ok=True)
        script = [
            f"mount --bind {self.image.root} {merged}",
            f"mount -o remount,bind,ro {merged}",
            f"mount -t proc proc {merged}/proc",
            f"mount -t tmpfs -o mode=1777 tmpfs {merged}/tmp",
            f"mount --rbind /dev {merged}/dev",
            f"mount -t tmpfs -o mode=1777,size=64m tmpfs {merged}/dev/shm",
        ]
        for volume in self.image.volumes:
            kept = self.image.folder / "volumes" / volume.strip("/")
            if not kept.exists():  # a new volume is as the image has its folder
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copytree(self.image.root / volume.strip("/"), kept)
                status = (self.image.root / volume.strip("/")).stat()
                os.chown(kept, status.st_uid, status.st_gid)
            script.append(f"mount --bind {kept} {merged}{volume}")
        command = self.as_user([*self.image.entrypoint, *arguments])
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


async def serve(image: Image) -> None:
    """Run the image's command until it has dreamt, asking what an operator asks, and stop it."""
    async with Wire() as wire:
        settings = {name: value for name, value in wire.environment.items() if "MONITORING" not in name}
        container = Container(image, settings)
        began = time.perf_counter()
        process = await container.start(*image.command)
        try:
            while not (await wire.get("state"))["sessions"]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            row("logged in after", f"{time.perf_counter() - began:.1f} s")
            await wire.say("!dream block8+block11", PICTURE)
            await wire.until(lambda answers: any("✨" in each["content"] for each in answers), seconds=180)
            row("its first dream is there after", f"{time.perf_counter() - began:.1f} s")
            for name, command in {
                "the health check": image.health_check,
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


async def sandbox(image: Image) -> None:
    """Say one thing in the image's sandbox."""
    (photo,) = image.root.glob("venv/lib/python3*/site-packages/dream/samples/chelsea.jpg")
    attached = ["--attach", f"/{photo.relative_to(image.root)}", "--save", "/tmp/dream.png"]
    process = await Container(image, {}).start("sandbox", "--say", "!dream block8", *attached)
    row("dreambot sandbox", await asyncio.wait_for(process.wait(), 180))


def size(folder: Path) -> int:
    """The bytes of a folder's files, as they are."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir() or file.is_symlink())


def sizes(base: Path, image: Image, most: int) -> None:
    row("the clean root", f"{size(base) / 1e6:.0f} MB")
    row("what the image adds", f"{(size(image.root) - size(base)) / 1e6:.0f} MB")
    (packages,) = image.root.glob("venv/lib/python3*/site-packages")
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
        with built(given.root.resolve(), Path(temporary), given.device) as image:
            row("built", f"{time.perf_counter() - began:.0f} s")
            sizes(given.root, image, given.most)
            asyncio.run(serve(image))
            asyncio.run(sandbox(image))


if __name__ == "__main__":
    main()
