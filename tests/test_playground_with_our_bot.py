"""The first visit with our own bot: one call opens the playground, and a browser does the rest."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot.playground.parent import play

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

CHROMIUM = next(
    (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENT = 90_000


@asynccontextmanager
async def opened(folder: Path, port: int, web_port: int) -> AsyncIterator[str]:
    """The playground with our bot in it, as `make run` opens it; gives the address."""
    is_open = asyncio.Event()
    task = asyncio.create_task(
        play(
            port=port,
            web_port=web_port,
            state_dir=folder,
            bot_command=[sys.executable, "-m", "bot", "run"],
            bot_env={"RENQING_LOG__FORMAT": "json"},
            say=lambda line: is_open.set(),
        )
    )
    opening = asyncio.create_task(is_open.wait())
    try:
        await asyncio.wait({task, opening}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        if task.done():
            task.result()
        yield f"http://127.0.0.1:{port}/"
    finally:
        opening.cancel()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_stranger_joins_checks_in_kills_the_bot_and_nothing_is_lost(
    tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    """签到, once more by the button, kill -9 under a third fan's 签到, and English in between."""
    if CHROMIUM is None and os.environ.get("CI") != "true":
        pytest.skip("no Chromium here; install it with: apt-get install chromium")
    assert CHROMIUM is not None, "CI needs Chromium: apt-get install chromium"
    from playwright.async_api import async_playwright, expect

    ports = unused_tcp_port_factory(), unused_tcp_port_factory()
    async with opened(tmp_path, *ports) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = await browser.new_context(
            viewport={"width": 1440, "height": 900}, locale="zh-CN", color_scheme="light"
        )
        context.set_default_timeout(PATIENT)
        expect.set_options(timeout=PATIENT)
        page = await context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(url)
        await expect(page.locator("#process-text")).to_have_text("运行中")

        await page.get_by_role("button", name="加入群聊").click()
        box = page.get_by_role("textbox", name="说点什么…")
        await box.fill("签到")
        await box.press("Enter")
        said = page.locator(".bubble", has_text="连续 1 天")
        await expect(said.first).to_contain_text("积分 +10")
        await page.locator(".key", has_text="签到").last.click()
        await expect(page.locator(".toast")).to_contain_text("签过")
        await expect(page.locator("#calls")).to_contain_text("answerCallbackQuery")
        await expect(page.locator("#remembered")).to_contain_text("签到")

        # The plug is pulled while another fan checks in: the answer comes after the restart, once.
        await page.locator('#people [data-person="5000000102"]').click()
        await expect(page.locator("#me")).to_contain_text("陈屿")
        await page.locator("#kill").click()
        box = page.get_by_role("textbox", name="说点什么…")
        await box.fill("打卡")
        await box.press("Enter")
        await expect(page.locator("#process-text")).not_to_have_text("运行中")
        await expect(page.locator(".asleep")).to_be_visible()
        answers = page.locator(".message:not(.mine) .bubble", has_text="陈屿").filter(
            has_text="积分 +10"
        )
        await expect(answers).to_have_count(1)
        await expect(page.locator("#process-text")).to_have_text("运行中")
        await expect(page.locator(".asleep")).to_have_count(0)

        await page.locator("#me select").select_option("en")
        await page.locator("#language").click()
        await page.locator('#chats [data-key^="b"]').click()
        await page.get_by_role("button", name="Start", exact=True).click()
        await expect(page.locator(".message:not(.mine) .bubble").first).to_contain_text("check")
        await expect(answers).to_have_count(0)
        await expect(page.locator('#totals [data-total="dead"] b')).to_have_text("0")
        assert problems == []
        await browser.close()
