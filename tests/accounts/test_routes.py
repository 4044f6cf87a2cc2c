"""Who may enter: every route with every method, without a token, with a bad one, and with every role."""

import asyncio
import json
import re
import time

import pytest

from core.access import Access
from core.http import openapi
from core.http.declare import JSON, answers_of
from core.http.handler import METHODS, Handler
from handlers.api import areas
from handlers.api.handler import ApiHandler
from handlers.api.page import Page
from handlers.api.roles import ROLES
from tests.support.described import described
from tests.support.http import PASSWORD
from tests.support.sse import EventStream

pytestmark = pytest.mark.gen_test

# The table of the design, section 3.
AREAS = {
    "sales": {
        "SUPERADMIN",
        "ADMIN",
        "OWNER",
        "EMPLOYEE",
        "USER",
        "PICKER",
        "PACKER",
        "DRIVER",
        "DELIVERY",
        "BILLING",
        "STORE",
    },
    "pos": {"SUPERADMIN", "ADMIN", "OWNER", "EMPLOYEE"},
    "books": {
        "SUPERADMIN",
        "ADMIN",
        "OWNER",
        "EMPLOYEE",
        "USER",
        "PICKER",
        "PACKER",
        "DRIVER",
        "DELIVERY",
        "BILLING",
        "STORE",
        "MEMBER",
    },
    "invoicing": {"SUPERADMIN", "ADMIN", "OWNER", "BILLING"},
    "vendor": {"SUPERADMIN", "VENDOR"},
    "sales-rep": {"SUPERADMIN", "SALESREP"},
    "administration": {"SUPERADMIN", "ADMIN", "OWNER"},
    "developer": {"SUPERADMIN"},
}
# Pages that know their visitors by a cookie look at no token; tests/vendor/test_sales_rep.py walks them. Those that end the caller's own
# session come last.
ROUTER = areas.router()
ROUTES = sorted(
    (route for route in ROUTER.routes if "cookie" not in getattr(route.handler, "schemes", ())),
    key=lambda route: "logout" in route.path,
)
SAMPLES = {"": "nothing", "int": "999999999", "uuid": "00000000-0000-4000-8000-000000000000", "path": "nothing.css"}
DENIED = (401, 403)
# The vendor document has 401 for a sign-in without a name and a password.
UNASKED = ("/auth/login/",)


def sample(path):
    return re.sub(r"\{[a-z_]+(?::([a-z]+))?\}", lambda found: SAMPLES[found[1] or ""], path)


def admits(says, role, is_staff=False):
    """Whether an access, by what it says of itself, admits this role (None: nobody signed in)."""
    if says.startswith("anyone"):
        says = says.partition("; signed in:")[2]
        if role is None or not says:
            return True
    # The accounts of these tests have no vendor; tests/vendor/test_approval.py enters with one.
    if role is None or "approved vendor" in says:
        return False
    area = re.search(r"area ([a-z-]+)", says)
    return area is None or role in AREAS[area[1]] or (is_staff and "or is_staff" in says)


def is_stream(method, path):
    """Whether the answer never ends."""
    route = ROUTER.route(path.partition("?")[0])
    declared = answers_of(getattr(route.handler, method.lower(), None)) if route else ()
    return any(answer.media == openapi.EVENT_STREAM for answer in declared)


async def ask(api, method, path, token, scheme="Bearer"):
    """Status, content type and body. A stream never ends, so of it only the head."""
    if is_stream(method, path):
        found = await EventStream.open(
            api.base_url, path, headers={"Authorization": f"{scheme} {token}"} if token else {}
        )
        found.close()
        return found.status, found.headers["content-type"], ""
    headers = {"Authorization": f"{scheme} {token}"} if token else {}
    answer = await api.call(method, path, None if method == "GET" else b"{}", headers=headers)
    return answer.status, answer.headers["Content-Type"], answer.text


def is_json(route, method):
    """Whether its answers are JSON. A stream's are events, a page's are HTML, and others say what they are."""
    declared = answers_of(getattr(route.handler, method.lower()))
    is_other = any(answer.status < 300 and answer.media != JSON for answer in declared)
    return route.path.startswith("/api/") and not is_other and not issubclass(route.handler, Page)


