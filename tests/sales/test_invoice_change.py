"""One invoice: shown with its ETag, changed and deleted until its picking begins (docs/api/sales.md#changes)."""

import asyncio
import itertools
import json

import asyncpg
import pytest

from handlers.api.roles import ROLES
from handlers.sales import invoice_change
from tests.support.http import IMPORT_KEY

pytestmark = pytest.mark.gen_test

LIST = "/api/sales/invoices/"
BILLERS = ("SUPERADMIN", "ADMIN", "OWNER", "BILLING")
STATUSES = ("PENDING", "PICKING", "PICKED", "PACKING", "PACKED", "DISPATCHED", "DELIVERED")
METHODS = ("PUT", "PATCH", "POST", "DELETE")
DONE = {"PUT": 200, "PATCH": 200, "POST": 201, "DELETE": 204}
REQUIRED, NULL, BLANK = "This field is required.", "This field may not be null.", "This field may not be blank."


def item(**changes):
    return {"name": "Thing", "item_code": "T1", "quantity": 2, "mrp": 1.25, "shelf_location": "A-1", **changes}


def path(id, method=""):
    return f"{LIST}{id}/" + ("items/" if method == "POST" else "")


def named(invoice):
    """The items as an import would name them: without their ids."""
    return [{name: value for name, value in one.items() if name != "id"} for one in invoice["items"]]


@pytest.fixture
def billing(sign_in, io_loop):
    return io_loop.run_sync(lambda: sign_in("BILLING"))["access"]


@pytest.fixture
def change(api, billing):
    """`await change("PATCH", id, body)`: as BILLING, unless token says otherwise."""

    async def change(method, id, body=None, *, token=None, **more):
        return await api.call(method, path(id, method), body, token=token or billing, **more)

    return change


@pytest.fixture
def imported(api, invoice):
    """`await imported(remarks="…")`: what GET answers of a new invoice, and the body it was imported with."""

    async def imported(**changes):
        body = invoice(**changes)
        number = (await api.import_invoice(body)).json["data"]["id"]
        return (await api.get(path(number))), body

    return imported


@pytest.fixture
def bodies(invoice):
    """`bodies(number)`: by method, a body that changes the invoice of this number."""

    def bodies(number):
        return {
            "PUT": invoice(invoice_no=number, remarks="put"),
            "PATCH": {"remarks": "patched"},
            "POST": item(),
            "DELETE": None,
        }

    return bodies


@pytest.fixture
def events(db):
    """`await events(id)`: what the log holds of an invoice, oldest first."""

    async def events(id):
        rows = await db.fetch(
            "SELECT payload FROM core.event WHERE topic = 'sales.invoice' AND payload LIKE $1 ORDER BY id",
            f"%{id}%",
        )
        return [found for row in rows if (found := json.loads(row["payload"]))["id"] == id]

    return events


@pytest.fixture
def audited(db):
    """`await audited(id)`: (action, before, after) of an invoice, oldest first."""

    async def audited(id):
        rows = await db.fetch(
            "SELECT * FROM operations.audit WHERE object_type = 'invoice' AND object_id = $1 ORDER BY id", str(id)
        )
        return [(row["action"], *(row[name] and json.loads(row[name]) for name in ("before", "after"))) for row in rows]

    return audited


@pytest.fixture
def untouched(api, events, audited):
    """`await untouched(answer)`: nothing of that invoice has changed since, and nothing was told."""

    async def untouched(answer):
        id = answer.json["id"]
        now = await api.get(path(id))
        assert (now.json, now.headers["ETag"]) == (answer.json, answer.headers["ETag"])
        assert await audited(id) == [] and len(await events(id)) == 1

    return untouched


