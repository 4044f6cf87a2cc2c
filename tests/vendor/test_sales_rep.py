"""The pages for sales reps, as a program sees them: cookies, forms, refusals. docs/api/vendor.md#sales-rep-pages."""

import asyncio
import json
import re
from ipaddress import ip_network
from urllib.parse import urlencode

import pytest

from handlers.api import areas
from handlers.api.roles import ROLES
from handlers.vendor.rep_handler import RepHandler
from tests.support.http import PASSWORD
from tests.support.sse import EventStream
from tests.support.visitor import Visitor

pytestmark = pytest.mark.gen_test

SIGN_IN, VENDORS = "/sales-rep/", "/sales-rep/vendors/"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def visitor(api):
    return Visitor(api, SIGN_IN)


@pytest.fixture
def rep(db, api, account):
    """`await rep()`: a visitor who is signed in as a sales rep."""

    async def rep(username="rep", role="SALESREP"):
        await account(role, f"{username}@example.com", username=username)
        found = Visitor(api, SIGN_IN)
        answer = await found.sign_in(username)
        assert (answer.status, answer.headers["Location"]) == (302, VENDORS), answer.text
        return found

    return rep


async def state(db, vendor):
    return tuple(
        await db.fetchrow(
            "SELECT v.is_approved, a.is_active FROM vendor.vendor v JOIN accounts.account a ON a.id = v.account_id WHERE v.id = $1::uuid",
            vendor.id,
        )
    )


def names(answer):
    return re.findall(r'<td class="name"><a href="[^"]+">([^<]+)</a>', answer.text)


def message(answer):
    return re.search(r'<p id="message" role="status" class="message ([a-z]*)">([^<]*)</p>', answer.text).groups()


# Signing in


async def test_the_sign_in_page_is_as_the_document_describes_it(visitor):
    answer = await visitor.get(SIGN_IN)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for part in (
        "<title>Sales Rep Login</title>",
        "Vendor Approval System",
        'name="username"',
        'name="password"',
        ">Login</button>",
    ):
        assert part in answer.text


async def test_a_sales_rep_signs_in_and_is_sent_to_the_vendors_also_from_the_sign_in_page(visitor, account):
    await account("SALESREP", "in@example.com", username="in")
    answer = await visitor.sign_in("in")
    assert (answer.status, answer.headers["Location"]) == (302, VENDORS)
    page = await visitor.get(VENDORS)
    assert page.status == 200 and "<strong>in</strong> <small>(Sales Rep)</small>" in page.text
    for path in (SIGN_IN, SIGN_IN.removesuffix("/")):
        again = await visitor.get(path)
        assert (again.status, again.headers["Location"]) == (302, VENDORS)


async def test_a_person_with_is_staff_enters_as_an_admin(visitor, db, account):
    id = await account("USER", "staff@example.com", username="staff")
    await db.execute("UPDATE accounts.account SET is_staff = true WHERE id = $1", id)
    await visitor.sign_in("staff")
    assert "(Admin)" in (await visitor.get(VENDORS)).text


@pytest.mark.parametrize("password", ["wrong-password", "", "x" * 2000, "a\0b"])
async def test_a_wrong_password_shows_the_page_again_with_the_documented_sentence(visitor, account, password):
    await account("SALESREP", "wrong@example.com", username="wrong")
    answer = await visitor.sign_in("wrong", password)
    assert answer.status == 200 and "Invalid username or password." in answer.text
    assert 'value="wrong"' in answer.text and "tradepost-session" not in visitor.cookies


async def test_people_who_are_no_sales_reps_are_told_so(visitor, account, vendor):
    await account("EMPLOYEE", "clerk@example.com", username="clerk-no-rep")
    someone = await vendor()
    for username in ("clerk-no-rep", someone.username):
        answer = await visitor.sign_in(username)
        assert answer.status == 200 and "Access denied. Sales rep or admin access required." in answer.text
        assert "tradepost-session" not in visitor.cookies


