"""The page of the API in a real browser: what it shows, and as whom it sends the requests that a person tries."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from core.access import public
from core.http.handler import Handler
from core.http.router import Router
from core.tokens import TokenError
from handlers.api import areas
from handlers.api.handler import NotFound
from handlers.api.page import CONTENT_SECURITY_POLICY
from tests.support.browser import Page, needs_chromium
from tests.support.http import PASSWORD

PHONE, DESK = (390, 844), (1440, 900)
# A folder: each look at the page is also kept there as a picture.
SHOTS = os.environ.get("API_DOCS_PAGE_SHOTS", "")

pytestmark = pytest.mark.gen_test

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Tradepost", "version": "1.0.0", "description": "The API of **one** server, as `curl` sees it."},
    "tags": [
        {"name": "accounts", "description": "Who may enter."},
        {"name": "sales", "description": "Invoices, from the import to the [delivery](/live/)."},
    ],
    "paths": {
        "/api/auth/users/me/": {
            "get": {
                "operationId": "me",
                "tags": ["accounts"],
                "summary": "The caller's own account, with a summary that is longer than the screen of a phone is wide",
                "security": [{"bearer": []}],
                "responses": {
                    "200": {
                        "description": "The account.",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Account"}}},
                    },
                    "401": {"description": "Nobody is signed in."},
                },
            }
        },
        "/api/sales/invoices/": {
            "get": {
                "operationId": "invoices",
                "tags": ["sales"],
                "summary": "All invoices",
                "security": [{}, {"bearer": []}],
                "parameters": [
                    {"name": "page", "in": "query", "description": "From 1.", "schema": {"type": "integer"}},
                    {
                        "name": "status",
                        "in": "query",
                        "schema": {"type": "string", "enum": ["PENDING", "PICKED", "DELIVERED"]},
                    },
                ],
                "responses": {"200": {"description": "A page of them."}},
            }
        },
        "/api/sales/import/invoice/": {
            "post": {
                "operationId": "import",
                "tags": ["sales"],
                "summary": "Import one",
                "security": [{"key": []}],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Invoice"}}},
                },
                "responses": {"201": {"description": "It is there."}},
            }
        },
        "/api/elsewhere/{an_id_with_a_long_name}/and/a/path/that/is/long/": {
            "delete": {
                "operationId": "elsewhere",
                "tags": ["sales"],
                "deprecated": True,
                "servers": [{"url": "http://another-host.example"}],
                "security": [{"bearer": []}],
                "parameters": [
                    {
                        "name": "an_id_with_a_long_name",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "integer", "default": 7},
                    }
                ],
                "responses": {"204": {"description": "Gone."}},
            }
        },
    },
    "components": {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-KEY"},
        },
        "schemas": {
            "Account": {
                "type": "object",
                "properties": {"email": {"type": "string", "format": "email"}, "role": {"type": ["string", "null"]}},
            },
            "Invoice": {
                "type": "object",
                "required": ["invoice_no"],
                "properties": {
                    "invoice_no": {"type": "string", "minLength": 1, "maxLength": 50, "description": "Its number."},
                    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Account"}},
                },
            },
        },
    },
}


class Document(Handler):
    """Stands for the server's own document, of which these tests need only a little."""

    access = public

    async def get(self) -> None:
        self.reply(DOCUMENT)


class DocsPage(Page):
    """The page under test."""

    async def open(self, scheme: str = "light", operation: str = "") -> None:
        """operation: the part after # of its address."""
        feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        await self._call(self._driver.execute_cdp_cmd, "Emulation.setEmulatedMedia", feature)
        await self._call(self._driver.get, self._address + operation)
        await self.sees("#swagger-ui", "/api/sales/invoices/")

    async def sign_in(self, email: str = "picker@example.com", password: str = PASSWORD) -> None:
        if not await self.script("return document.getElementById('sign-in-dialog').open"):
            await self.click("#account")
        await self.sees("#sign-in", "Sign in")
        await self.type("#email", email)
        await self.type("#password", password, Keys.ENTER)

    async def is_signed_in(self) -> None:
        """Wait until the header says who is signed in."""
        title = "return document.getElementById('account').title"
        await self.until(lambda: self.script(title), lambda found: found == "Signed in as Picker (PICKER)")

    async def unfold(self, operation: str) -> str:
        """Open an operation; the selector of its block."""
        block = f"[id$='-{operation}'].opblock"
        # In the middle of the screen: where the last request has just made the page longer, a click could miss it.
        await self.script("document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })", block)
        await self.click(f"{block} .opblock-summary-control")
        await self.sees(block, "Execute")
        return block

    async def execute(self, block: str) -> str:
        """Send the request of an operation; the answer that is shown."""
        await self.click(f"{block} .execute")
        return await self.sees(f"{block} .live-responses-table", "Response headers")

    async def status(self, block: str) -> str:
        """Of the answer that is shown."""
        return await self.text(f"{block} .live-responses-table tbody .response-col_status")

    async def looks_right(self, name: str) -> None:
        """The page is not wider than the screen."""
        if SHOTS:
            await self._call(self._driver.save_screenshot, f"{SHOTS}/{name}.png")
        too_wide = """
            return [...document.querySelectorAll('body *')]
                .filter(element => !element.closest('pre, table') && element.checkVisibility()
                                   && element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
                .map(element => element.outerHTML.slice(0, 200))"""
        assert await self.script(too_wide) == []
        assert await self.script("return document.documentElement.scrollWidth <= innerWidth")


