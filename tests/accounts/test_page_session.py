"""The session that all pages share, as their scripts use it (docs/api/accounts.md#pages): the cookie, tokens by it, and who may not use it."""

import asyncio
import re
from ipaddress import ip_network

import pytest

from core.tokens import Tokens
from handlers.accounts import commands
from handlers.api import areas
from handlers.api.page_handler import SESSION, PageHandler
from handlers.api.roles import ROLES
from handlers.api.sign_in import FAILURES
from tests.support.browser import SECRET_KEY
from tests.support.deadlines import until
from tests.support.http import PASSWORD
from tests.support.visitor import Visitor

pytestmark = pytest.mark.gen_test

SESSION_PATH, TOKEN, END, ME = "/session/", "/session/token/", "/session/end/", "/api/auth/users/me/"
FORGED = "Only the pages of this server may use their session."
OPEN = "SELECT count(*) FROM accounts.session s JOIN accounts.account a ON a.id = s.account_id WHERE a.email = $1 AND s.revoked_at IS NULL"


class Script(Visitor):
    """The script of a page in a browser that keeps cookies."""

    def __init__(self, api):
        super().__init__(api)
        self.origin = api.base_url

    async def ask(self, method, path, body=None, **headers):
        sent = {"X-Requested-With": "XMLHttpRequest", "Origin": self.origin, "Accept": "application/json", **headers}
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given = {name.replace("_", "-"): value for name, value in sent.items() if value}
        answer = await self._api.call(method, path, body, headers={**given, "Cookie": cookies}, is_described=False)
        self.take_cookies(answer)
        return answer

    async def begin(self, login, password=PASSWORD, **headers):
        return await self.ask("POST", SESSION_PATH, {"email": login, "password": password}, **headers)

    async def who(self):
        """Who is signed in, by the answer to the page."""
        answer = await self.ask("POST", TOKEN)
        assert answer.status == 200, answer.text
        return answer.json


@pytest.fixture
def script(api):
    return Script(api)


async def test_a_sign_in_sets_a_cookie_that_no_script_reads_and_answers_a_token_for_the_api(script, api, sign_in):
    await sign_in("PICKER")
    answer = await script.begin("picker@example.com")
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    (cookie,) = [text for text in answer.headers.getall("Set-Cookie") if text.startswith(SESSION)]
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; ")) and "Secure" not in cookie
    assert "expires=" in cookie
    assert answer.json["user"] | {"id": 0} == {
        "id": 0,
        "email": "picker@example.com",
        "name": "Picker",
        "role": "PICKER",
    }
    assert (await api.get(ME, token=answer.json["access"])).json["data"]["email"] == "picker@example.com"
    again = await script.who()
    assert again["user"] == answer.json["user"] and again["pages"] == answer.json["pages"]
    assert (await api.get(ME, token=again["access"])).status == 200


async def test_it_takes_a_user_name_as_every_sign_in_does(script, settings):
    assert (
        await commands.create(settings, "quentin@example.com", "Q", "USER", PASSWORD, staff=False, username="quentin")
        is None
    )
    answer = await script.ask("POST", SESSION_PATH, {"username": "quentin", "password": PASSWORD})
    assert answer.json["user"]["email"] == "quentin@example.com"


@pytest.mark.parametrize("changed_settings", [{"trusted_proxies": (ip_network("127.0.0.1"),)}])
async def test_behind_a_proxy_with_tls_the_cookie_is_secure(script, sign_in):
    await sign_in("PICKER")
    secure = "https://" + script.origin.removeprefix("http://")
    answer = await script.begin("picker@example.com", X_Forwarded_Proto="https", Origin=secure)
    assert answer.status == 200 and "Secure" in answer.headers["Set-Cookie"].split("; ")