async def test_a_sales_rep_who_was_made_inactive_is_told_so_and_loses_the_pages_at_once(db, visitor, rep):
    someone = await rep("off")
    await db.execute(
        "INSERT INTO vendor.sales_rep (account_id, name, is_active) SELECT id, 'Off', false FROM accounts.account WHERE username = 'off'"
    )
    assert (await someone.get(VENDORS)).status == 403
    refused = await someone.post(f"{VENDORS}{UNKNOWN}/approve/", **{"X-Requested-With": "XMLHttpRequest"})
    assert (refused.status, refused.json) == (403, {"error": "Sales rep account not active"})
    answer = await visitor.sign_in("off")
    assert answer.status == 200 and "Your sales rep account is not active." in answer.text


async def test_sign_ins_that_fail_too_often_are_refused_on_the_page(visitor, account):
    await account("SALESREP", "often@example.com", username="often")
    for _ in range(11):
        answer = await visitor.sign_in("often", "wrong-password")
    assert answer.status == 200 and "Too many failed sign-ins" in answer.text


async def test_the_cookies_are_for_these_pages_and_for_no_script(visitor, account):
    await account("SALESREP", "cookies@example.com", username="cookies")
    first = await visitor.get(SIGN_IN)
    signed = await visitor.post(SIGN_IN, {"username": "cookies", "password": PASSWORD})
    for answer in (first, signed):
        for cookie in answer.headers.getall("Set-Cookie"):
            assert all(part in cookie for part in ("HttpOnly", "Path=/;", "SameSite=Lax")) and "Secure" not in cookie


@pytest.mark.parametrize("changed_settings", [{"trusted_proxies": (ip_network("127.0.0.1/32"), ip_network("::1/128"))}])
async def test_over_tls_the_cookies_are_secure(visitor):
    answer = await visitor.get(SIGN_IN, **{"X-Forwarded-Proto": "https"})
    assert all("Secure" in cookie for cookie in answer.headers.getall("Set-Cookie"))


async def test_without_a_session_pages_lead_to_the_sign_in_and_back_and_scripts_are_refused(visitor, account):
    await account("SALESREP", "back@example.com", username="back")
    wanted = f"{VENDORS}?status=pending"
    answer = await visitor.get(wanted)
    assert answer.status == 302 and answer.headers["Location"] == f"{SIGN_IN}?{urlencode({'next': wanted})}"
    await visitor.get(answer.headers["Location"])
    signed = await visitor.post(answer.headers["Location"], {"username": "back", "password": PASSWORD})
    assert signed.headers["Location"] == wanted
    refused = await Visitor(visitor._api).post(f"{VENDORS}{UNKNOWN}/approve/", **{"X-Requested-With": "XMLHttpRequest"})
    assert (refused.status, refused.json) == (403, {"error": "Access denied"})


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/api/", "javascript:alert(1)"])
async def test_the_sign_in_leads_to_no_other_site(visitor, account, elsewhere):
    await account("SALESREP", "other@example.com", username="other")
    await visitor.get(SIGN_IN)
    where = f"{SIGN_IN}?{urlencode({'next': elsewhere})}"
    answer = await visitor.post(where, {"username": "other", "password": PASSWORD})
    assert (answer.status, answer.headers["Location"]) == (302, VENDORS)


async def test_signing_out_ends_the_session_also_for_a_copy_of_the_cookie(api, rep):
    someone = await rep("out")
    copy = Visitor(api, SIGN_IN)
    copy.cookies = dict(someone.cookies)
    await someone.get(VENDORS)
    answer = await someone.post("/sales-rep/logout/")
    assert (answer.status, answer.headers["Location"]) == (302, SIGN_IN)
    assert (await someone.get(VENDORS)).status == (await copy.get(VENDORS)).status == 302


async def test_a_token_of_the_apis_is_no_session_here(visitor, sign_in):
    visitor.cookies["tradepost-session"] = (await sign_in("SUPERADMIN"))["access"]
    assert (await visitor.get(VENDORS)).status == 302


# Who may enter