class TestShow:
    async def test_an_invoice_has_a_strong_etag_and_is_not_sent_again_to_who_names_it(self, api, imported):
        shown, _ = await imported()
        etag = shown.headers["ETag"]
        assert etag.startswith(f'"{shown.json["id"]}-1-') and etag.endswith('"') and " " not in etag
        assert shown.headers["Cache-Control"] == "no-cache"
        for tags in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            for method in ("GET", "HEAD"):
                answer = await api.call(method, path(shown.json["id"]), headers={"If-None-Match": tags})
                assert (answer.status, answer.text, answer.headers["ETag"]) == (304, "", etag), tags
                assert answer.headers["Cache-Control"] == "no-cache" and "Content-Type" not in answer.headers
        for tags in ('"other"', etag.strip('"'), '""', "", '"7-3"'):
            answer = await api.get(path(shown.json["id"]), headers={"If-None-Match": tags})
            assert (answer.status, answer.json) == (200, shown.json), tags

    async def test_the_etag_changes_with_all_that_is_shown_also_with_the_customers_address(
        self, api, imported, invoice
    ):
        shown, body = await imported()
        await api.import_invoice(invoice(customer={**body["customer"], "phone1": "1"}))
        answer = await api.get(path(shown.json["id"]), headers={"If-None-Match": shown.headers["ETag"]})
        assert (answer.status, answer.json["customer"]["phone1"]) == (200, "1")
        assert answer.headers["ETag"] != shown.headers["ETag"]

    async def test_a_step_of_the_warehouse_changes_the_etag(self, api, db, imported):
        shown, _ = await imported()
        await db.execute("UPDATE sales.invoice SET status = 'PICKING' WHERE id = $1", shown.json["id"])
        answer = await api.get(path(shown.json["id"]), headers={"If-None-Match": shown.headers["ETag"]})
        assert (answer.status, answer.json["status"]) == (200, "PICKING")

    @pytest.mark.parametrize("id", ["0", "999999999", "9" * 18, "9" * 19, "-1", "abc", "1.0", "%00", "x" * 4000])
    async def test_an_invoice_that_is_invalid_is_404_whatever_is_asked_of_it(self, api, change, id):
        assert (await api.get(path(id))).status == 404
        for method, body in {"PUT": {}, "PATCH": {}, "POST": item(), "DELETE": None}.items():
            answer = await change(method, id, body)
            # A PUT's body is read first, where there is such a path.
            assert answer.status == (400 if method == "PUT" and id.isdigit() and len(id) < 19 else 404), method


class TestWho:
    @pytest.mark.parametrize("role", ROLES)
    async def test_those_who_bill_may_and_others_may_not(self, api, change, sign_in, imported, bodies, untouched, role):
        token = (await sign_in(role))["access"]
        for method in METHODS:
            shown, body = await imported()
            answer = await change(method, shown.json["id"], bodies(body["invoice_no"])[method], token=token)
            assert answer.status == (DONE[method] if role in BILLERS else 403), (method, answer.text)
            if role not in BILLERS:
                assert answer.json["detail"] == "You do not have permission to perform this action."
                await untouched(shown)

    async def test_is_staff_may_whatever_the_role(self, api, db, change, sign_in, imported, bodies):
        signed = await sign_in("STORE", "staff@example.com")
        await db.execute("UPDATE accounts.account SET is_staff = true WHERE email = 'staff@example.com'")
        await asyncio.sleep(0.12)
        for method in METHODS:
            shown, body = await imported()
            answer = await change(method, shown.json["id"], bodies(body["invoice_no"])[method], token=signed["access"])
            assert answer.status == DONE[method]

    async def test_nobody_and_the_import_key_are_401(self, api, imported, bodies, untouched):
        shown, body = await imported()
        for method in METHODS:
            for key in (None, IMPORT_KEY):
                answer = await api.call(
                    method, path(shown.json["id"], method), bodies(body["invoice_no"])[method], key=key
                )
                assert (answer.status, answer.json["detail"]) == (401, "Authentication credentials were not provided.")
        await untouched(shown)

    async def test_the_items_alone_are_not_shown(self, api, billing, imported):
        shown, _ = await imported()
        answer = await api.get(path(shown.json["id"], "POST"), token=billing)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST, OPTIONS")


class TestStates:
    @pytest.mark.parametrize("status", STATUSES)
    async def test_only_a_pending_invoice_is_changed(
        self, subtests, api, db, change, imported, bodies, events, audited, status
    ):
        for method in METHODS:
            with subtests.test(method=method):
                shown, body = await imported()
                id = shown.json["id"]
                await db.execute("UPDATE sales.invoice SET status = $2 WHERE id = $1", id, status)
                before, told = await api.get(path(id)), await events(id)
                answer = await change(method, id, bodies(body["invoice_no"])[method])
                if status == "PENDING":
                    assert answer.status == DONE[method]
                    return
                assert answer.status == 409
                message = f"Invoice {body['invoice_no']} can't be changed any more: its status is {status}."
                assert answer.json == {"success": False, "status_code": 409, "message": message, "detail": message}
                assert (await api.get(path(id))).json == before.json
                assert await events(id) == told and await audited(id) == []

    @pytest.mark.parametrize("method", METHODS)
    async def test_a_deleted_invoice_is_404(self, api, change, imported, bodies, method):
        shown, body = await imported()
        assert (await change("DELETE", shown.json["id"])).status == 204
        answer = await change(method, shown.json["id"], bodies(body["invoice_no"])[method])
        assert (answer.status, answer.json["detail"]) == (404, "No Invoice matches the given query.")