async def walk(api, methods_of, token, check, vendor_token=None):
    """Every route with these methods; `check(route, method, status)` returns what is wrong, or nothing. vendor_token: of the same account,
    for the routes that look at no other; without it `token` is sent there."""
    wrong = []
    for route in ROUTES:
        for method in methods_of(route) if route.path not in UNASKED else ():
            is_vendors = "token" in route.handler.schemes
            credentials = (vendor_token or token, "Token") if is_vendors else (token, "Bearer")
            status, kind, text = await ask(api, method, sample(route.path), *credentials)
            where = f"{method} {route.path} {status}"
            if status >= 500 or check(route, method, status):
                wrong.append(where)
            if kind == "application/json":
                json.loads(text or "{}")
            elif status >= 400 or is_json(route, method):
                wrong.append(f"{where} is {kind}")
    assert not wrong, "\n".join(wrong)


async def vendor_token(api, email):
    """The vendor API's token of an account."""
    return (await api.post("/auth/login/", {"username": email, "password": PASSWORD})).json["token"]


def declared(route):
    return route.handler.methods()


async def test_every_route_declares_who_may_call_it():
    for path, handler in areas.router().routes:
        assert issubclass(handler, Handler) and all(
            isinstance(handler.access_to(method), Access) and handler.access_to(method).says for method in METHODS
        ), path
        assert handler.methods(), path


async def test_the_roles_are_those_of_the_design():
    assert {area: {role for role, areas in ROLES.items() if area in areas} for area in AREAS} == AREAS
    assert set().union(*ROLES.values()) == set(AREAS)


async def test_the_database_knows_the_same_roles(db):
    constraint = await db.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'account_role_known'"
    )
    assert set(re.findall(r"'([A-Z]+)'", constraint)) == set(ROLES)


async def test_without_a_token_only_what_is_for_anyone_is_entered(api):
    await walk(
        api,
        declared,
        None,
        lambda route, method, status: (status in DENIED) is admits(route.handler.access_to(method).says, None),
    )


async def test_the_description_asks_for_credentials_where_the_access_does():
    paths = described().document["paths"]
    for route in ROUTES:
        for method in declared(route) if route.handler.is_described else ():
            says = route.handler.access_to(method).says
            operation = paths[openapi.template(route.path)][method.lower()]
            # A refresh token in the body takes the place of credentials.
            is_open = admits(says, None) or "refresh token in the body" in says
            assert ({} in operation["security"]) is is_open and says in operation["description"], (method, route.path)
            assert is_open or "401" in operation["responses"], (method, route.path)
            refuses_roles = any(not admits(says, role) for role in ROLES)
            assert not refuses_roles or "403" in operation["responses"], (method, route.path)


async def test_without_a_token_what_is_refused_is_401(api):
    await walk(api, declared, None, lambda route, method, status: status == 403)


async def test_a_method_that_a_route_lacks_is_405_to_whom_it_admits_and_401_to_others(api):
    def lacking(route):
        return [method for method in METHODS if method not in declared(route)]

    await walk(
        api,
        lacking,
        None,
        lambda route, method, status: status != (405 if admits(route.handler.access_to(method).says, None) else 401),
    )


def looks_at_tokens(route):
    return issubclass(route.handler, ApiHandler) and route.handler.authenticates


def refused_where_tokens_are_looked_at(route, method, status):
    """`check` of a token that is not good, even where none is needed; elsewhere 401 says something else was wrong."""
    return looks_at_tokens(route) and status != 401


async def test_a_bad_token_is_401_wherever_tokens_are_looked_at(api):
    await walk(api, declared, "bad", refused_where_tokens_are_looked_at)
    await walk(api, declared, "bad", lambda route, method, status: status == 403)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("state", ["expired", "revoked", "inactive"])