@pytest.fixture(autouse=True)
def documented(app: Any) -> None:
    """The server has the document of these tests."""
    path = "/api/openapi.json"
    routes = [route for route in areas.router().routes if route.path != path]
    app.router = Router([*routes, (path, Document)], [("", NotFound)])


@pytest.fixture
def page(chrome: Any, base_url: str, http_server: Any, io_loop: Any, sign_in: Any) -> Iterator[DocsPage]:
    """The page of a server with a PICKER, in a tab that nobody signed in to."""
    io_loop.run_sync(lambda: sign_in("PICKER"))
    chrome.get_log("browser")  # empties it
    page = DocsPage(chrome, f"{base_url}/api/docs/")
    yield page
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    io_loop.run_sync(page.restore_size)
    io_loop.run_sync(page.leave)


async def test_the_page_may_load_only_from_this_host_and_pictures_also_from_its_style(api):
    answer = await api.get("/api/docs/")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["Content-Security-Policy"]
    assert policy == f"{CONTENT_SECURITY_POLICY}; img-src 'self' data:" and "unsafe" not in policy
    assert "://" not in answer.text


@pytest.mark.parametrize("name, kind", [("swagger-ui.css", "text/css"), ("swagger-ui-bundle.js", "javascript")])
async def test_the_assets_come_from_this_host_and_a_browser_asks_again_only_by_their_etag(api, name, kind):
    path = f"/static/swagger-ui/{name}"
    answer = await api.get(path)
    assert answer.status == 200 and kind in answer.headers["Content-Type"] and len(answer.body) > 100_000
    etag = answer.headers["ETag"]
    assert etag and answer.headers["Cache-Control"] == "no-cache"
    again = await api.get(path, headers={"If-None-Match": etag})
    assert (again.status, again.body) == (304, b"")
    head = await api.call("HEAD", path)
    assert (head.status, head.headers["ETag"], head.body) == (200, etag, b"")


@pytest.mark.parametrize(
    "name",
    [
        "nothing.css",
        "index.html",
        "swagger-ui-bundle.js.map",
        "more/swagger-ui.css",
        "..%2f..%2f__init__.py",
        "..%2fdocs.js",
        "../docs.js",
        "%2e%2e/%2e%2e/__init__.py",
        "x/..%2fswagger-ui.css",
        "%00",
    ],
)
async def test_any_other_name_and_a_path_that_climbs_out_is_404(api, name):
    assert (await api.get(f"/static/swagger-ui/{name}")).status == 404


@needs_chromium
async def test_the_page_shows_the_operations_of_the_document_and_loads_nothing_from_elsewhere(page, base_url):
    await page.open()
    shown = await page.sees("#swagger-ui", "Tradepost", "accounts", "sales", "/api/auth/users/me/", "All invoices")
    assert "GET" in shown and "POST" in shown and "Authorize" in shown
    await page.sees(await page.unfold("import"), '"invoice_no": "string"')
    loaded = await page.script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert {f"{base_url}/static/swagger-ui/swagger-ui-bundle.js", f"{base_url}/api/openapi.json"} <= set(loaded)
    assert all(name.startswith((f"{base_url}/", "data:")) for name in loaded)
    assert await page.log() == []


@needs_chromium
async def test_the_address_of_an_operation_opens_it(page):
    await page.open(operation="#/accounts/me")
    await page.sees("#operations-accounts-me", "Execute")


@needs_chromium
async def test_without_signing_in_a_public_operation_answers_200_and_another_401(page):
    await page.open()
    invoices = await page.unfold("invoices")
    await page.execute(invoices)
    assert (await page.status(invoices)).startswith("200")
    me = await page.unfold("me")
    await page.execute(me)
    assert (await page.status(me)).startswith("401")
    # Chromium itself logs each answer from 400 on. Nothing else is there.
    (entry,) = await page.log()
    assert "/api/auth/users/me/" in entry["message"] and "status of 401" in entry["message"]


@needs_chromium
async def test_who_signs_in_on_the_page_tries_operations_as_that_account(page):
    await page.open()
    await page.sign_in()
    await page.is_signed_in()
    me = await page.unfold("me")
    assert '"picker@example.com"' in await page.execute(me)
    assert (await page.status(me)).startswith("200")
    assert "Authorization: Bearer " in await page.text(f"{me} .curl-command")
    invoices = await page.unfold("invoices")
    await page.execute(invoices)
    assert (await page.status(invoices)).startswith("200")
    assert await page.log() == []