class TestPut:
    async def test_all_of_it_is_replaced_but_its_id_number_status_and_time(self, api, change, imported, invoice):
        shown, body = await imported(remarks="old")
        sent = invoice(
            invoice_no=f" {body['invoice_no']}\n",
            invoice_date="2024-02-29",
            salesman=" Meera ",
            created_by="erp",
            remarks=" new ",
            customer={
                "code": "PUT-1",
                "name": "Put & Sons",
                "area": "Kochi",
                "address1": "a",
                "address2": "b",
                "phone1": "1",
                "phone2": "2",
                "email": "put@example.com",
            },
            items=[item(name=f"N{n}", mrp="0.5", quantity=f"{n + 1}", expiry_date="2026-01-31") for n in range(3)],
        )
        answer = await change("PUT", shown.json["id"], sent)
        assert answer.status == 200, answer.text
        found = answer.json
        assert list(found) == list(shown.json)
        assert {name: found[name] for name in ("id", "invoice_no", "status", "created_at", "is_active")} == {
            name: shown.json[name] for name in ("id", "invoice_no", "status", "created_at", "is_active")
        }
        assert (found["invoice_date"], found["salesman"]["name"], found["created_by"], found["remarks"]) == (
            "2024-02-29",
            "Meera",
            "erp",
            "new",
        )
        assert found["customer"] == sent["customer"]
        assert [(one["name"], one["quantity"], one["mrp"], one["expiry_date"]) for one in found["items"]] == [
            (f"N{n}", n + 1, 0.5, "2026-01-31") for n in range(3)
        ]
        assert found["total_amount"] == 3.0
        again = await api.get(path(found["id"]))
        assert (again.json, again.headers["ETag"]) == (found, answer.headers["ETag"])
        assert again.headers["ETag"] != shown.headers["ETag"]

    async def test_what_it_leaves_out_is_emptied_but_a_customer_keeps_it_as_on_import(self, change, imported):
        shown, body = await imported(remarks="old")
        customer = {name: body["customer"][name] for name in ("code", "name")}
        sent = {
            **{name: body[name] for name in ("invoice_no", "invoice_date", "salesman")},
            "customer": customer,
            "items": [],
        }
        found = (await change("PUT", shown.json["id"], sent)).json
        assert (found["created_by"], found["remarks"], found["items"], found["total_amount"]) == (None, None, [], 0)
        assert found["customer"] == shown.json["customer"]

    async def test_what_get_shows_of_items_and_customer_can_be_sent_back(self, change, imported):
        shown, _ = await imported(items=[{**item(), "batch_no": "B"}, item(name="plain")])
        sent = {**shown.json, "salesman": shown.json["salesman"]["name"]}
        answer = await change("PUT", shown.json["id"], sent)
        assert answer.status == 200, answer.text
        assert named(answer.json) == named(shown.json)
        assert {**answer.json, "items": 0} == {**shown.json, "items": 0}

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_its_number_is_the_erps_and_can_not_be_changed(self, change, imported, invoice, untouched, method):
        shown, body = await imported()
        sent = invoice(remarks="other") if method == "PUT" else {"invoice_no": "other", "remarks": "other"}
        answer = await change(method, shown.json["id"], sent)
        assert answer.status == 400
        assert answer.json["errors"] == {
            "invoice_no": [f"This is invoice {body['invoice_no']}. Its invoice_no can't be changed."]
        }
        await untouched(shown)


