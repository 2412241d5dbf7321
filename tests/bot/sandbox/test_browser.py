"""The sandbox's page in a browser: what a person can do there, and that the browser complains of nothing."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pytest

from bench.support.pretended_dreams import WAITS
from bot.sandbox import faults
from bot.sandbox.server import SAMPLES, Sandbox
from tests.support.clips import film, pan
from tests.support.pictures import CAT
from tests.support.waiting import until

pytestmark = pytest.mark.browser

DROP = """([where, kind, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))
    const transfer = new DataTransfer()
    transfer.items.add(new File([bytes], `${kind}.jpg`, { type: "image/jpeg" }))
    const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
        : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
    document.querySelector(where).dispatchEvent(event)
}"""

Opened = Callable[..., Any]


def said(sandbox: Sandbox) -> list[str]:
    return [message.content for message in sandbox.dreams.history()]


async def test_a_first_dream_takes_one_press(opened: Opened, sandbox: Sandbox) -> None:
    async with opened() as page:
        await page.click("text=Cubs")
        await page.click("button.dream")
        dreamt = page.locator(".message", has_text="✨").last
        await dreamt.locator(".attachments img").wait_for()
        assert await dreamt.locator(".attachments img").evaluate(
            "image => image.decode().then(() => image.naturalWidth)"
        )
        assert said(sandbox)[-2] == "!dream cubs"
        await page.wait_for_function(  # the conversation follows, once the picture has its height
            "() => { const log = document.getElementById('messages');"
            "return log.scrollHeight - log.scrollTop - log.clientHeight < 5 }"
        )
        await dreamt.get_by_role("button", name="Enlarge").click()
        await page.locator("#viewer img").wait_for()


async def test_pictures_are_picked_pasted_and_dropped(opened: Opened, sandbox: Sandbox) -> None:
    data = base64.b64encode((SAMPLES / "chelsea.jpg").read_bytes()).decode()
    async with opened() as page:
        await page.set_input_files("#files", SAMPLES / "rocket.jpg")
        await page.evaluate(DROP, ["#text", "paste", data])
        await page.evaluate(DROP, ["main", "drop", data])
        await page.get_by_role("button", name="Take drop.jpg away").wait_for()
        await page.fill("#text", "three of them")
        await page.keyboard.press("Enter")
        await until(lambda: said(sandbox)[-1] == "three of them")
        sent = sandbox.dreams.last_message
        assert [file.filename for file in sent.attachments] == ["rocket.jpg", "paste.jpg", "drop.jpg"]


async def test_a_reply_and_the_apps_menu_dream_on_a_message(opened: Opened, sandbox: Sandbox) -> None:
    async with opened() as page:
        await page.fill("#text", "!sky block3")
        await page.keyboard.press("Enter")
        await page.locator(".message", has_text="✨").last.wait_for()
        pictured = page.locator(".message", has_text="would like to be left alone").first
        await pictured.hover()
        await pictured.get_by_role("button", name="Reply to Bob").click()
        await page.fill("#text", "!dream block3")
        await page.keyboard.press("Enter")
        await until(lambda: sandbox.dreams.history()[-2].content == "!dream block3")
        assert sandbox.dreams.history()[-2].reference.message_id == sandbox.dreams.history()[1].id
        await pictured.hover()
        await pictured.get_by_role("button", name="More for Bob").click()
        await page.keyboard.press("Enter")  # the first entry: Apps › Dream this picture
        await page.locator(".message", has_text="for @Alice").locator(".attachments img").last.wait_for()


async def test_a_direct_message_takes_pictures_replies_and_the_apps_menu(
    opened: Opened, sandbox: Sandbox
) -> None:
    channel = sandbox.people["Alice"].user.dm_channel
    async with opened() as page:
        await page.get_by_role("button", name="@ Dreambot").click()
        await page.set_input_files("#files", [SAMPLES / "rocket.jpg", SAMPLES / "coffee.jpg"])
        await page.fill("#text", "look")
        await page.keyboard.press("Enter")
        mine = page.locator(".message:not(.pending)", has_text="look").first
        await mine.locator(".attachments img").last.wait_for()
        await mine.hover()
        await mine.get_by_role("button", name="Reply to Alice").click()
        await page.fill("#text", "!dream block3 seed=31")
        await page.keyboard.press("Enter")
        dreamt = page.locator(".message", has_text="✨").filter(has_text="seed=31")
        await dreamt.locator(".attachments img").first.wait_for()
        look, asked, *answers = channel.history()
        assert [file.filename for file in look.attachments] == ["rocket.jpg", "coffee.jpg"]
        assert asked.reference.message_id == look.id
        await mine.hover()
        await mine.get_by_role("button", name="More for Alice").click()
        await page.get_by_role("menuitem", name="Apps › Dream this picture").click()
        await until(lambda: len(channel.history()) > 2 + len(answers))


async def test_a_star_of_somebody_else_brings_a_dream_to_the_hall_of_fame(
    opened: Opened, sandbox: Sandbox
) -> None:
    async with opened() as page:
        await page.fill("#text", "!sky block4")
        await page.keyboard.press("Enter")
        dreamt = page.locator(".message", has_text="✨").last
        await dreamt.locator("code", has_text="block4").wait_for()
        await page.get_by_role("radio", name="Bob").check(force=True)
        await dreamt.locator("code", has_text="block4").wait_for()
        await dreamt.hover()
        await dreamt.get_by_role("button", name="Star this dream").click()
        mine = dreamt.get_by_role("button", name="⭐, 1", pressed=True)
        await mine.wait_for()
        await page.get_by_role("button", name="# hall-of-fame").click()
        shown = page.locator(".message", has_text="for @Alice")
        await shown.locator(".attachments img").wait_for()
        await shown.get_by_role("link", name="To the dream").click()
        await page.locator("h1", has_text="#dreams").wait_for()
        await mine.click()
        await until(lambda: not sandbox.hall.history())
        assert not await dreamt.locator(".reactions").count()


async def test_a_slash_command_by_the_keyboard_alone(opened: Opened, sandbox: Sandbox) -> None:
    async with opened() as page:
        await page.focus("#text")
        await page.keyboard.type("/sky")
        await page.locator("#suggestions li").first.wait_for()
        await page.keyboard.press("Enter")
        await page.keyboard.type("pupp")
        await page.locator("#command .suggestions li:first-child", has_text="puppyslug").wait_for()
        await page.keyboard.press("Enter")
        assert "puppyslug" in await page.input_value("#option-recipe")
        await page.keyboard.press("Enter")
        await until(lambda: "puppyslug" in str(sandbox.dreams.last_message.content).lower())


async def test_settings_are_chosen_and_typed_in_a_form(opened: Opened, sandbox: Sandbox) -> None:
    async with opened() as page:
        panel = await _settings_panel(page)
        await panel.locator("select").nth(2).select_option("size")
        await panel.get_by_role("button", name="Change…").click()
        form = page.locator("#form[open]")
        await form.locator("input, textarea").first.fill("512")
        await form.get_by_role("button", name="Submit").click()
        await form.wait_for(state="hidden")
        await until(lambda: _size_is(sandbox, 512))
        await page.get_by_role("radio", name="Bob").check(force=True)
        await page.locator(".message").first.wait_for()
        await page.wait_for_function("() => !document.querySelector('.message.ephemeral')")


async def _settings_panel(page: Any) -> Any:
    """What an admin is shown for `/settings`."""
    await page.get_by_role("radio", name="Admin").check(force=True)
    await page.get_by_role("button", name="# admins").click()
    await page.fill("#text", "/settings")
    await page.locator("#suggestions li", has_text="/settings").first.wait_for()
    await page.keyboard.press("Enter")
    panels = page.locator(".message.ephemeral")
    panel = panels.nth(await panels.count())  # an earlier test's may stand above it
    await page.get_by_role("button", name="Send").click()
    await panel.wait_for()
    return panel


async def _size_is(sandbox: Sandbox, size: int) -> bool:
    return (await sandbox.app.settings.effective(sandbox.guild.id)).size == size


async def test_menus_offer_words_people_roles_and_channels_one_or_several(
    opened: Opened, sandbox: Sandbox
) -> None:
    people, guild = sandbox.people, sandbox.guild
    several: list[tuple[str, str, list[str], object]] = [
        ("Access", "members", ["Alice", "Bob"], (people["Alice"].user.id, people["Bob"].user.id)),
        ("Access", "channels", ["#dreams", "#general"], (sandbox.dreams.id, sandbox.general.id)),
        ("Daily", "daily_days", ["sat", "sun"], {5, 6}),
    ]
    one = [
        ("Server", "admin_role", "Admins", guild.roles["Admins"].id),
        ("Server", "report_channel", "#admins", sandbox.admins.id),
    ]

    async def is_set(name: str, value: object) -> bool:
        return bool(getattr(await sandbox.app.settings.effective(guild.id), name) == value)

    async with opened() as page:
        panel = await _settings_panel(page)

        async def edit(group: str, name: str) -> Any:
            await panel.locator("select").nth(1).select_option(group)
            await panel.locator(f"option[value={name}]").first.wait_for(state="attached")
            await panel.locator("select").nth(2).select_option(name)
            menu = panel.locator(".row").nth(3)
            await menu.locator(f"[data-key$=':{name}']").wait_for()
            return menu

        for group, name, labels, value in several:
            menu = await edit(group, name)
            await menu.locator("summary").click()
            for box in await menu.locator("input").all():
                await box.uncheck()
            for label in labels:
                await menu.get_by_label(label, exact=True).check()
            await menu.get_by_role("button", name="Choose").click()
            await until(partial(is_set, name, value))
        for group, name, label, chosen in one:
            menu = await edit(group, name)
            await menu.locator("select").select_option(label=label)
            await until(partial(is_set, name, chosen))
    for _, name, *_ in [*several, *one]:
        await sandbox.app.settings.reset(guild.id, name, by=sandbox.admin.id)


async def test_a_spoiler_is_uncovered_and_a_form_takes_a_picture(opened: Opened, sandbox: Sandbox) -> None:
    hidden = {"name": "SPOILER_cat.jpg", "mimeType": "image/jpeg", "buffer": CAT}
    async with opened() as page:
        await page.set_input_files("#files", hidden)
        await page.fill("#text", "!dream block3 seed=77")
        await page.keyboard.press("Enter")
        dreamt = page.locator(".message", has_text="✨").filter(has_text="seed=77").last
        await dreamt.locator(".spoilered .cover").click()
        await dreamt.locator(".spoilered.shown img").wait_for()
        await dreamt.get_by_role("button", name="Remix").click()
        form = page.locator("#form[open]")
        await form.locator("input[type=file]").set_input_files(SAMPLES / "coffee.jpg")
        await form.locator("select").last.select_option("512")
        await form.locator("summary").click()
        await form.get_by_label("wild strength", exact=True).check()
        await form.get_by_role("button", name="Submit").click()
        await form.wait_for(state="hidden")
        await page.locator(".message", has_text="remixed from").last.wait_for()
        job = await sandbox.app.queue.jobs.of_message(sandbox.dreams.last_message.id)
        guide = await sandbox.app.queue.jobs.picture(job.id, "guide")
        assert guide == (SAMPLES / "coffee.jpg").read_bytes()
        assert "size=512" in job.recipe and "strength=0.03" in job.recipe


async def test_a_clip_plays_on_a_second_server_and_the_bot_answers_there(opened: Opened) -> None:
    clip = film(pan(np.random.default_rng(1).random((16, 32, 3), np.float32), 4, (96, 64)))
    async with opened() as page:
        await page.get_by_role("button", name="# owls").click()
        await page.set_input_files("#files", {"name": "a.mp4", "mimeType": "video/mp4", "buffer": clip})
        await page.fill("#text", "look")
        await page.keyboard.press("Enter")
        await page.wait_for_function("() => document.querySelector('.message video')?.readyState > 0")
        await page.fill("#text", "!sky block3")
        await page.keyboard.press("Enter")
        await page.locator(".message", has_text="✨").locator(".attachments img").wait_for()


async def test_a_fault_is_a_press_away(opened: Opened, sandbox: Sandbox) -> None:
    async with opened() as page:
        await page.fill("#text", f"!sky block3 steps={WAITS}")
        await page.keyboard.press("Enter")
        await page.locator(".message:not(.pending)", has_text=re.compile(f"steps={WAITS} .*seed=")).wait_for()
        status = sandbox.dreams.last_message.id
        await page.get_by_role("button", name="Time and trouble").click()
        await page.get_by_role("button", name="Message deleted").click()
        await page.locator(f"#message-{status}").wait_for(state="detached")
        await page.keyboard.press("Escape")
        await page.fill("#text", "!cancel")
        await page.keyboard.press("Enter")
        await until(lambda: "ancelled" in said(sandbox)[-1] or "no dream" in said(sandbox)[-1])


@pytest.mark.parametrize("fault", ["Discord fails", "Permission taken", "Worker killed", "Bot killed"])
async def test_a_dream_under_way_arrives_once_whatever_is_pressed(
    opened: Opened, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(faults, "OUTAGE_SECONDS", 1)
    monkeypatch.setattr(faults, "PERMISSION_SECONDS", 1)
    async with opened() as page:
        page.set_default_timeout(60_000)  # a new worker takes its time on a busy machine
        answers = page.locator(".message", has=page.locator(".badge")).filter(has_text="steps=41 ")
        before = await answers.count()
        await page.fill("#text", "!sky block3 steps=41")
        await page.keyboard.press("Enter")
        await answers.filter(has_text="Dreaming").wait_for()
        message = await answers.last.get_attribute("id")
        await page.get_by_role("button", name="Time and trouble").click()
        await page.get_by_role("button", name=fault).click()
        await page.keyboard.press("Escape")
        await page.locator(f"#{message}", has_text="✨").locator(".attachments img").wait_for()
        await page.locator("#open-trouble:not(.on)").wait_for()
        assert await answers.count() == before + 1


async def test_fifty_messages_while_dreams_run_arrive_once_and_in_order(
    opened: Opened, sandbox: Sandbox
) -> None:
    async with opened() as page:
        for number in range(50):
            text = f"!sky block3 steps=10 seed={number}" if number % 10 == 0 else f"hello {number}"
            await page.fill("#text", text)
            await page.keyboard.press("Enter")
        await until(lambda: said(sandbox).count("hello 49") == 1, 60)
        mine = [text for text in said(sandbox) if text.startswith("hello ")]
        assert mine == [f"hello {number}" for number in range(50) if number % 10]
        await page.locator(".message:not(.pending)", has_text="hello 49").wait_for()
        assert not await page.locator(".message.pending").count()
        assert await page.locator("#notice").is_hidden()
        await until(lambda: sum("✨" in text and "seed=" in text for text in said(sandbox)) >= 5, 60)


# The browser tells of a picture's new height by a scroll event before it tells that it has loaded.
PICTURE_LOADED_LATE = """
    window.log = document.getElementById("messages");
    const picture = new Image();
    picture.style.cssText = "display: block; height: 600px";
    log.append(picture);
    log.dispatchEvent(new Event("scroll"));
    picture.dispatchEvent(new Event("load"));
"""


async def test_a_telephone_has_room_for_it_all(opened: Opened, sandbox: Sandbox) -> None:
    window = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "color_scheme": "dark"}
    async with opened(**window) as page:
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.evaluate(PICTURE_LOADED_LATE)
        assert await page.evaluate("log.scrollHeight - log.scrollTop - log.clientHeight") < 5
        await page.get_by_role("button", name="Channels and people").click()
        await page.get_by_role("button", name="@ Dreambot").click()
        await page.fill("#text", "!help")
        await page.get_by_role("button", name="Send").click()
        await page.locator(".embed", has_text="How to dream").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_tomorrow_at_nine_the_daily_dream_comes(opened: Opened, sandbox: Sandbox) -> None:
    async with opened() as page:
        await page.get_by_role("button", name="Time and trouble").click()
        await page.get_by_role("button", name="Tomorrow 09:00").click()
        await until(lambda: any(message.attachments for message in sandbox.daily.history()), 60)
        assert sandbox.clock.ahead > timedelta(0)
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="# daily-dream").click()
        await page.locator(".message img:not(.avatar)").first.wait_for()
