"""Vendors, sales reps and tokens in the administration. docs/api/vendor.md#administration."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.core.test_images import picture
from tests.support.http import PASSWORD
from tests.support.visitor import Visitor
from tests.vendor.admin_pages import act, added, changed, choices, filled, names, problem, said, table

pytestmark = pytest.mark.gen_test

VENDORS, REPS, TOKENS = "/admin/vendor/vendors/", "/admin/vendor/sales-reps/", "/admin/vendor/tokens/"
ITEMS = "/items/"
FORM = {
    "username": "new-shop",
    "email": "new-shop@example.com",
    "password": "secret-1",
    "password_confirm": "secret-1",
    "business_name": "New Shop",
    "phone": "+915",
    "address": "Street 5",
    "gst_no": "GST-NEW",
}


async def state(db, vendor):
    return tuple(
        await db.fetchrow(
            "SELECT v.is_approved, a.is_active FROM vendor.vendor v JOIN accounts.account a ON a.id = v.account_id WHERE v.id = $1::uuid",
            vendor.id,
        )
    )


async def noted(db, object_id, type):
    return await db.fetch(
        "SELECT email, action, before::text AS before, after::text AS after FROM operations.audit WHERE object_id = $1 AND object_type = $2 ORDER BY id",
        object_id,
        type,
    )


async def test_vendors_that_wait_come_first_and_then_the_newest(administrator, vendor, db):
    staff = await administrator("ADMIN")
    made = [
        await vendor(business_name=f"Ordered {n}", is_approved=n % 2 == 1, is_active=n % 2 == 1) for n in range(1, 6)
    ]
    for n, one in enumerate(made):
        await db.execute(
            "UPDATE vendor.vendor SET created_at = timestamptz '2020-01-01 12:00Z' + make_interval(days => $2::int) WHERE id = $1::uuid",
            one.id,
            n,
        )
    page = await staff.get(f"{VENDORS}?search=ordered")
    assert names(page) == ["Ordered 4", "Ordered 2", "Ordered 5", "Ordered 3", "Ordered 1"]
    assert page.text.count("Pending") == 2 and "vendor-" in page.text
    assert names(await staff.get(f"{VENDORS}?search=ordered&sort=created_at")) == [f"Ordered {n}" for n in range(1, 6)]
    assert names(await staff.get(f"{VENDORS}?search=ordered&approved=false")) == ["Ordered 4", "Ordered 2"]
    found = await staff.get(f"{VENDORS}?search=ordered&since=2020-01-02&until=2020-01-03&approved=true")
    assert names(found) == ["Ordered 3"]
    rows = table(await staff.get(f"{VENDORS}csv/?search=ordered&approved=true"))
    assert [(row["Business name"], row["Status"]) for row in rows][:1] == [("Ordered 5", "Approved")]
    assert rows[0]["Id"] == rows[0]["id"] == made[4].id


@pytest.mark.parametrize("changed_settings", [{"business_timezone": "Asia/Kolkata"}])
async def test_the_days_of_registration_are_those_of_the_business(administrator, vendor, db):
    staff, one = await administrator("ADMIN"), await vendor(business_name="Registered at night")
    await db.execute("UPDATE vendor.vendor SET created_at = '2020-06-01 20:00Z' WHERE id = $1::uuid", one.id)
    for days, found in (("since=2020-06-02", True), ("until=2020-06-01", False), ("until=2020-06-02", True)):
        page = await staff.get(f"{VENDORS}?search=registered+night&{days}")
        assert names(page) == (["Registered at night"] if found else []), days


async def test_the_pages_of_the_list_have_each_vendor_once_also_back(administrator, vendor):
    staff = await administrator("ADMIN")
    for n in range(102):
        await vendor(business_name=f"Paged {n}", is_approved=n % 2 == 0, is_active=n % 2 == 0)
    address, pages = f"{VENDORS}?search=paged", []
    while address:
        page = await staff.get(address)
        pages.append(names(page))
        found = page.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        address, before = (f"{VENDORS}{found}" if found.startswith("?") else found), page
    seen = [name for one in pages for name in one]
    assert len(seen) == len(set(seen)) == 102 and len(pages) == 3
    back = before.text.partition('rel="prev" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert names(await staff.get(f"{VENDORS}{back}")) == pages[1]


async def test_a_search_finds_the_name_username_email_and_phone_together(administrator, vendor, db):
    staff = await administrator("ADMIN")
    one = await vendor(business_name="Zebra Crossing")
    await db.execute("UPDATE vendor.vendor SET phone = '+4477001' WHERE id = $1::uuid", one.id)
    await db.execute(
        "UPDATE accounts.account SET email = 'owner@stripes.example', username = 'striped-horse' WHERE id = $1",
        one.account_id,
    )
    for words in (
        "zebra", "EBRA", "77001", "striped", "stripes.example", "crossing horse", "owner@ zebra 4477", "horse owner",
    ):  # fmt: skip
        assert names(await staff.get(f"{VENDORS}?search={quote(words)}")) == ["Zebra Crossing"], words
    for words in ("zebra giraffe", "%%%", "___", "zeb%", "zebr_", "zebra\0giraffe"):
        found = await staff.get(f"{VENDORS}?search={quote(words)}")
        assert (found.status, names(found)) == (200, []), words


async def test_chosen_vendors_are_approved_and_rejected_with_the_documented_messages(
    administrator, vendor, token, api, db
):
    staff = await administrator("ADMIN")
    waiting = [await vendor(is_approved=False, is_active=False) for _ in range(2)]
    ids = [one.id for one in waiting]
    page = await staff.get(VENDORS)
    assert "✓ Approve selected vendors" in page.text and "✗ Reject/Deactivate selected vendors" in page.text
    told = await act(staff, VENDORS, "approve_vendors", *ids)
    assert told == "✓ 2 vendor(s) approved successfully. They can now login."
    headers = await token(waiting[0])
    assert (await api.get(ITEMS, headers=headers)).status == 200
    told = await act(staff, VENDORS, "reject_vendors", ids[0])
    assert told == "✗ 1 vendor(s) rejected/deactivated."
    assert (await api.get(ITEMS, headers=headers)).status == 401
    assert [await state(db, one) for one in waiting] == [(False, False), (True, True)]
    entries = await noted(db, ids[0], "vendor")
    assert [entry["action"] for entry in entries] == ["vendor.approve", "vendor.reject"]
    assert {entry["email"] for entry in entries} == {"admin@example.com"}


async def test_ticking_approved_in_the_form_activates_the_account(administrator, vendor, token, api, db):
    staff = await administrator("ADMIN")
    one = await vendor(is_approved=False, is_active=False)
    assert (await changed(staff, f"{VENDORS}{one.id}/", is_approved="true")).status == 302
    assert await state(db, one) == (True, True)
    headers = await token(one)
    # Taking it back leaves the account active: its token is good, and gets the sentence of those who wait.
    assert (await changed(staff, f"{VENDORS}{one.id}/", is_approved="false")).status == 302
    assert await state(db, one) == (False, True)
    assert (await api.get(ITEMS, headers=headers)).status == 403
    assert [entry["action"] for entry in await noted(db, one.id, "vendor")] == ["vendor.approve", "vendor.update"]


async def test_what_is_printed_on_bills_is_set_here(administrator, vendor, api, settings, db):
    staff = await administrator("ADMIN")
    one, logo = await vendor(), picture()
    path = f"{VENDORS}{one.id}/"
    answer = await changed(
        staff,
        path,
        {"logo": ("logo.png", logo)},
        gst_no="29ABC",
        fssai_license="123456",
        footer_note="Thank you\nCome again",
        address="Street 9",
    )
    assert answer.status == 302, answer.text
    profile = (await api.post("/auth/login", {"username": one.username, "password": PASSWORD})).json["vendor"]
    assert (profile["gst_no"], profile["fssai_license"], profile["address"]) == ("29ABC", "123456", "Street 9")
    assert profile["footer_note"] == "Thank you\nCome again"
    assert (await api.get(profile["logo_url"])).body == logo
    page = await staff.get(path)
    assert '<img class="picture"' in page.text
    first = await db.fetchval("SELECT logo FROM vendor.vendor WHERE id = $1::uuid", one.id)
    assert first.startswith(f"vendors/{one.id}/") and (Path(settings.media_root) / first).exists()
    await changed(staff, path, {"logo": ("other.webp", picture("WEBP"))}, gst_no="")
    row = await db.fetchrow("SELECT logo, gst_no FROM vendor.vendor WHERE id = $1::uuid", one.id)
    assert row["gst_no"] is None and not (Path(settings.media_root) / first).exists()
    assert await act(staff, VENDORS, "clear_logo", one.id) == "The logo of 1 vendor(s) was removed."
    assert not (Path(settings.media_root) / row["logo"]).exists()
    entry = (await noted(db, one.id, "vendor"))[0]
    assert json.loads(entry["after"])["gst_no"] == "29ABC" and json.loads(entry["before"])["gst_no"] == one.gst_no


async def test_what_a_vendor_cannot_be_stands_beside_its_field(administrator, vendor):
    staff, other = await administrator("ADMIN"), await vendor()
    path = f"{VENDORS}{(await vendor()).id}/"
    for typed, field, text in (
        ({"gst_no": other.gst_no}, "gst_no", "GST number already registered."),
        ({"business_name": " "}, "business_name", "This field may not be blank."),
        ({"phone": "1" * 21}, "phone", "Ensure this field has no more than 20 characters."),
        ({"footer_note": "x" * 2001}, "footer_note", "Ensure this field has no more than 2000 characters."),
        ({"address": "a\0b"}, "address", "Null characters are not allowed."),
    ):
        page = await changed(staff, path, **typed)
        assert (page.status, problem(page, field)) == (400, text), field
    page = await changed(staff, path, {"logo": ("a.gif", picture("GIF"))})
    assert page.status == 400 and "extension “gif” is not allowed" in problem(page, "logo")
    page = await changed(staff, path, {"logo": ("a.png", b"no picture")})
    assert page.status == 400 and problem(page, "logo").startswith("Upload a valid image.")


async def test_a_vendor_is_added_by_the_rules_of_the_registration_and_waits(administrator, api, db):
    staff = await administrator("ADMIN")
    answer = await added(staff, VENDORS, **FORM)
    assert answer.status == 302, answer.text
    page = await staff.get(answer.headers["Location"])
    assert said(page) == "The vendor was added successfully." and "New Shop" in page.text
    assert (await api.post("/auth/login", {"username": "new-shop", "password": "secret-1"})).status == 403
    actor = await db.fetchval(
        "SELECT email FROM operations.audit WHERE action = 'vendor.register' ORDER BY id DESC LIMIT 1"
    )
    assert actor == "admin@example.com"
    page = await added(staff, VENDORS, **{**FORM, "password": "", "password_confirm": "x"})
    assert page.status == 400 and problem(page, "password") == "This field is required."
    assert "secret-1" not in page.text
    page = await added(staff, VENDORS, **FORM)
    assert (problem(page, "username"), problem(page, "email"), problem(page, "gst_no")) == (
        "Username already exists.",
        "Email already registered.",
        "GST number already registered.",
    )
    page = await added(staff, VENDORS, **{**FORM, "password_confirm": "secret-2"})
    assert problem(page, "password") == "Passwords do not match."


async def test_nobody_keeps_a_higher_role_out_of_the_pages_of_sales_reps(administrator, account, db):
    staff, boss = await administrator("ADMIN"), await administrator()
    id = await account("SUPERADMIN", "chief@example.com", username="chief")
    public_id = await db.fetchval("SELECT public_id::text FROM accounts.account WHERE id = $1", id)
    above = "You may not change an account whose role is above your own."
    page = await added(staff, REPS, account=public_id, name="Chief")
    assert page.status == 403 and above in page.text
    assert (await added(boss, REPS, account=public_id, name="Chief")).status == 302
    page = await changed(staff, f"{REPS}{id}/", name="Nobody")
    assert page.status == 403 and above in page.text
    assert await act(staff, REPS, "switch_off", str(id)) == f"0 sales rep(s) switched off. {above}"
    assert await db.fetchval("SELECT is_active FROM vendor.sales_rep WHERE account_id = $1", id)
    for word in ("off", "on"):
        assert await act(boss, REPS, f"switch_{word}", str(id)) == f"1 sales rep(s) switched {word}."


async def test_a_sales_rep_is_added_changed_and_switched_off(administrator, account, api, db):
    staff = await administrator("ADMIN")
    id = await account("SALESREP", "rep@example.com", username="rep")
    public_id = await db.fetchval("SELECT public_id::text FROM accounts.account WHERE id = $1", id)
    answer = await added(staff, REPS, account=public_id, name="Rita Rep", phone="+918")
    assert answer.headers["Location"] == f"{REPS}{id}/"
    for words in ("rita", "rep@example", "+918 rita"):
        assert names(await staff.get(f"{REPS}?search={quote(words)}")) == ["Rita Rep"], words
    assert (await changed(staff, f"{REPS}{id}/", name="Rita Repp")).status == 302
    assert await act(staff, REPS, "switch_off", str(id)) == "1 sales rep(s) switched off."
    rep = Visitor(api, "/sales-rep/")
    page = await rep.sign_in("rep@example.com")
    assert "Your sales rep account is not active." in page.text
    assert names(await staff.get(f"{REPS}?is_active=false")) == ["Rita Repp"]
    assert await act(staff, REPS, "switch_on", str(id)) == "1 sales rep(s) switched on."
    assert (await rep.sign_in("rep@example.com")).status == 302
    assert [entry["action"] for entry in await noted(db, str(id), "sales-rep")] == [
        "sales-rep.create", "sales-rep.update", "sales-rep.update", "sales-rep.update",
    ]  # fmt: skip
    page = await added(staff, REPS, account=public_id, name="Again")
    assert (page.status, problem(page, "account")) == (400, "This account has a sales rep's profile already.")
    page = await added(staff, REPS, account="00000000-0000-4000-8000-000000000000", name="Nobody")
    assert (page.status, problem(page, "account")) == (400, "There is no such account.")
    page = await added(staff, REPS, account="no id", name="Nobody")
    assert page.status == 400 and problem(page, "account")


async def test_tokens_are_revoked_and_never_shown(administrator, seller, api, db):
    boss = await administrator()
    one, headers = await seller(business_name="Tokened")
    secret = headers["Authorization"].partition(" ")[2]
    digest = await db.fetchval("SELECT encode(digest, 'hex') FROM vendor.token WHERE account_id = $1", one.account_id)
    pages = [
        await boss.get(f"{TOKENS}?vendor={one.id}"),
        await boss.get(f"{TOKENS}{one.account_id}/"),
        await boss.get(f"{TOKENS}csv/"),
        await boss.get(f"{TOKENS}choices/?q=vendor"),
    ]
    for page in pages:
        assert page.status == 200 and one.username in page.text
        assert secret not in page.text and digest not in page.text
    assert names(pages[0]) == [f"{one.username}@example.com"] and "Tokened" in pages[0].text
    assert await act(boss, TOKENS, "revoke", str(one.account_id)) == "1 token(s) revoked."
    assert (await api.get(ITEMS, headers=headers)).status == 401
    assert await act(boss, TOKENS, "revoke", str(one.account_id)) == "0 token(s) revoked."
    assert "Revoked" in (await boss.get(f"{TOKENS}{one.account_id}/")).text


async def test_private_tables_are_for_superadmins_and_none_for_others(administrator, api):
    boss, staff = await administrator(), await administrator("ADMIN")
    for name in ("vendors", "sales-reps", "categories", "global-categories", "items", "inventory", "movements"):
        for suffix in ("", "csv/", "choices/"):
            assert (await staff.get(f"/admin/vendor/{name}/{suffix}")).status == 200, name
    for name in ("bills", "bill-lines", "quarantine", "settings", "tokens"):
        for suffix in ("", "csv/", "choices/", "1/"):
            assert (await staff.get(f"/admin/vendor/{name}/{suffix}")).status == 404, name
        assert (await boss.get(f"/admin/vendor/{name}/")).status == 200, name
        assert f"/admin/vendor/{name}/" not in (await staff.get("/admin/")).text
        assert f"/admin/vendor/{name}/" in (await boss.get("/admin/")).text
    for role in ("SALESREP", "EMPLOYEE", "USER"):
        someone = await administrator(role)
        assert (await someone.get(VENDORS)).status in (302, 403), role
        assert (await someone.post(f"{VENDORS}action/", {"action": "approve_vendors"})).status == 403, role
    assert (await type(staff)(api).get(VENDORS)).status == 302


async def test_what_is_not_there_or_malformed_is_404_or_400(administrator):
    boss = await administrator()
    none = "00000000-0000-4000-8000-000000000000"
    for name, keys in {
        "vendors": [none, "x", "1"], "sales-reps": ["999999", "x"], "tokens": ["999999", "9" * 30],
        "items": [f"{none}.{none}", none, "x.y"], "categories": [f"{none}.{none}"], "global-categories": [none],
        "inventory": [f"{none}.{none}"], "movements": [f"{none}.{none}.1", f"{none}.{none}.x"],
        "bills": [f"{none}.{none}"], "bill-lines": [f"{none}.{none}.1", f"{none}.{none}.{'9' * 18}"],
        "quarantine": [f"{none}.{none}"], "settings": [f"{none}.{none}"],
    }.items():  # fmt: skip
        for key in keys:
            assert (await boss.get(f"/admin/vendor/{name}/{key}/")).status == 404, (name, key)
    for query in ("approved=perhaps", "since=yesterday", "after=x", "vendor=x"):
        assert (await boss.get(f"{VENDORS}?{query}")).status in (200, 400), query
    for name in ("items", "bills", "tokens"):
        assert (await boss.get(f"/admin/vendor/{name}/?vendor=x")).status in (400, 404)
        assert (await boss.get(f"/admin/vendor/{name}/?vendor={none}")).status == 200


async def test_a_form_that_was_opened_before_another_change_changes_nothing(administrator, vendor, db):
    first, second = await administrator(), await administrator("ADMIN")
    one = await vendor()
    path = f"{VENDORS}{one.id}/"
    old = filled(await second.get(path), business_name="Second")
    assert (await changed(first, path, business_name="First")).status == 302
    assert (await second.send(path, old)).status == 409
    assert await db.fetchval("SELECT business_name FROM vendor.vendor WHERE id = $1::uuid", one.id) == "First"


async def test_search_order_and_filters_of_a_vendors_rows_need_the_vendor(administrator, vendor):
    staff, one = await administrator("ADMIN"), await vendor()
    for name in ("categories", "items", "inventory"):
        path = f"/admin/vendor/{name}/"
        wide, narrow = await staff.get(path), await staff.get(f"{path}?vendor={one.id}")
        assert choices(wide, "filter") == ["vendor"] and choices(wide, "order") == []
        assert {"search", "vendor", "is_active"} <= set(choices(narrow, "filter"))
        for query in ("search=rice", "is_active=true"):
            page = await staff.get(f"{path}?{query}")
            assert page.status == 200 and "Choose a vendor first" in page.text, (name, query)
            assert (await staff.get(f"{path}csv/?{query}")).status == 400