class TestPatch:
    async def test_ten_thousand_items_are_replaced_and_fill_the_invoice(self, change, imported):
        shown, _ = await imported()
        answer = await change("PATCH", shown.json["id"], {"items": [item(name=f"{n}") for n in range(10_000)]})
        assert answer.status == 200
        assert [one["name"] for one in answer.json["items"]] == [f"{n}" for n in range(10_000)]
        assert (await change("POST", shown.json["id"], item())).status == 400

    @pytest.mark.parametrize(
        ("sent", "expected"),
        [
            ({"invoice_date": "2026-03-01"}, {"invoice_date": "2026-03-01"}),
            ({"created_by": " erp "}, {"created_by": "erp"}),
            ({"created_by": None}, {"created_by": None}),
            ({"created_by": ""}, {"created_by": ""}),
            ({"remarks": " \tcall first "}, {"remarks": "call first"}),
            ({"remarks": None}, {"remarks": None}),
            ({"items": []}, {"items": [], "total_amount": 0}),
            ({"remarks": "two", "created_by": "fields"}, {"remarks": "two", "created_by": "fields"}),
        ],
        ids=str,
    )
    async def test_each_field_alone_leaves_all_others(self, api, change, imported, events, sent, expected):
        shown, _ = await imported(remarks="old")
        answer = await change("PATCH", shown.json["id"], sent)
        assert (answer.status, answer.json) == (200, {**shown.json, **expected})
        assert answer.headers["ETag"].split("-")[1] == "2"
        assert await events(shown.json["id"]) == [shown.json, answer.json]

    async def test_a_salesman_is_found_by_name_or_is_new(self, db, change, imported):
        shown, _ = await imported()
        known = await db.fetchval("SELECT count(*) FROM sales.salesman")
        new = (await change("PATCH", shown.json["id"], {"salesman": " Nobody Yet\t"})).json["salesman"]
        assert new["name"] == "Nobody Yet" and new["id"] != shown.json["salesman"]["id"]
        found = (await change("PATCH", shown.json["id"], {"salesman": "Ajay"})).json["salesman"]
        assert found == shown.json["salesman"]
        assert await db.fetchval("SELECT count(*) FROM sales.salesman") == known + 1

    async def test_a_customer_is_written_as_an_import_does(self, api, change, imported, events):
        shown, body = await imported(customer={"code": "C-PATCH", "name": "Was", "area": "North", "phone1": "1"})
        answer = await change(
            "PATCH", shown.json["id"], {"customer": {"code": " C-PATCH ", "name": "Is", "phone1": ""}}
        )
        expected = {**shown.json["customer"], "name": "Is", "phone1": ""}
        assert answer.json == {**shown.json, "customer": expected}
        assert answer.headers["ETag"].split("-")[1] == "2"
        assert await events(shown.json["id"]) == [shown.json, answer.json]
        other = await change("PATCH", shown.json["id"], {"customer": {"code": "C-OTHER", "name": "Other"}})
        assert other.json["customer"] == {
            "code": "C-OTHER",
            "name": "Other",
            "area": "",
            "address1": "",
            "address2": "",
            "phone1": "",
            "phone2": "",
            "email": "",
        }
        again, _ = await imported(customer={"code": "C-PATCH", "name": "Is"})
        assert again.json["customer"] == expected

    @pytest.mark.parametrize(
        "sent", [{}, {"nothing": 1}, {"remarks": None}, {"salesman": "Ajay", "created_by": "admin"}], ids=str
    )
    async def test_what_changes_nothing_is_revealed_to_nobody(self, change, imported, untouched, sent):
        shown, _ = await imported()
        answer = await change("PATCH", shown.json["id"], sent)
        assert (answer.status, answer.json, answer.headers["ETag"]) == (200, shown.json, shown.headers["ETag"])
        await untouched(shown)

    async def test_items_are_replaced_as_a_whole_and_get_ids_of_their_own(self, change, imported):
        shown, _ = await imported()
        answer = await change("PATCH", shown.json["id"], {"items": [item(name="b"), item(name="a")]})
        assert [one["name"] for one in answer.json["items"]] == ["b", "a"]
        assert answer.json["total_amount"] == 5.0
        assert answer.json["items"][0]["id"] > shown.json["items"][-1]["id"]


class TestItems:
    async def test_one_item_or_a_list_is_added_behind_the_others(self, change, imported, events):
        shown, _ = await imported()
        id = shown.json["id"]
        one = await change("POST", id, item(name=" one ", quantity="3"))
        assert (one.status, one.json["items"][:2]) == (201, shown.json["items"])
        assert [(found["name"], found["quantity"]) for found in one.json["items"][2:]] == [("one", 3)]
        assert one.json["total_amount"] == 923.75
        more = await change("POST", id, [item(name="two"), item(name="three")])
        assert (more.status, more.json["items"][:3]) == (201, one.json["items"])
        assert [found["name"] for found in more.json["items"][3:]] == ["two", "three"]
        assert [answer.headers["ETag"].split("-")[1] for answer in (shown, one, more)] == ["1", "2", "3"]
        assert await events(id) == [shown.json, one.json, more.json]

    async def test_fields_that_are_no_items_are_ignored(self, change, imported):
        shown, _ = await imported(items=[])
        answer = await change("POST", shown.json["id"], item(invoice_no=5, id=7, items=None))
        assert answer.status == 201 and answer.json["items"][0]["id"] != 7

    async def test_an_empty_list_adds_nothing_and_is_refused(self, change, imported, untouched):
        shown, _ = await imported()
        answer = await change("POST", shown.json["id"], [])
        assert answer.status == 400
        assert answer.json["errors"] == {"items": {"non_field_errors": ["This list may not be empty."]}}
        await untouched(shown)

    async def test_an_invoice_holds_no_more_items_than_an_import_may_bring(
        self, change, imported, untouched, monkeypatch
    ):
        monkeypatch.setattr(invoice_change, "MOST_ITEMS", 4)
        shown, _ = await imported()
        answer = await change("POST", shown.json["id"], [item()] * 3)
        assert answer.status == 400
        assert answer.json["errors"] == {
            "items": {"non_field_errors": ["An invoice holds at most 4 items; this one has 2."]}
        }
        await untouched(shown)
        assert (await change("POST", shown.json["id"], [item()] * 2)).status == 201
        monkeypatch.setattr(invoice_change, "MOST_ITEMS", 10_000)
        answer = await change("POST", shown.json["id"], [item()] * 10_001)
        assert answer.status == 400 and "10000" in answer.text

    async def test_what_is_wrong_is_named_nested_as_the_body_is(self, change, imported, untouched):
        shown, _ = await imported()
        one = await change("POST", shown.json["id"], {"name": " ", "quantity": 0})
        assert one.json["errors"] == {
            "name": [BLANK],
            "quantity": ["Ensure this value is greater than or equal to 1."],
            "item_code": [REQUIRED],
            "mrp": [REQUIRED],
            "shelf_location": [REQUIRED],
        }
        more = await change("POST", shown.json["id"], [item(), item(mrp=-1)])
        assert more.json["errors"] == {"items": [{}, {"mrp": ["Ensure this value is greater than or equal to 0."]}]}
        for sent, told in {b"null": NULL, b"5": "Invalid data. Expected a dictionary, but got int."}.items():
            answer = await change("POST", shown.json["id"], sent)
            assert (answer.status, answer.json["errors"]) == (400, {"non_field_errors": [told]})
        await untouched(shown)