@needs_chromium
async def test_a_wrong_password_is_told_and_is_not_left_in_the_field(page):
    await page.open()
    await page.sign_in(password="wrong" + PASSWORD)
    await page.sees("#sign-in-problem", "Invalid email or password")
    await page.until(lambda: page.script("return document.getElementById('password').value"), lambda found: not found)
    assert not await page.has_session()


@needs_chromium
async def test_a_reload_keeps_who_is_signed_in_and_signing_out_ends_the_session(page, db):
    await page.open()
    await page.sign_in()
    await page.is_signed_in()
    await page.open()
    await page.is_signed_in()
    session = "SELECT count(*) FROM accounts.session WHERE revoked_at IS NULL"
    before = await db.fetchval(session)
    await page.click("#account")
    await page.sees("#account", "Sign in")
    await page.until(lambda: db.fetchval(session), lambda found: found == before - 1)
    me = await page.unfold("me")
    await page.execute(me)
    assert (await page.status(me)).startswith("401")
    assert "Authorization" not in await page.text(f"{me} .curl-command")


@needs_chromium
async def test_an_access_token_that_ran_out_is_renewed_when_an_operation_is_tried(page, app, monkeypatch):
    await page.open()
    await page.sign_in()
    await page.is_signed_in()
    token = "return (await import('/static/live-session.js')).accessToken()"
    old = await page.script(token)
    read = app.tokens.read

    def read_later(kind, token):
        if token == old:
            raise TokenError("expired")
        return read(kind, token)

    monkeypatch.setattr(app.tokens, "read", read_later)
    me = await page.unfold("me")
    assert '"picker@example.com"' in await page.execute(me)
    assert (await page.status(me)).startswith("200") and await page.script(token) != old


@needs_chromium
async def test_a_session_that_was_ended_is_a_401_and_leads_back_to_the_form(page, db):
    await page.open()
    await page.sign_in()
    await page.is_signed_in()
    me = await page.unfold("me")
    await db.execute("UPDATE accounts.session SET revoked_at = now()")
    await asyncio.sleep(0.2)  # until the server has heard of it
    await page.execute(me)
    assert (await page.status(me)).startswith("401")
    await page.sees("#account", "Sign in")


@needs_chromium
async def test_a_token_given_to_swagger_ui_itself_is_not_replaced(page):
    await page.open()
    await page.sign_in()
    await page.is_signed_in()
    await page.click("#swagger-ui .btn.authorize")
    await page.type("#swagger-ui .auth-container #auth-bearer-value", "another-token", Keys.ENTER)
    await page.click("#swagger-ui .btn-done")
    me = await page.unfold("me")
    await page.execute(me)
    assert (await page.status(me)).startswith("401")
    assert "Bearer another-token" in await page.text(f"{me} .curl-command")
    # The session of the page is not the one that the server refused.
    await page.is_signed_in()


@needs_chromium
async def test_the_token_never_goes_to_another_host(page):
    await page.open()
    await page.sign_in()
    await page.is_signed_in()
    elsewhere = await page.unfold("elsewhere")
    await page.click(f"{elsewhere} .execute")
    await page.sees(elsewhere, "Failed to fetch")
    curl = await page.text(f"{elsewhere} .curl-command")
    assert "http://another-host.example/" in curl and "Authorization" not in curl
    # The policy of the page forbids the request itself.
    assert any("Content Security Policy" in entry["message"] for entry in await page.log())


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
async def test_it_fits_the_screen_in_both_colour_schemes(page, size, scheme):
    await page.resize(*size)
    await page.open(scheme)
    name = f"{scheme}-{size[0]}"
    await page.looks_right(f"all-{name}")
    await page.sign_in(password="wrong" + PASSWORD)
    await page.sees("#sign-in-problem", "Invalid email or password")
    await page.looks_right(f"wrong-{name}")
    await page.sign_in()
    await page.is_signed_in()
    me = await page.unfold("me")
    await page.execute(me)
    await page.looks_right(f"answer-{name}")
    await page.script("document.querySelector('.live-responses-table').scrollIntoView()")
    await page.looks_right(f"body-{name}")
    for operation in ("invoices", "import", "elsewhere"):
        block = await page.unfold(operation)
        await page.script("document.querySelector(arguments[0]).scrollIntoView()", block)
        await page.looks_right(f"{operation}-{name}")
    await page.click("#swagger-ui section.models .models-control")
    await page.click("#swagger-ui section.models .json-schema-2020-12-accordion")
    await page.script("document.querySelector('section.models').scrollIntoView()")
    await page.looks_right(f"schemas-{name}")
    await page.script("scrollTo(0, 0)")
    await page.click("#swagger-ui .btn.authorize")
    await page.sees("#swagger-ui .dialog-ux", "bearer", "X-API-KEY")
    await page.looks_right(f"authorize-{name}")