async def test_behind_a_proxy_that_is_not_trusted_people_can_sign_in_too(script, sign_in):
    await sign_in("PICKER")
    secure = "https://" + script.origin.removeprefix("http://")
    answer = await script.begin(
        "picker@example.com", X_Forwarded_Proto="https", Origin=secure, Sec_Fetch_Site="same-origin"
    )
    assert answer.status == 200 and "Secure" not in answer.headers["Set-Cookie"]


async def test_the_answer_says_which_pages_a_role_may_use(script, sign_in):
    async def paths(role):
        await sign_in(role)
        return [page["path"] for page in (await script.begin(f"{role.lower()}@example.com")).json["pages"]]

    assert {"/live/", "/books/", "/dashboard/", "/api/monitoring/", "/api/docs/"} <= set(await paths("PICKER"))
    assert not {"/pos/", "/sales-rep/vendors/", "/developer/"} & set(await paths("PICKER"))
    assert {"/pos/", "/live/"} <= set(await paths("EMPLOYEE"))
    assert {"/books/", "/dashboard/"} <= set(found := await paths("MEMBER")) and not {"/live/", "/pos/"} & set(found)
    assert "/sales-rep/vendors/" in (found := await paths("SALESREP")) and "/books/" not in found
    assert await paths("VENDOR") == ["/api/docs/"]
    assert set(await paths("SUPERADMIN")) == {link.path for link in areas.gathered("pages")}


async def test_nobody_is_told_the_public_pages(script, app):
    assert await script.who() == {
        "access": None,
        "user": None,
        "pages": [{"path": "/live/", "title": "Live invoices"}, {"path": "/api/docs/", "title": "API"}],
    }


@pytest.mark.parametrize("changed_settings", [{"sales_public_read": False}])
async def test_the_board_is_public_only_where_reading_is(script):
    assert [page["path"] for page in (await script.who())["pages"]] == ["/api/docs/"]


async def test_each_page_that_a_role_may_use_exists(api):
    router = areas.router()
    for link in areas.gathered("pages"):
        assert router.route(link.path) is not None, link.path
        assert (await api.get(link.path, headers={"Accept": "text/html"}, is_described=False)).status in (200, 302)


# What ends it


async def test_a_sign_out_ends_the_session_and_removes_the_cookie(script, api, sign_in, db):
    await sign_in("PACKER")
    before = await db.fetchval(OPEN, "packer@example.com")
    access = (await script.begin("packer@example.com")).json["access"]
    assert await db.fetchval(OPEN, "packer@example.com") == before + 1
    answer = await script.ask("DELETE", SESSION_PATH)
    assert (answer.status, answer.json["access"], answer.json["user"]) == (200, None, None)
    assert SESSION not in script.cookies and await db.fetchval(OPEN, "packer@example.com") == before
    assert (await api.get(ME, token=access)).status == 401
    assert (await script.ask("DELETE", SESSION_PATH)).status == 200


async def test_the_form_of_the_header_ends_it_without_a_script(api, sign_in, db):
    await sign_in("PACKER")
    visitor = Visitor(api)
    before = await db.fetchval(OPEN, "packer@example.com")
    await visitor.sign_in("packer@example.com")
    await visitor.get("/")
    assert (await visitor.post(END, csrfmiddlewaretoken="wrong")).status == 302
    assert await db.fetchval(OPEN, "packer@example.com") == before and SESSION not in visitor.cookies


async def test_a_sign_out_form_of_another_site_is_refused(api, sign_in, db):
    await sign_in("PACKER")
    visitor = Visitor(api)
    await visitor.sign_in("packer@example.com")
    before = await db.fetchval(OPEN, "packer@example.com")
    visitor.token = "forged"
    assert (await visitor.post(END)).status == 403
    await visitor.get("/")
    assert (await visitor.post(END, Origin="http://evil.example")).status == 403
    assert await db.fetchval(OPEN, "packer@example.com") == before and SESSION in visitor.cookies