# What no field of an invoice can be, by the kind of field; and its longest text.
WRONG = {
    "text": [True, [], {}, "a\0b", "\ud800"],
    "date": [5, True, [], {}, "", "2025-02-30", "18.01.2025", "2025-1-8", "x" * 1_000_000],
    "object": [5, True, [], "text", ""],
    "list": [5, True, {}, "text", "", [None], [5], [[]]],
    "quantity": [True, [], {}, "", "two", 0, -1, 1.5, 2**31, "0", "1e3", 10**30],
    "mrp": [True, [], {}, "", "ten", -1, -0.01, 1e9, "-1", "NaN", 10**30],
}
FIELDS = [  # path, kind, longest, may be null, may be blank, required
    ("invoice_no", "text", 100, False, False, True),
    ("invoice_date", "date", None, False, False, True),
    ("salesman", "text", 150, False, False, True),
    ("created_by", "text", 150, True, True, False),
    ("remarks", "text", 10_000, True, True, False),
    ("customer", "object", None, False, False, True),
    ("customer.code", "text", 50, False, False, True),
    ("customer.name", "text", 255, False, False, True),
    ("customer.area", "text", 150, False, True, False),
    ("customer.address1", "text", 1000, False, True, False),
    ("customer.address2", "text", 1000, False, True, False),
    ("customer.phone1", "text", 20, False, True, False),
    ("customer.phone2", "text", 20, False, True, False),
    ("customer.email", "text", 254, False, True, False),
    ("items", "list", None, False, False, True),
    ("items.name", "text", 255, False, False, True),
    ("items.item_code", "text", 100, False, False, True),
    ("items.quantity", "quantity", None, False, False, True),
    ("items.mrp", "mrp", None, False, False, True),
    ("items.company_name", "text", 100, False, True, False),
    ("items.packing", "text", 50, False, True, False),
    ("items.shelf_location", "text", 50, False, True, True),
    ("items.remarks", "text", 10_000, True, True, False),
    ("items.batch_no", "text", 100, True, True, False),
    ("items.expiry_date", "date", None, True, False, False),
]
MISSING = object()


def wrong_values(kind, longest, may_be_null, may_be_blank, required, *, whole):
    yield from WRONG[kind]
    if longest:
        yield from ("x" * (longest + 1), "x" * 1_000_000)
    if not may_be_null:
        yield None
    if kind == "text" and not may_be_blank:
        yield from ("", " \t\n")
    if required and whole:
        yield MISSING


def with_value(body, names, value):
    """The body with that field replaced, or taken away."""
    head, *rest = names
    if rest:
        inner = with_value(body[head][0] if head == "items" else body[head], rest, value)
        return {**body, head: [inner] if head == "items" else inner}
    body = {name: found for name, found in body.items() if name != head}
    return body if value is MISSING else {**body, head: value}


def told_of(errors, names):
    for name in names:
        errors = errors[0][name] if isinstance(errors, list) else errors[name]
    return errors


class TestBadInput:
    @pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
    async def test_a_field_that_is_wrong_is_named_and_nothing_changes(
        self, subtests, change, imported, untouched, bodies, method
    ):
        for field in FIELDS:
            with subtests.test(field=field):
                names = field[0].split(".")
                if method == "POST" and (names[0] != "items" or len(names) == 1):
                    return
                shown, body = await imported(items=[item()])
                for value in wrong_values(*field[1:], whole=method != "PATCH" or len(names) > 1):
                    if method == "POST":
                        sent = with_value(item(), names[1:], value)
                    elif method == "PUT":
                        sent = with_value({**body, "remarks": "other"}, names, value)
                    else:
                        sent = {names[0]: with_value(body, names, value)[names[0]], "remarks": "other"} | (
                            {} if names != ["remarks"] else {"remarks": value}
                        )
                    answer = await change(method, shown.json["id"], sent)
                    assert answer.status == 400, (value if value is MISSING else str(value)[:50], answer.text[:200])
                    assert answer.json["message"] == "Validation failed" and answer.json["success"] is False
                    assert told_of(answer.json["errors"], names[1:] if method == "POST" else names)
                await untouched(shown)

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
    async def test_a_body_that_is_invalid_is_400(self, change, imported, untouched, method):
        shown, _ = await imported()
        for sent in (
            b"",
            b"null",
            b'"x"',
            b"{",
            b"\xff",
            b'{"remarks": 1, "remarks": 2}',
            b"[" * 5000,
            b"[[]]",
            b"1e999",
        ):
            answer = await change(method, shown.json["id"], sent)
            assert (answer.status, answer.json["success"]) == (400, False), sent[:20]
        answer = await change(method, shown.json["id"], b"a=b", headers={"Content-Type": "text/plain"})
        assert answer.status == 415
        await untouched(shown)

    async def test_a_body_with_a_delete_is_not_looked_at(self, change, imported):
        shown, _ = await imported()
        assert (await change("DELETE", shown.json["id"], b"{nonsense")).status == 204