def guarded():
    """Method and path of every operation that needs the cookie."""
    for route in areas.router().routes:
        if issubclass(route.handler, RepHandler) and route.path != SIGN_IN:
            yield from ((method, route.path.replace("{id:uuid}", UNKNOWN)) for method in route.handler.methods())


async def statuses(visitor):
    return {
        (method, path): (await visitor.call(method, path, form=None if method == "GET" else {})).status
        for method, path in guarded()
        if "/sse/" not in path and "logout" not in path
    }


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_role_enters_all_pages_or_none(visitor, account, role):
    await account(role, f"role-{role}@example.com", username=f"role-{role}")
    answer = await visitor.sign_in(f"role-{role}")
    found = await statuses(visitor)
    assert len(found) == 5
    if "sales-rep" in ROLES[role]:
        assert answer.status == 302 and not {302, 403} & (
            set(found.values()) - {found["POST", f"{VENDORS}bulk-approve/"]}
        )
    else:
        assert answer.status == 200 and set(found.values()) <= {302, 403}


async def test_without_a_session_and_with_a_bad_one_nothing_is_entered(api):
    for cookie in (None, "bad", "a.b.c"):
        visitor = Visitor(api, SIGN_IN)
        visitor.cookies = {"tradepost-session": cookie} if cookie else {}
        assert set((await statuses(visitor)).values()) <= {302, 403}


async def test_a_sales_rep_who_gets_another_role_enters_nothing_any_more(db, rep):
    someone = await rep("moved")
    await db.execute("UPDATE accounts.account SET role = 'PICKER' WHERE username = 'moved'")
    assert set((await statuses(someone)).values()) == {403}


# Forms of other sites


async def test_a_form_without_our_token_is_refused_and_changes_nothing(db, rep, vendor):
    someone, shop = await rep("forged"), await vendor(is_approved=False, is_active=False)
    for path in (SIGN_IN, f"{VENDORS}{shop.id}/approve/", f"{VENDORS}bulk-approve/", "/sales-rep/logout/"):
        for token in ("", "2|12345678|" + "0" * 32 + "|1", "x"):
            form = {"csrfmiddlewaretoken": token, "vendor_ids": shop.id, "username": "forged", "password": PASSWORD}
            assert (await someone.post(path, form)).status == 403
    await someone.get(VENDORS)
    for origin in ("https://evil.example", "null"):
        assert (await someone.post(f"{VENDORS}{shop.id}/approve/", Origin=origin)).status == 403
    assert await state(db, shop) == (False, False)
    assert (await someone.get(VENDORS)).status == 200


@pytest.mark.parametrize("changed_settings", [{"cors_allowed_origins": "http://localhost:3000"}])
async def test_no_other_origin_reads_the_pages(rep):
    someone = await rep("cors")
    answer = await someone.get(VENDORS, Origin="http://localhost:3000")
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert answer.headers["Cache-Control"] == "no-store"


# The list


async def test_the_list_is_newest_first_and_filtered_by_status_and_by_a_part_of_four_columns(db, rep, vendor):
    someone = await rep("lister")
    await db.execute("DELETE FROM vendor.vendor")
    old = await vendor(is_approved=False, is_active=False, business_name="Alpha <b>Store</b>")
    new = await vendor(business_name="Beta 100% Store")
    await vendor(is_approved=False, business_name="Mixed")
    await db.execute("UPDATE vendor.vendor SET phone = '+9199', created_at = '2020-01-01' WHERE id = $1::uuid", old.id)
    page = await someone.get(VENDORS)
    assert names(page) == ["Mixed", "Beta 100% Store", "Alpha &lt;b&gt;Store&lt;/b&gt;"]
    assert re.findall(r"<b>([0-9]+)</b> ([A-Za-z ]+)<", page.text) == [
        ("1", "Pending Approval"), ("1", "Approved Vendors"), ("3", "Total Vendors"),
    ]  # fmt: skip
    found = {
        query: len(names(await someone.get(f"{VENDORS}?{query}")))
        for query in (
            "status=pending", "status=approved", "status=all", "status=nonsense", "search=ALPHA", "search=9199", "search=100%25", "search=_",
            f"search={new.username}", f"search={old.username}%40EXAMPLE", "search=GST", "search=nobody", "status=approved&search=alpha",
        )
    }  # fmt: skip
    assert found == {
        "status=pending": 1, "status=approved": 1, "status=all": 3, "status=nonsense": 3, "search=ALPHA": 1, "search=9199": 1,
        "search=100%25": 1, "search=_": 0, f"search={new.username}": 1, f"search={old.username}%40EXAMPLE": 1, "search=GST": 0,
        "search=nobody": 0, "status=approved&search=alpha": 0,
    }  # fmt: skip