async def test_a_session_that_was_revoked_elsewhere_gives_no_token(script, api, sign_in):
    await sign_in("PICKER")
    access = (await script.begin("picker@example.com")).json["access"]
    assert (await api.post("/api/auth/logout/", token=access)).status == 200
    assert (await script.who())["user"] is None
    # The cookie stays: it may be that of a server on another port.
    assert SESSION in script.cookies


async def test_an_account_that_was_deactivated_gets_no_token_and_can_sign_out(script, sign_in, db):
    await sign_in("USER", "gone@example.com")
    await script.begin("gone@example.com")
    await db.execute("UPDATE accounts.account SET is_active = false WHERE email = 'gone@example.com'")

    async def is_out():
        return (await script.who())["user"] is None

    await until(is_out)
    assert (await script.ask("DELETE", SESSION_PATH)).status == 200


async def test_a_token_lives_no_longer_than_its_session(script, sign_in, db):
    await sign_in("DRIVER")
    await script.begin("driver@example.com")
    await db.execute("UPDATE accounts.session SET expires_at = now() + interval '100 seconds'")
    claims = Tokens(SECRET_KEY).read("access", (await script.who())["access"])
    # Both are rounded to seconds.
    assert claims["exp"] - claims["iat"] <= 101


async def test_who_signs_in_over_another_session_of_the_browser_ends_that_one(script, api, sign_in, db):
    await sign_in("PICKER")
    await sign_in("PACKER")
    first = (await script.begin("picker@example.com")).json["access"]
    assert (await script.begin("packer@example.com")).json["user"]["email"] == "packer@example.com"
    assert (await api.get(ME, token=first)).status == 401
    # A wrong password ends nothing.
    assert (await script.begin("picker@example.com", "wrong")).status == 401
    assert (await script.who())["user"]["email"] == "packer@example.com"


@pytest.mark.parametrize("changed_settings", [{"refresh_token_rotation": "strict"}])
async def test_tabs_that_renew_at_once_all_get_tokens_under_strict_rotation_too(script, api, sign_in):
    tokens = await sign_in("PICKER")
    await script.begin("picker@example.com")
    found = await asyncio.gather(*(script.who() for _ in range(12)))
    assert {one["user"]["email"] for one in found} == {"picker@example.com"}
    assert {(await api.get(ME, token=one["access"])).status for one in found} == {200}
    # The refresh tokens of programs rotate as before.
    assert (await api.post("/api/auth/token/refresh/", {"refresh": tokens["refresh"]})).status == 200


# Who may not use it


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://evil.example", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1:1", "Sec_Fetch_Site": "same-site"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "", "Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "cross-site"},
        {"X-Requested-With": ""},
    ],
    ids=lambda headers: " ".join(f"{name}={value}" for name, value in headers.items()),
)
async def test_no_other_site_and_no_other_port_uses_the_cookie(script, sign_in, db, headers):
    await sign_in("STORE")
    await script.begin("store@example.com")
    before = await db.fetchval(OPEN, "store@example.com")
    for method, path, body in (
        ("POST", TOKEN, None),
        ("DELETE", SESSION_PATH, None),
        ("POST", SESSION_PATH, {"email": "store@example.com", "password": PASSWORD}),
    ):
        answer = await script.ask(method, path, body, **headers)
        assert (answer.status, answer.json["message"]) == (403, FORGED), (method, path)
        assert "access" not in answer.text and "Access-Control-Allow-Origin" not in answer.headers
    assert await db.fetchval(OPEN, "store@example.com") == before


async def test_the_cookie_is_no_credential_of_the_api(script, sign_in):
    await sign_in("SUPERADMIN")
    await script.begin("superadmin@example.com")
    for path in (ME, "/api/users/", "/api/operations/audit/"):
        assert (await script.ask("GET", path)).status == 401


