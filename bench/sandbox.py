"""From `dreambot sandbox` to the first finished dream on its page, where *Dream* is pressed at once.

    python -m bench.sandbox                                    the seconds of each step
    python -m bench.sandbox --pictures docs/pictures           and pictures for README and docs/members.md

Needs Chromium, and two quiet cores for its figures to mean anything.
"""

import argparse
import io
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from bench.table import row

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
WINDOW = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
SHOWN = ("coffee.jpg", "menagerie")
"""The photograph and the preset of README's picture."""
PATIENCE = 300_000
"""Milliseconds."""


@contextmanager
def sandbox() -> Iterator[str]:
    """`dreambot sandbox` as a process; the address of its page."""
    command = [sys.executable, "-m", "bot.cli", "sandbox", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found, "the sandbox did not start"
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def dream(page: Page, count: int, photograph: str = "astronaut.jpg", preset: str = "serpents") -> None:
    """Choose a photograph and a preset, press *Dream*, and wait until so many dreams stand on the page."""
    page.check(f"input[value='{photograph}']", force=True)
    page.check(f"input[value={preset}]", force=True)
    page.click("button.dream")
    page.wait_for_function(
        "count => [...document.querySelectorAll('.message')].filter(one => one.textContent.includes('✨')"
        " && one.querySelector('.attachments img')?.complete).length >= count",
        arg=count,
        polling=100,
    )


def picture(page: Page, file: Path, **window: Any) -> None:
    """Save what a window of the page shows."""
    page.set_viewport_size(window)  # type: ignore[arg-type]
    page.wait_for_timeout(1000)
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(file, quality=88)


def more(page: Page, file: Path) -> None:
    """Save side by side what *More* opens under the newest dream, and *Ping me* under a long one."""
    page.set_viewport_size({"width": 390, "height": 760})
    page.get_by_role("button", name="more", exact=True).last.click()
    page.locator(".message.ephemeral").get_by_role("button", name="🍃 Gentler").wait_for()
    page.wait_for_timeout(1000)
    panes = [page.screenshot()]
    page.emulate_media(color_scheme="dark")
    page.fill("#text", "!sky quality=rich size=2048")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Ping me").wait_for()
    page.wait_for_timeout(1000)
    panes.append(page.screenshot())
    left, right = (Image.open(io.BytesIO(pane)).convert("RGB") for pane in panes)
    both = Image.new("RGB", (left.width + right.width + 20, left.height), "white")
    both.paste(left, (0, 0))
    both.paste(right, (left.width + 20, 0))
    both.save(file, quality=88)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of the page")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport=WINDOW)  # type: ignore[arg-type]
        page.set_default_timeout(PATIENCE)
        began = time.perf_counter()
        with sandbox() as address:
            row("the address is printed", time.perf_counter() - began, "s")
            page.goto(address)
            page.wait_for_selector("button.dream")
            row("the page can be used", time.perf_counter() - began, "s")
            dream(page, 1)
            row("the first dream is on the page", time.perf_counter() - began, "s")
            again = time.perf_counter()
            dream(page, 2)
            row("  and the next takes", time.perf_counter() - again, "s")
            if arguments.pictures:
                page.emulate_media(color_scheme="dark")
                dream(page, 3, *SHOWN)
                picture(page, arguments.pictures / "sandbox.jpg", **WINDOW)
                picture(page, arguments.pictures / "sandbox-phone.jpg", **PHONE)
                page.emulate_media(color_scheme="light")
                more(page, arguments.pictures / "members-more.jpg")
        browser.close()


if __name__ == "__main__":
    main()