async def test_a_long_list_has_pages_that_together_show_each_vendor_once(db, rep, vendor):
    someone = await rep("pager")
    await db.execute("DELETE FROM vendor.vendor")
    await db.execute(
        "WITH made AS (INSERT INTO accounts.account (email, username, role) SELECT 'many-' || n || '@example.com', 'many-' || n, 'VENDOR' "
        "FROM generate_series(1, 250) n RETURNING id, username) "
        "INSERT INTO vendor.vendor (account_id, business_name, phone, address) SELECT id, username, '1', 'x' FROM made"
    )
    seen, where = [], "?status=all&search=many-"
    while where:
        page = await someone.get(VENDORS + where)
        seen += names(page)
        found = re.search(r'href="(\?[^"]*after=[^"]*)"', page.text)
        where = found[1].replace("&amp;", "&") if found else ""
    assert len(seen) == 250 and len(set(seen)) == 250


# Decisions


async def test_approving_a_vendor_lets_it_sign_in_and_rejecting_ends_its_sessions(db, api, rep, vendor, token):
    someone, shop = await rep("decider"), await vendor(is_approved=False, is_active=False, business_name="Pending & Co")
    assert (await api.post("/auth/login", {"username": shop.username, "password": PASSWORD})).status == 403
    await someone.get(VENDORS)
    answer = await someone.post(f"{VENDORS}{shop.id}/approve/")
    assert (answer.status, answer.headers["Location"]) == (302, VENDORS)
    assert message(await someone.get(VENDORS)) == ("success", "Vendor Pending &amp; Co approved successfully")
    assert message(await someone.get(VENDORS)) == ("", "")
    assert await state(db, shop) == (True, True)
    headers = await token(shop)
    assert (await api.get("/settings/", headers=headers)).status == 200
    answer = await someone.post(f"{VENDORS}{shop.id}/reject/", **{"X-Requested-With": "XMLHttpRequest"})
    assert (answer.status, answer.json) == (
        200,
        {"success": True, "message": "Vendor Pending & Co rejected/deactivated"},
    )
    assert await state(db, shop) == (False, False)
    assert (await api.get("/settings/", headers=headers)).status == 401


async def test_each_decision_is_in_the_audit_once(db, rep, vendor):
    someone, shop = await rep("audited"), await vendor(is_approved=False, is_active=False)
    await someone.get(VENDORS)
    for decision in ("approve", "approve", "reject", "reject"):
        assert (await someone.post(f"{VENDORS}{shop.id}/{decision}/")).status == 302
    rows = await db.fetch(
        "SELECT action, email, before, after FROM operations.audit WHERE object_id = $1 ORDER BY id", shop.id
    )
    assert [(row["action"], row["email"]) for row in rows] == [
        ("vendor.approve", "audited@example.com"), ("vendor.reject", "audited@example.com"),
    ]  # fmt: skip


async def test_an_approval_by_any_way_activates_the_account(db, vendor):
    shop = await vendor(is_approved=False, is_active=False)
    await db.execute("UPDATE vendor.vendor SET is_approved = true WHERE id = $1::uuid", shop.id)
    assert await state(db, shop) == (True, True)


async def test_an_account_that_has_got_another_role_is_not_deactivated(db, rep, vendor):
    someone, shop = await rep("careful"), await vendor()
    await db.execute("UPDATE accounts.account SET role = 'ADMIN' WHERE id = $1", shop.account_id)
    await someone.get(VENDORS)
    await someone.post(f"{VENDORS}{shop.id}/reject/")
    assert await state(db, shop) == (False, True)


