"""Chromium, driven by Selenium, and what the tests of all pages do with it."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import ElementNotInteractableException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from core.tokens import Tokens
from handlers.api.page_handler import SESSION
from tests.support.deadlines import DEADLINE, until

# That of the server under test (tests/conftest.py).
SECRET_KEY = "test-secret-key-of-at-least-32-bytes!"
# The first access token has another signature than the server's. Its claims stay.
SPOIL = """
    const really = window.fetch;
    window.fetch = async (path, ...more) => {
        const answer = await really(path, ...more);
        if (path !== '/session/token/') return answer;
        window.fetch = really;
        const found = await answer.json();
        return Response.json({...found, access: `${found.access.slice(0, -8)}spoiled_`});
    }"""
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --lang=en-US "
    # All pages in one process: one is started for each visit otherwise, to have it ready or to come back to.
    "--process-per-site --disable-features=BackForwardCache,ProactivelySwapBrowsingInstance,SpareRendererForSitePerProcess"
)
needs_chromium = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no chromium or chromedriver on PATH: apt-get install chromium chromium-driver"
)


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A Chromium with a profile of its own."""
    profile = tempfile.mkdtemp(prefix="tradepost-chromium-")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS.split(), f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")} | {"HOME": profile}
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=DRIVER, env=env))
    driver.set_page_load_timeout(DEADLINE)
    try:
        yield driver
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)


class Page:
    """A page under test. Selenium blocks, and the server runs in this thread's loop: so its calls go to a thread."""

    def __init__(self, driver: Any, address: str) -> None:
        self._driver, self._address = driver, address
        self._scripts: list[str] = []

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.to_thread(function, *arguments)

    def move(self, url: str) -> None:
        """The same page at another address of the server."""
        self._address = url + self._address[self._address.index("/", len("http://")) :]

    async def before_scripts(self, code: str) -> None:
        """Run code in each page that is loaded from now on, before its own scripts."""
        added = await self._call(
            self._driver.execute_cdp_cmd, "Page.addScriptToEvaluateOnNewDocument", {"source": code}
        )
        self._scripts.append(added["identifier"])

    async def load(self) -> None:
        await self._call(self._driver.get, self._address)

    async def leave(self) -> None:
        """Sign out, and close what the page has open, such as its stream, while the server still runs."""
        for script in self._scripts:
            # Not found: it was added to a tab that has been closed.
            with contextlib.suppress(WebDriverException):
                await self._call(
                    self._driver.execute_cdp_cmd, "Page.removeScriptToEvaluateOnNewDocument", {"identifier": script}
                )
        await self.drop_session()
        await self.script("sessionStorage.clear()")
        await self._call(self._driver.get, "about:blank")

    async def keep_session(self, tokens: dict[str, str]) -> None:
        """Give the browser the cookie of a session, so that the pages which are loaded from now on are signed in. tokens: an answer of the
        fixture sign_in, or of a sign-in at the API."""
        session = Tokens(SECRET_KEY).read("access", tokens["access"])
        cookie = Tokens(SECRET_KEY).sign(SESSION, time.time() + 86400, {"sid": session["sid"]})
        origin = self._address[: self._address.index("/", len("http://"))]
        await self._call(
            self._driver.execute_cdp_cmd,
            "Network.setCookie",
            {"name": SESSION, "value": cookie, "url": origin, "httpOnly": True, "sameSite": "Lax"},
        )

    async def drop_session(self) -> None:
        """Remove all cookies of the browser: pages which are loaded from now on are not signed in."""
        await self._call(self._driver.execute_cdp_cmd, "Network.clearBrowserCookies", {})

    async def spoil_token(self) -> None:
        """The page that is loaded next first gets an access token that the server does not take."""
        await self.before_scripts(SPOIL)

    async def has_session(self) -> bool:
        """Whether the browser has the cookie of a session."""
        cookies = (await self._call(self._driver.execute_cdp_cmd, "Network.getCookies", {}))["cookies"]
        return any(cookie["name"] == SESSION and cookie["value"] for cookie in cookies)

    async def script(self, code: str, *arguments: Any) -> Any:
        return await self._call(self._driver.execute_script, code, *arguments)

    async def until(self, look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
        """Look again until it is as wanted; the last look is what a failure shows."""
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                found = await look()
                if wanted(found):
                    return found
            # An element that is not there yet or not there any more, or a page that is being left.
            except WebDriverException as not_yet:
                found = not_yet
            assert time.monotonic() < deadline, f"still {found!r}"
            await asyncio.sleep(0.05)

    async def text(self, selector: str = "body") -> str:
        """What a person sees there; hidden text is left out."""
        return await self._call(lambda: self._driver.find_element(By.CSS_SELECTOR, selector).text)

    async def sees(self, selector: str, *words: str) -> str:
        return await self.until(lambda: self.text(selector), lambda text: all(word in text for word in words))

    async def type(self, selector: str, *text: str) -> None:
        def type_it() -> None:
            field = self._driver.find_element(By.CSS_SELECTOR, selector)
            field.clear()
            field.send_keys(*text)

        await self._call(type_it)

    async def click(self, selector: str) -> None:
        await self._call(lambda: self._driver.find_element(By.CSS_SELECTOR, selector).click())

    async def press(self, *keys: str) -> None:
        """Into what has the focus, as a keyboard or a scanner does."""

        async def sent() -> bool:
            # What had the focus may just have been hidden; then nothing is sent, and the browser is about to move the focus.
            with contextlib.suppress(ElementNotInteractableException):
                await self._call(lambda: self._driver.switch_to.active_element.send_keys(*keys))
                return True
            return False

        await until(sent)

    async def resize(self, width: int, height: int) -> None:
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        await self._call(self._driver.execute_cdp_cmd, "Emulation.setDeviceMetricsOverride", screen)

    async def restore_size(self) -> None:
        await self._call(self._driver.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})

    async def log(self) -> list[dict[str, Any]]:
        return await self._call(self._driver.get_log, "browser")
