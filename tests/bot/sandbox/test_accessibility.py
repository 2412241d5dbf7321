"""The sandbox's page for people with a screen reader, a keyboard or weak eyes, as axe-core checks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.sandbox.server import SAMPLES

pytestmark = pytest.mark.browser

Opened = Callable[..., Any]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def complaints(page: Any, part: str, *, without: str = "") -> list[str]:
    """What axe-core finds in a part of the page."""
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    options: dict[str, Any] = {"runOnly": RULES, "resultTypes": ["violations"]}
    if without:
        options["rules"] = {without: {"enabled": False}}
    report = await axe.run(page, part, options)
    return [report.generate_report()] if report.violations_count else []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
async def test_nothing_on_the_page_keeps_anybody_out(opened: Opened, width: int, scheme: str) -> None:
    found: list[str] = []
    window = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme, "reduced_motion": "reduce"}
    async with opened(**window) as page:
        await page.set_input_files("#files", SAMPLES / "coffee.jpg")
        await page.fill("#text", f"!dream block3 seed={width}")
        found += await complaints(page, "#composer")
        await page.keyboard.press("Enter")
        dreamt = page.locator(".message", has_text=f"seed={width}").filter(has_text="✨")
        await dreamt.locator(".attachments img").wait_for()
        if width == 390:
            await page.get_by_role("button", name="Try").click()
        found += await complaints(page, "html")

        await dreamt.get_by_role("button", name="More for Dreambot").click()
        found += await complaints(page, "[role=menu]")
        await page.keyboard.press("Escape")

        await dreamt.get_by_role("button", name="Remix").click()
        await page.locator("#form[open]").wait_for()
        found += await complaints(page, "#form")
        await page.keyboard.press("Escape")

        await dreamt.get_by_role("button", name="Enlarge").click()
        found += await complaints(page, "#viewer")
        await page.keyboard.press("Escape")

        await page.get_by_role("button", name="Time and trouble").click()
        found += await complaints(page, "#trouble")
        await page.keyboard.press("Escape")

        await page.fill("#text", "/dream")
        await page.locator("#suggestions li").first.wait_for()
        # The list scrolls with the arrow keys in the field, which axe knows of one-line fields alone.
        found += await complaints(page, "#composer", without="scrollable-region-focusable")
        await page.keyboard.press("Enter")
        await page.locator("#option-recipe-list li").first.wait_for()
        found += await complaints(page, "#composer")
        await page.keyboard.press("Escape")  # the list
        await page.keyboard.press("Escape")  # the command

        if width == 390:
            await page.get_by_role("button", name="Channels and people").click()
        found += await complaints(page, "#sidebar")
    assert not found, "\n".join(found)


async def reach(page: Any, key: str, name: str) -> Any:
    """Press Tab or Shift+Tab until what has the focus has this name; returns it."""
    wanted = page.get_by_role("button", name=name).or_(page.get_by_role("radio", name=name))
    for _ in range(200):  # past every message
        await page.keyboard.press(key)
        focused = page.locator(":focus").and_(wanted)
        if await focused.count():
            return focused
    raise AssertionError(f"{key} does not lead to {name}")


async def has_focus(page: Any, selector: str) -> None:
    await page.wait_for_function("where => document.activeElement.closest(where) !== null", arg=selector)


async def test_all_can_be_done_by_the_keyboard(opened: Opened) -> None:
    async with opened(viewport={"width": 390, "height": 844}, reduced_motion="reduce") as page:
        await page.keyboard.press("Tab")  # to the link that skips the channels
        await page.keyboard.press("Enter")
        await has_focus(page, "#text")
        await page.keyboard.type("!sky block3 seed=4")
        await page.keyboard.press("Enter")
        dreamt = page.locator(".message", has_text="✨").filter(has_text="seed=4")
        await dreamt.locator(".attachments img").wait_for()

        more = await reach(page, "Shift+Tab", "More for Dreambot’s message")
        await page.keyboard.press("Enter")
        await has_focus(page, "[role=menuitem]")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Escape")
        assert await more.count(), "the focus is back"

        remix = await reach(page, "Shift+Tab", "Remix")
        await page.keyboard.press("Enter")
        await has_focus(page, "#form")
        await page.keyboard.press("Escape")
        assert await remix.count()

        await reach(page, "Shift+Tab", "Enlarge")
        await page.keyboard.press("Enter")
        await has_focus(page, "#viewer")
        await page.keyboard.press("Escape")

        await reach(page, "Shift+Tab", "Time and trouble")
        await page.keyboard.press("Enter")
        await has_focus(page, "#trouble")
        await page.keyboard.press("Escape")

        menu = await reach(page, "Shift+Tab", "Channels and people")
        await page.keyboard.press("Enter")
        await has_focus(page, "#sidebar [aria-current]")
        await page.keyboard.press("Escape")
        assert await menu.count()
        await page.keyboard.press("Enter")
        await reach(page, "Tab", "Alice")
        await page.keyboard.press("ArrowDown")
        await page.wait_for_function("() => document.querySelector('#people input[value=Bob]').checked")
        await page.locator("#channels:not([inert])").wait_for()
        await reach(page, "Shift+Tab", "@ Dreambot")
        await page.keyboard.press("Enter")
        await page.locator("h1", has_text="@Dreambot").wait_for()