class TestIfMatch:
    @pytest.mark.parametrize("method", METHODS)
    async def test_a_change_is_made_only_to_what_the_client_names(
        self, subtests, change, imported, bodies, untouched, method
    ):
        cases = [
            ("{}", True), ("*", True), (" * ", True), ('"a", {}', True), ('{},"b"', True), ('"a,b" ,{} , W/"c"', True),
            ("W/{}", False), ('W/"a", W/{}', False), ('"other"', False), ('"a", "b"', False), ("", False), (",", False), ("{}{}", False),
            ("{}; x", False), ('"*"', False), ('*, "a"', False), ("garbage", False), ("x" * 4000, False), ('"é"', False),
        ]  # fmt: skip
        for tags, matches in cases:
            with subtests.test(tags=tags, matches=matches):
                shown, body = await imported()
                etag = shown.headers["ETag"]
                sent = {"If-Match": tags.replace("{}", etag)}
                answer = await change(method, shown.json["id"], bodies(body["invoice_no"])[method], headers=sent)
                if matches:
                    assert answer.status == DONE[method]
                    return
                assert (answer.status, answer.headers["ETag"]) == (412, etag)
                assert answer.json["message"] == (
                    f"Invoice {body['invoice_no']} was changed in the meantime. Please read it again."
                )
                await untouched(shown)

    async def test_a_tag_without_its_quotes_is_another(self, change, imported, untouched):
        shown, _ = await imported()
        unquoted = {"If-Match": shown.headers["ETag"].strip('"')}
        assert (await change("PATCH", shown.json["id"], {"remarks": "x"}, headers=unquoted)).status == 412
        await untouched(shown)

    async def test_a_stale_tag_is_refused_and_the_new_one_is_answered_with_each_change(self, change, imported):
        shown, _ = await imported()
        id, tags = shown.json["id"], [shown.headers["ETag"]]
        for n in range(3):
            answer = await change("PATCH", id, {"remarks": f"{n}"}, headers={"If-Match": tags[-1]})
            assert answer.status == 200
            refused = await change("PATCH", id, {"remarks": "lost"}, headers={"If-Match": tags[-1]})
            assert (refused.status, refused.headers["ETag"]) == (412, answer.headers["ETag"])
            tags.append(refused.headers["ETag"])
        assert len(set(tags)) == 4
        back = await change("PATCH", id, {"remarks": None})
        assert back.json == shown.json and back.headers["ETag"] not in tags  # the same again, but not unchanged

    async def test_a_state_that_forbids_the_change_is_answered_rather_than_the_tag(self, db, change, imported):
        shown, _ = await imported()
        await db.execute("UPDATE sales.invoice SET status = 'PICKING' WHERE id = $1", shown.json["id"])
        answer = await change("DELETE", shown.json["id"], headers={"If-Match": shown.headers["ETag"]})
        assert answer.status == 409


@pytest.mark.parametrize("changed_settings", [{"cors_allowed_origins": ("https://app.example.com",)}])
async def test_pages_of_other_origins_may_send_and_read_tags(app, api, imported):
    shown, _ = await imported()
    ours = {"Origin": "https://app.example.com"}
    asked = await api.call(
        "OPTIONS", path(shown.json["id"]), headers={**ours, "Access-Control-Request-Method": "PATCH"}
    )
    assert {"if-match", "if-none-match"} <= set(asked.headers["Access-Control-Allow-Headers"].split(", "))
    answer = await api.get(path(shown.json["id"]), headers=ours)
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"].split(", ")