async def test_a_token_of_another_kind_or_key_is_no_cookie(script, sign_in):
    tokens = await sign_in("PICKER")
    await script.begin("picker@example.com")
    sid = Tokens(SECRET_KEY).read(SESSION, script.cookies[SESSION])["sid"]
    forged = Tokens("another-secret-key-of-at-least-32-bytes!").sign(SESSION, 4e9, {"sid": sid})
    odd = [Tokens(SECRET_KEY).sign(SESSION, 4e9, {"sid": one}) for one in ("1", -1, 2**70, None, True)]
    old = Tokens(SECRET_KEY).sign(SESSION, 1, {"sid": sid})
    for cookie in (forged, old, tokens["access"], tokens["refresh"], "x", "", "\\x00", "a" * 5000, *odd):
        script.cookies[SESSION] = cookie
        assert (await script.who())["user"] is None


async def test_wrong_sign_ins_are_refused_in_the_words_of_the_dialogs_and_counted_with_all_others(script, api, sign_in):
    await sign_in("USER", "ida@example.com")
    answer = await script.begin("ida@example.com", "wrong")
    assert (answer.status, answer.json["message"]) == (
        401,
        "Invalid email or password",
    ) and SESSION not in script.cookies
    for _ in range(FAILURES - 1):
        assert (await api.post("/api/auth/login/", {"email": "ida@example.com", "password": "wrong"})).status == 401
    answer = await script.begin("ida@example.com")
    assert answer.status == 429 and int(answer.headers["Retry-After"]) > 0
    visitor = Visitor(api)
    assert "failed sign-ins" in (await visitor.sign_in("ida@example.com")).text


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b'{"email": "a@b.example"}', b'{"email": "", "password": "x"}', b'{"email": "a\\u0000@b.example", "password": "x"}',
     b'{"email": NaN, "password": "x"}', b'{"email": {"a": 1}, "password": 5}', b'{"email": "%s", "password": "x"}' % (b"a" * 1_000_000)],
    ids=lambda body: body[:30].decode(),
)  # fmt: skip
async def test_a_malformed_sign_in_is_400(script, body):
    answer = await script.ask("POST", SESSION_PATH, body, Content_Type="application/json")
    assert answer.status == 400 and SESSION not in script.cookies


# All pages


async def test_the_cookie_signs_in_to_the_sales_reps_pages_and_their_sign_in_to_all_pages(script, api, sign_in):
    await sign_in("SALESREP")
    await script.begin("salesrep@example.com")
    assert (await script.get("/sales-rep/vendors/")).status == 200
    assert (await script.get("/sales-rep/")).headers["Location"] == "/sales-rep/vendors/"
    other = Script(api)
    other._sign_in_path = "/sales-rep/"
    assert (await other.sign_in("salesrep@example.com")).status == 302
    assert (await other.who())["user"]["email"] == "salesrep@example.com"
    await other.get("/sales-rep/vendors/")
    assert (await other.post("/sales-rep/logout/")).status == 302
    assert (await other.who())["user"] is None


async def test_every_page_has_the_header_with_the_way_home_and_the_menu(script, sign_in):
    await sign_in("SUPERADMIN")
    await script.begin("superadmin@example.com")
    for link in areas.gathered("pages"):
        page = await script.get(link.path)
        assert page.status == 200 and page.text.count('<details class="site-menu"') == 1, link.path
        assert page.text.count('class="site-home" href="/"') == 1 and 'href="/static/header.css"' in page.text, (
            link.path
        )
        assert not re.search(r"\{[{%#]", page.text), link.path


async def test_pages_that_know_their_visitors_by_the_cookie_take_no_token_in_its_place(api, sign_in):
    """With each role: a page is answered to an access token as to nobody."""
    composed = [
        route for route in areas.router().routes if issubclass(route.handler, PageHandler) and "{" not in route.path
    ]
    assert len(composed) > 4
    for role in ROLES:
        token = (await sign_in(role))["access"]
        for route in composed:
            if "GET" in route.handler.methods():
                answer = await api.get(route.path, token=token, headers={"Accept": "text/html"}, is_described=False)
                assert answer.status == 302 or 'data-account=""' in answer.text, route.path