async def test_several_vendors_are_approved_together_and_unknown_ids_are_left_out(db, rep, vendor):
    someone = await rep("bulk")
    shops = [await vendor(is_approved=False, is_active=False) for _ in range(3)]
    await someone.get(VENDORS)
    await someone.post(
        f"{VENDORS}bulk-approve/", {"vendor_ids": [shops[0].id, shops[1].id, UNKNOWN, "no-uuid", shops[0].id]}
    )
    assert message(await someone.get(VENDORS)) == ("success", "2 vendor(s) approved successfully")
    assert [await state(db, shop) for shop in shops] == [(True, True), (True, True), (False, False)]
    for nobody in ({}, {"vendor_ids": UNKNOWN}, {"vendor_ids": "x"}):
        await someone.post(f"{VENDORS}bulk-approve/", nobody)
        assert message(await someone.get(VENDORS)) == ("error", "No vendors selected")


async def test_two_sales_reps_who_decide_at_once_leave_one_state(db, rep, vendor):
    reps, shop = [await rep("first"), await rep("second")], await vendor(is_approved=False, is_active=False)
    for someone in reps:
        await someone.get(VENDORS)
    decisions = [(someone, decision) for someone in reps for decision in ("approve", "reject") for _ in range(6)]
    answers = await asyncio.gather(
        *(someone.post(f"{VENDORS}{shop.id}/{decision}/") for someone, decision in decisions)
    )
    assert {answer.status for answer in answers} == {302}, [answer.text for answer in answers]
    assert await state(db, shop) in ((True, True), (False, False))


async def test_what_does_not_exist_is_404_and_a_decision_by_get_is_405(rep):
    someone = await rep("lost")
    for path in (f"{VENDORS}{UNKNOWN}/", f"{VENDORS}nothing/"):
        answer = await someone.get(path)
        assert answer.status == 404
    for path in (f"{VENDORS}{UNKNOWN}/approve/", f"{VENDORS}{UNKNOWN}/reject/"):
        assert (await someone.post(path)).status == 404
        assert (await someone.get(path)).status == 405
    script = await someone.post(f"{VENDORS}{UNKNOWN}/approve/", **{"X-Requested-With": "XMLHttpRequest"})
    assert (script.status, script.json) == (404, {"error": "Vendor not found"})


async def test_the_page_of_a_vendor_shows_what_the_document_names_and_no_licences(db, rep, vendor):
    someone, shop = await rep("reader"), await vendor(gst_no="29SECRET", business_name="Detail Store")
    await db.execute(
        "UPDATE accounts.account SET first_name = 'Asha', last_name = 'Rao' WHERE id = $1", shop.account_id
    )
    page = await someone.get(f"{VENDORS}{shop.id}/")
    for part in (
        "Detail Store",
        "+911",
        "Street 1",
        shop.username,
        f"{shop.username}@example.com",
        "Asha",
        "Rao",
        ">Reject</button>",
    ):
        assert part in page.text
    assert "29SECRET" not in page.text


# Live


async def test_a_registration_and_a_decision_reach_the_pages_of_all_sales_reps(api, rep, vendor):
    someone = await rep("watcher")
    headers = {"Cookie": f"tradepost-session={someone.cookies['tradepost-session']}"}
    stream = await EventStream.open(api.base_url, "/sales-rep/sse/", headers=headers)
    shop = await vendor(is_approved=False, is_active=False)
    assert json.loads((await stream.event())["data"]) == {"id": shop.id}
    await someone.get(VENDORS)
    await someone.post(f"{VENDORS}{shop.id}/approve/")
    assert json.loads((await stream.event())["data"]) == {"id": shop.id}
    await someone.post("/sales-rep/logout/")
    with pytest.raises(ConnectionResetError):
        await stream.event()
    stream.close()


async def test_the_stream_is_for_sales_reps_only(api, visitor):
    assert (await visitor.get("/sales-rep/sse/")).status == 302