class TestDelete:
    async def test_it_is_found_nowhere_and_its_number_is_free_again(self, api, change, imported, invoice):
        await imported()
        pages = [LIST + query for query in ("", "?status=PENDING", "?page=last")]
        before = [(await api.get(page)).json["count"] for page in pages]
        shown, body = await imported()
        assert [(await api.get(page)).json["count"] for page in pages] == [count + 1 for count in before]
        answer = await change("DELETE", shown.json["id"])
        assert (answer.status, answer.text) == (204, "")
        assert (await api.get(path(shown.json["id"]))).status == 404
        for page, count in zip(pages, before, strict=True):
            listed = (await api.get(page)).json
            assert (listed["count"], shown.json["id"] in [one["id"] for one in listed["results"]]) == (count, False)
        assert (await change("DELETE", shown.json["id"])).status == 404
        again = await api.import_invoice(body)
        assert (again.status, again.json["data"]["invoice_no"]) == (201, body["invoice_no"])
        assert again.json["data"]["id"] != shown.json["id"]
        taken = await api.import_invoice(body)
        assert (taken.status, taken.json["data"]["id"]) == (409, again.json["data"]["id"])
        found = (await api.get(f"{LIST}?search={body['invoice_no']}")).json["results"]
        assert [one["id"] for one in found] == [again.json["data"]["id"]]
        # And again, so that several deleted invoices have the number.
        assert (await change("DELETE", again.json["data"]["id"])).status == 204
        assert (await api.import_invoice(body)).status == 201

    async def test_readers_of_the_stream_are_told_once_that_it_is_no_longer_active(
        self, change, imported, events, stream
    ):
        shown, _ = await imported()
        reader = await stream()
        assert (await change("DELETE", shown.json["id"])).status == 204
        assert await reader.invoice() == {**shown.json, "is_active": False}
        with pytest.raises(TimeoutError):
            await reader.event(0.3)
        assert await events(shown.json["id"]) == [shown.json, {**shown.json, "is_active": False}]


async def test_each_change_is_one_event_with_the_invoice_after_it_in_the_order_of_the_changes(
    change, imported, stream, bodies
):
    shown, body = await imported()
    id, reader = shown.json["id"], await stream()
    changes = [
        ("PUT", bodies(body["invoice_no"])["PUT"]), ("POST", [item()] * 30), ("PATCH", {"customer": {"code": "EV", "name": "E"}, "items": [item()]}),
        ("PATCH", {}), ("PATCH", {"invoice_no": "other"}), ("POST", {}), ("PATCH", {"salesman": "Someone", "remarks": "r"}),
    ]  # fmt: skip
    answers = [await change(method, id, sent) for method, sent in changes]
    assert [answer.status for answer in answers] == [200, 201, 200, 200, 400, 400, 200]
    for answer in (answers[0], answers[1], answers[2], answers[6]):
        assert await reader.invoice() == answer.json
    with pytest.raises(TimeoutError):
        await reader.event(0.3)


class TestAudit:
    async def test_who_changed_what_is_noted_with_what_was_before(self, db, change, imported, audited):
        shown, _ = await imported()
        id = shown.json["id"]
        patched = (await change("PATCH", id, {"remarks": "note", "customer": {"code": "AUD", "name": "Audited"}})).json
        added = (await change("POST", id, item())).json
        await change("DELETE", id)
        assert await audited(id) == [
            (
                "invoice.update",
                {"remarks": None, "customer": shown.json["customer"]},
                {"remarks": "note", "customer": patched["customer"]},
            ),
            (
                "invoice.items",
                {"items": patched["items"], "total_amount": patched["total_amount"]},
                {"items": added["items"], "total_amount": added["total_amount"]},
            ),
            ("invoice.delete", added, {"is_active": False}),
        ]
        who = await db.fetch("SELECT DISTINCT email, address <> '' FROM operations.audit WHERE object_id = $1", str(id))
        assert [tuple(row) for row in who] == [("billing@example.com", True)]