async def test_a_token_that_is_no_longer_good_enters_nowhere_whatever_the_role(api, app, sign_in, db, role, state):
    signed = await sign_in(role, f"{state}-{role.lower()}@example.com")
    token = signed["access"]
    if state == "expired":
        claims = app.tokens.read("access", token)
        token = app.tokens.sign("access", time.time() - 60, {name: claims[name] for name in ("sid", "user_id", "role")})
    elif state == "revoked":
        await db.execute("UPDATE accounts.session SET revoked_at = now() WHERE account_id = $1", signed["user_id"])
    else:
        await db.execute("UPDATE accounts.account SET is_active = false WHERE id = $1", signed["user_id"])
    await asyncio.sleep(0.1)
    await walk(api, declared, token, refused_where_tokens_are_looked_at)


@pytest.mark.parametrize("changed_settings", [{"developer_options": True}])
async def test_each_role_enters_what_its_routes_say_and_nothing_else(app, api, sign_in):
    signed = await asyncio.gather(*(sign_in(role) for role in ROLES))
    for role, tokens in zip(ROLES, signed, strict=True):
        await walk(
            api,
            declared,
            tokens["access"],
            lambda route, method, status, role=role: (
                status != 403 if not admits(route.handler.access_to(method).says, role) else status in DENIED
            ),
            await vendor_token(api, f"{role.lower()}@example.com"),
        )


async def test_is_staff_adds_what_its_routes_say_and_nothing_else(api, sign_in, db):
    for role in ("STORE", "MEMBER"):
        signed = await sign_in(role, f"staff-{role.lower()}@example.com")
        await db.execute("UPDATE accounts.account SET is_staff = true WHERE id = $1", signed["user_id"])
        await asyncio.sleep(0.1)
        await walk(
            api,
            declared,
            signed["access"],
            lambda route, method, status, role=role: (
                (status in DENIED) is admits(route.handler.access_to(method).says, role, is_staff=True)
            ),
            await vendor_token(api, f"staff-{role.lower()}@example.com"),
        )


@pytest.mark.parametrize("changed_settings", [{"sales_public_read": False}])
async def test_reading_invoices_can_be_kept_to_those_who_may_enter_sales(app, api, sign_in):
    paths = ("/api/sales/invoices/", "/api/sales/invoices/1/", "/api/sales/sse/invoices/")
    for role, statuses in {None: {401}, "MEMBER": {403}, "VENDOR": {403}, "PICKER": {200, 404}}.items():
        token = (await sign_in(role))["access"] if role else None
        for path in paths:
            assert (await ask(api, "GET", path, token))[0] in statuses, (role, path)
    token = (await sign_in("PICKER"))["access"]
    assert (await ask(api, "GET", f"/api/sales/sse/invoices/?token={token}", None))[0] == 200
    assert (await api.get("/api/sales/sse/invoices/?token=bad")).status == 401
    assert (await api.get(f"/api/sales/invoices/?token={token}")).status == 401


async def test_the_import_key_admits_to_the_import_and_to_nothing_else(api, sign_in, invoice):
    importing = "/api/sales/import/invoice/"
    assert (await api.post(importing, invoice(), key="test-import-key")).status == 201
    for key in ("", "test-import-key ".rstrip() + "x", "TEST-IMPORT-KEY", "é"):
        assert (await api.post(importing, invoice(), key=key)).status == 401, key
    assert (await api.get("/api/auth/users/me/", key="test-import-key")).status == 401
    member = (await sign_in("MEMBER"))["access"]
    assert (await api.post(importing, invoice(), token=member, key="test-import-key")).status == 403


@pytest.mark.parametrize("changed_settings", [{"sales_import_api_key": ""}])
async def test_without_a_configured_key_no_key_is_the_right_one(app, api, invoice):
    for key in ("", "test-import-key"):
        assert (await api.post("/api/sales/import/invoice/", invoice(), key=key)).status == 401


async def test_an_access_that_admits_nobody_would_be_noticed():
    assert not admits("signed in", None) and admits("signed in", "MEMBER")
    assert not admits("signed in, area pos", "MEMBER") and admits("anyone", None)