class TestTogether:
    @pytest.mark.parametrize("method", METHODS)
    async def test_of_many_changes_of_what_all_have_seen_one_is_made(
        self, api, change, imported, bodies, events, audited, method
    ):
        shown, body = await imported()
        id, sent = shown.json["id"], bodies(body["invoice_no"])[method]
        answers = await asyncio.gather(
            *[change(method, id, sent, headers={"If-Match": shown.headers["ETag"]}) for _ in range(12)]
        )
        statuses = sorted(answer.status for answer in answers)
        assert statuses == [DONE[method]] + [404 if method == "DELETE" else 412] * 11
        assert len(await audited(id)) == 1 and len(await events(id)) == 2

    async def test_replacing_all_items_at_once_leaves_those_of_one(self, api, change, imported, events):
        shown, _ = await imported()
        id = shown.json["id"]
        answers = await asyncio.gather(
            *[change("PATCH", id, {"items": [item(name=f"{n}-{k}") for k in range(n + 1)]}) for n in range(10)]
        )
        assert {answer.status for answer in answers} == {200}
        now = (await api.get(path(id))).json
        assert now["items"] in [answer.json["items"] for answer in answers]
        for answer in answers:
            owners = {one["name"].partition("-")[0] for one in answer.json["items"]}
            assert len(owners) == 1 and len(answer.json["items"]) == int(*owners) + 1
        told = await events(id)
        assert len(told) == 11 and told[-1] == now

    async def test_items_added_at_once_are_all_there_and_counted(self, api, change, imported, monkeypatch):
        monkeypatch.setattr(invoice_change, "MOST_ITEMS", 9)
        shown, _ = await imported()
        answers = await asyncio.gather(*[change("POST", shown.json["id"], item(name=f"{n}")) for n in range(12)])
        assert sorted(answer.status for answer in answers) == [201] * 7 + [400] * 5
        now = await api.get(path(shown.json["id"]))
        assert len(now.json["items"]) == 9 and now.headers["ETag"].split("-")[1] == "8"

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("commits", [True, False])
    async def test_a_change_waits_for_a_step_that_has_begun_and_goes_by_its_outcome(
        self, api, db, change, imported, bodies, events, method, commits
    ):
        shown, body = await imported()
        id = shown.json["id"]
        step = db.transaction()
        await step.start()
        await db.execute("SELECT FROM sales.invoice WHERE id = $1 FOR NO KEY UPDATE", id)
        await db.execute("UPDATE sales.invoice SET status = 'PICKING' WHERE id = $1", id)
        changing = asyncio.create_task(change(method, id, bodies(body["invoice_no"])[method]))
        await asyncio.sleep(0.1)
        assert not changing.done()
        await (step.commit() if commits else step.rollback())
        answer = await changing
        assert answer.status == (409 if commits else DONE[method])
        if commits:
            assert (await api.get(path(id))).json == {**shown.json, "status": "PICKING"}
            assert [told["status"] for told in await events(id)] == ["PENDING", "PICKING"]

    async def test_what_was_picked_is_not_changed_afterwards_no_matter_who_was_first(
        self, api, db, settings, change, imported
    ):
        """The items that the step saw are those that stay."""
        pool = await asyncpg.create_pool(settings.database_url, min_size=4, max_size=4)

        async def pick(id):
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("SELECT FROM sales.invoice WHERE id = $1 AND is_active FOR NO KEY UPDATE", id)
                moved = "UPDATE sales.invoice SET status = 'PICKING' WHERE id = $1 AND is_active RETURNING id"
                if await connection.fetchval(moved, id) is None:
                    return None
                return [
                    row[0]
                    for row in await connection.fetch(
                        "SELECT name FROM sales.invoice_item WHERE invoice_id = $1 ORDER BY id", id
                    )
                ]

        try:
            for turn in range(8):
                shown, _ = await imported()
                id = shown.json["id"]
                picked, *answers = await asyncio.gather(
                    pick(id),
                    change("PATCH", id, {"items": [item(name="p")]}),
                    change("POST", id, item(name="q")),
                    *([change("DELETE", id)] if turn % 2 else []),
                )
                assert all(answer.status in (200, 201, 204, 404, 409) for answer in answers)
                now = await api.get(path(id))
                assert (now.status == 404) is (picked is None)
                if picked is not None:
                    assert [one["name"] for one in now.json["items"]] == picked
        finally:
            await pool.close()

    async def test_a_delete_beside_changes_leaves_it_deleted_and_every_answer_true(self, api, change, imported, events):
        for _ in range(5):
            shown, _ = await imported()
            id = shown.json["id"]
            *answers, gone = await asyncio.gather(
                *[change("PATCH", id, {"remarks": f"{n}"}) for n in range(5)], change("DELETE", id)
            )
            assert gone.status == 204 and {answer.status for answer in answers} <= {200, 404}
            assert (await api.get(path(id))).status == 404
            told = await events(id)
            assert len(told) == 2 + sum(answer.status == 200 for answer in answers)
            assert [one["is_active"] for one in told] == [True] * (len(told) - 1) + [False]

    async def test_of_imports_of_the_same_number_beside_a_delete_at_most_one_takes_it(self, api, change, imported):
        for _ in range(5):
            shown, body = await imported()
            gone, *again = await asyncio.gather(
                change("DELETE", shown.json["id"]), *[api.import_invoice(body) for _ in range(4)]
            )
            assert gone.status == 204 and {answer.status for answer in again} <= {201, 409}
            after = await asyncio.gather(*[api.import_invoice(body) for _ in range(4)])
            made = [answer.json["data"]["id"] for answer in (*again, *after) if answer.status == 201]
            assert len(made) == 1
            assert all(answer.json["data"]["id"] == made[0] for answer in after if answer.status == 409)

    async def test_changes_and_imports_that_write_the_same_customers_and_salesmen_all_succeed(
        self, api, change, imported, invoice
    ):
        known = [(await imported())[0].json["id"] for _ in range(6)]

        def people(n):
            return {"customer": {"code": f"TOG-{n % 3}", "name": f"Name {n}"}, "salesman": f"Together {n % 4}"}

        answers = await asyncio.gather(
            *itertools.chain.from_iterable(
                (change("PATCH", known[n % 6], people(n)), api.import_invoice(invoice(**people(n + 1))))
                for n in range(24)
            )
        )
        assert {answer.status for answer in answers} == {200, 201}
