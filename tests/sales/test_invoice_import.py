"""Importing invoices (docs/api/sales.md#import): what is accepted, what is refused, and what a refusal leaves behind: nothing."""

import asyncio
import copy
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from handlers.api.roles import ROLES

pytestmark = pytest.mark.gen_test

PATH = "/api/sales/import/invoice/"
SALES_ROLES = [role for role, areas in ROLES.items() if "sales" in areas]
OTHER_ROLES = [role for role, areas in ROLES.items() if "sales" not in areas]
TABLES = ("sales.invoice", "sales.invoice_item", "sales.customer", "sales.salesman", "core.event")
MOST_ITEMS = 10_000


def numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without their ids, which grow from each to the next."""
    ids = [row.pop("id") for row in rows]
    assert ids == sorted(set(ids))
    return rows


@pytest.fixture
def stored(db):
    """`await stored()`: how many rows each table holds, and what the customers and salesmen are."""

    async def stored():
        counts = {table: await db.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}
        people = [await db.fetch(f"SELECT * FROM sales.{table} ORDER BY id") for table in ("customer", "salesman")]
        return counts, people

    return stored


@pytest.fixture
def accepted(api):
    """`await accepted(body)`: import it, and the invoice as it was stored."""

    async def accepted(body):
        answer = (
            await api.import_invoice(body)
            if not isinstance(body, bytes)
            else await api.post(PATH, body, key="test-import-key")
        )
        assert answer.status == 201, f"{answer.text}\n{str(body)[:300]}"
        detail = await api.get(f"/api/sales/invoices/{answer.json['data']['id']}/")
        assert detail.status == 200, detail.text
        assert detail.json["total_amount"] == answer.json["data"]["total_amount"]
        return detail.json

    return accepted


def item(**changes: Any) -> dict[str, Any]:
    return {"name": "Thing", "item_code": "T1", "quantity": 1, "mrp": 1, "shelf_location": "", **changes}


# What the import document shows


async def test_the_example_of_seed_000_is_answered_and_shown_as_seed_000_says(api, invoice):
    sent = invoice(invoice_no="INV-10222")
    answer = await api.import_invoice(sent)
    assert (answer.status, answer.headers["Content-Type"]) == (201, "application/json")
    number = answer.json["data"]["id"]
    assert answer.json == {
        "success": True,
        "status_code": 201,
        "message": "Invoice imported successfully",
        "data": {"id": number, "invoice_no": "INV-10222", "total_amount": 920.0},
    }
    assert list(answer.json) == ["success", "status_code", "message", "data"]
    detail = await api.get(f"/api/sales/invoices/{number}/")
    listed = (await api.get("/api/sales/invoices/")).json["results"][0]
    assert detail.json == listed
    shown = detail.json
    assert list(shown) == [
        "id",
        "invoice_no",
        "invoice_date",
        "customer",
        "status",
        "salesman",
        "created_by",
        "items",
        "total_amount",
        "remarks",
        "created_at",
        "is_active",
    ]
    assert list(shown["customer"].items()) == list(sent["customer"].items())
    assert list(shown["items"][0]) == [
        "id",
        "name",
        "item_code",
        "quantity",
        "mrp",
        "company_name",
        "packing",
        "shelf_location",
        "remarks",
        "batch_no",
        "expiry_date",
    ]
    omitted = {"company_name": "", "packing": "", "batch_no": None, "expiry_date": None}
    assert numbered(shown["items"]) == [{**one, **omitted} for one in sent["items"]]
    assert list(shown["salesman"]) == ["id", "name", "phone"]
    assert (shown["salesman"]["name"], shown["salesman"]["phone"]) == ("Ajay", "")
    assert (shown["status"], shown["created_by"], shown["invoice_date"], shown["remarks"]) == (
        "PENDING",
        "admin",
        "2025-01-18",
        None,
    )
    assert shown["total_amount"] == 920.0
    assert time.strptime(shown["created_at"], "%Y-%m-%dT%H:%M:%S.%fZ")


async def test_amounts_are_json_numbers_and_never_strings(api, invoice):
    answer = await api.import_invoice(invoice())
    assert '"total_amount":920.00}' in answer.text
    detail = await api.get(f"/api/sales/invoices/{answer.json['data']['id']}/")
    assert '"mrp":3.5,' in detail.text
    assert '"total_amount":920.00,' in detail.text


# What is accepted


async def test_numeric_strings_and_integral_floats_are_numbers(accepted, invoice):
    shown = await accepted(
        invoice(
            items=[
                item(quantity="20", mrp="3.50"),
                item(quantity=20.0, mrp=" 85 "),
                item(quantity=" 007 ", mrp="0.5"),
                item(quantity=2e1, mrp=1e2),
            ]
        )
    )
    assert [(one["quantity"], one["mrp"]) for one in shown["items"]] == [(20, 3.5), (20, 85), (7, 0.5), (20, 100)]
    assert shown["total_amount"] == 20 * 3.5 + 20 * 85 + 7 * 0.5 + 20 * 100


async def test_texts_may_be_empty_where_the_contract_says_so(accepted, invoice):
    empty = dict.fromkeys(("area", "address1", "address2", "phone1", "phone2", "email"), "")
    shown = await accepted(
        invoice(
            created_by="",
            remarks="",
            customer={"code": "EMPTY", "name": "E", **empty},
            items=[item(shelf_location="", remarks="", batch_no="", company_name="", packing="")],
        )
    )
    assert (shown["created_by"], shown["remarks"]) == ("", "")
    assert shown["customer"] == {"code": "EMPTY", "name": "E", **empty}
    assert [
        shown["items"][0][name] for name in ("shelf_location", "remarks", "batch_no", "company_name", "packing")
    ] == [""] * 5


async def test_what_is_optional_may_be_left_out(accepted, invoice):
    body = invoice(customer={"code": "SHORT", "name": "S"}, items=[item()])
    del body["created_by"]
    shown = await accepted(body)
    assert (shown["created_by"], shown["remarks"]) == (None, None)
    assert shown["customer"] == {
        "code": "SHORT",
        "name": "S",
        "area": "",
        "address1": "",
        "address2": "",
        "phone1": "",
        "phone2": "",
        "email": "",
    }
    left_out = ("remarks", "batch_no", "expiry_date", "company_name", "packing")
    assert [shown["items"][0][name] for name in left_out] == [None, None, None, "", ""]


async def test_everything_that_can_be_said_of_an_invoice_is_kept(accepted, invoice):
    line = item(
        remarks="cold",
        batch_no="B-1",
        expiry_date="2027-02-28",
        company_name="Acme",
        packing="10x10",
        shelf_location="Z-9",
    )
    shown = await accepted(invoice(remarks="call first", items=[line]))
    assert shown["remarks"] == "call first"
    assert numbered(shown["items"]) == [line]


async def test_null_is_accepted_for_expiry_date_and_remarks(accepted, invoice):
    shown = await accepted(invoice(remarks=None, items=[item(expiry_date=None), item(expiry_date="2024-02-29")]))
    assert shown["remarks"] is None
    assert [one["expiry_date"] for one in shown["items"]] == [None, "2024-02-29"]


async def test_fields_that_nobody_knows_are_ignored(accepted, invoice):
    shown = await accepted(
        invoice(
            id=5,
            status="DELIVERED",
            total_amount=1,
            created_at="never",
            created_user=1,
            odd={"a": [None, 1.5, {"b": "c"}]},
            customer={"code": "ODD", "name": "O", "id": 9, "vip": True},
            items=[item(id=1, total=5, invoice_id=7)],
        )
    )
    assert (shown["status"], shown["total_amount"], len(shown["items"])) == ("PENDING", 1, 1)


async def test_surrounding_blanks_are_no_part_of_a_text(api, accepted, invoice):
    number = invoice()["invoice_no"]
    shown = await accepted(
        invoice(
            invoice_no=f" \t{number}\r\n",
            salesman=" Ajay ",
            created_by=" admin\v",
            remarks="\f note ",
            customer={"code": " BLANK ", "name": "\tB ", "area": " a ", "address1": " 1\n2 ", "phone1": " 0 "},
            items=[
                item(
                    name=" n ",
                    item_code=" c ",
                    shelf_location=" s ",
                    remarks=" r ",
                    batch_no=" b ",
                    company_name=" co ",
                    packing=" p ",
                )
            ],
        )
    )
    assert (shown["invoice_no"], shown["created_by"], shown["remarks"]) == (number, "admin", "note")
    assert shown["salesman"]["name"] == "Ajay"
    assert [shown["customer"][name] for name in ("code", "name", "area", "address1", "phone1")] == [
        "BLANK",
        "B",
        "a",
        "1\n2",
        "0",
    ]
    texts = ("name", "item_code", "shelf_location", "remarks", "batch_no", "company_name", "packing")
    assert [shown["items"][0][name] for name in texts] == ["n", "c", "s", "r", "b", "co", "p"]


async def test_an_invoice_without_items_has_a_total_of_zero(accepted, invoice):
    shown = await accepted(invoice(items=[]))
    assert (shown["items"], shown["total_amount"]) == ([], 0)


async def test_texts_of_all_scripts_come_back_as_they_were(accepted, invoice):
    text = 'कोष़िक्कोड് \U0001f600 "quoted" \\u0000 back\\slash </script> é \u2028 \u202e'
    shown = await accepted(invoice(remarks=text, created_by="\U0001f600" * 150))
    assert (shown["remarks"], shown["created_by"]) == (text, "\U0001f600" * 150)


async def test_items_keep_the_order_they_were_sent_in(accepted, invoice):
    codes = [f"C{(n * 7919) % 500:03}" for n in range(500)]
    shown = await accepted(invoice(items=[item(item_code=code) for code in codes]))
    assert [one["item_code"] for one in shown["items"]] == codes


# Amounts are exact

AMOUNTS = [
    # items as (quantity, mrp as JSON), mrp as shown, the total as written
    ([("3", "0.1")], ["0.1"], "0.30"),
    ([("1", "3.335")], ["3.335"], "3.34"),
    ([("1", "2.675")], ["2.675"], "2.68"),
    ([("1", "1.005"), ("1", "1.005")], ["1.005", "1.005"], "2.01"),
    ([("1", "0.005")], ["0.005"], "0.01"),
    ([("1", "0")], ["0"], "0.00"),
    ([("1", "-0.0")], ["0.0"], "0.00"),
    ([("1", "1e-300")], ["0.000000"], "0.00"),
    ([("1", "12.3456789")], ["12.345679"], "12.35"),
    ([("1", "0.00000050000000000000")], ["0.000001"], "0.00"),
    ([("1", "0.00000049999999999999")], ["0.000000"], "0.00"),
    ([("1", '"0.12345678901234567890"')], ["0.123457"], "0.12"),
    ([("2147483647", "999999999")], ["999999999"], "2147483644852516353.00"),
    ([("1", "9.99e2")], ["999"], "999.00"),
    ([("2147483647", "999999999.000000")] * 50, ["999999999.000000"] * 50, "107374182242625817650.00"),
]


async def test_amounts_are_exact_decimals_rounded_half_up_to_cents(api, invoice):
    for items, prices, total in AMOUNTS:
        body = json.dumps(invoice(items=["@@"])).replace(
            '"@@"',
            ",".join(
                f'{{"name":"n","item_code":"c","shelf_location":"","quantity":{quantity},"mrp":{mrp}}}'
                for quantity, mrp in items
            ),
        )
        answer = await api.post(PATH, body.encode(), key="test-import-key")
        assert answer.status == 201, f"{items}: {answer.text}"
        assert f'"total_amount":{total}}}' in answer.text, items
        detail = (await api.get(f"/api/sales/invoices/{answer.json['data']['id']}/")).text
        exact = json.loads(detail, parse_float=str, parse_int=str)
        assert ([one["mrp"] for one in exact["items"]], exact["total_amount"]) == (prices, total), items


# Customers and salesmen


async def test_a_customer_takes_over_what_is_provided_and_keeps_the_rest_in_all_their_invoices(api, accepted, invoice):
    before = {
        "code": "UP-1", "name": "Old", "area": "Old area", "address1": "a1", "address2": "a2", "phone1": "1", "phone2": "2", "email": "old@shop.com",
    }  # fmt: skip
    first = await accepted(invoice(customer=before))
    second = await accepted(invoice(customer={"code": "UP-1", "name": "New", "area": "", "email": "new@shop.com"}))
    after = {**before, "name": "New", "area": "", "email": "new@shop.com"}
    assert second["customer"] == after
    assert (await api.get(f"/api/sales/invoices/{first['id']}/")).json["customer"] == after
    listed = (await api.get("/api/sales/invoices/?page_size=2")).json["results"]
    assert [one["customer"] for one in listed] == [after, after]


async def test_each_field_of_a_customer_is_overwritten_or_kept_by_itself(accepted, invoice):
    fields = {
        "name": "N",
        "area": "A",
        "address1": "X",
        "address2": "Y",
        "phone1": "1",
        "phone2": "2",
        "email": "e@shop.com",
    }
    await accepted(invoice(customer={"code": "UP-2", **fields}))
    for name in fields:
        fields[name] = f"new{name}@shop.com"[:20]
        if name == "email":
            fields[name] = "new@shop.com"
        shown = await accepted(invoice(customer={"code": "UP-2", "name": fields["name"], name: fields[name]}))
        assert shown["customer"] == {"code": "UP-2", **fields}, name


async def test_a_salesman_is_known_by_the_exact_name(accepted, invoice, db):
    first, again, other = [await accepted(invoice(salesman=name)) for name in ("Bina", " Bina", "bina")]
    assert first["salesman"] == again["salesman"]
    assert other["salesman"]["id"] != first["salesman"]["id"]
    assert await db.fetchval("SELECT count(*) FROM sales.salesman WHERE lower(name) = 'bina'") == 2


# What ERPs send for texts and numbers


async def test_numbers_for_texts_and_texts_for_numbers_are_stored_as_what_they_mean(accepted, invoice):
    body = invoice(
        invoice_no=77001,
        created_by=5,
        remarks=1.50,
        customer={"code": 98765432109876543210, "name": 7, "phone1": 9876543210},
    )
    body["items"] = [{**item(), "item_code": 650, "shelf_location": 12, "quantity": quantity, "mrp": mrp, "batch_no": 10} for quantity, mrp in
                     (("20.00", "20.00"), (" 5 ", ".5"), ("+5", "5."), ("5.0", "1e2"))]  # fmt: skip
    shown = await accepted(body)
    assert (shown["invoice_no"], shown["created_by"], shown["remarks"]) == ("77001", "5", "1.5")
    assert [shown["customer"][name] for name in ("code", "name", "phone1")] == [
        "98765432109876543210",
        "7",
        "9876543210",
    ]
    assert {(one["item_code"], one["shelf_location"], one["batch_no"]) for one in shown["items"]} == {
        ("650", "12", "10")
    }
    assert [(one["quantity"], float(one["mrp"])) for one in shown["items"]] == [
        (20, 20.0),
        (5, 0.5),
        (5, 5.0),
        (5, 100.0),
    ]


async def test_the_same_text_in_other_sequences_of_unicode_is_the_same_number_customer_and_salesman(
    api, accepted, invoice, db
):
    first = await accepted(invoice(invoice_no="KÖ-1", salesman="വി\u0d7b", customer={"code": "CÖ", "name": "Ö"}))
    for number in ("KO\u0308-1", "\u00a0KÖ-1", "KÖ-1\ufeff", "\u3000KO\u0308-1\u200b"):
        answer = await api.import_invoice(invoice(invoice_no=number))
        assert (answer.status, answer.json["data"]) == (409, {"id": first["id"], "invoice_no": "KÖ-1"}), number
    second = await accepted(
        invoice(salesman="വി\u0d28\u0d4d\u200d", customer={"code": "\u00a0CO\u0308", "name": "O\u0308 "})
    )
    assert (second["customer"], second["salesman"]) == (first["customer"], first["salesman"])
    assert await db.fetchval("SELECT count(*) FROM sales.customer WHERE code = 'CÖ'") == 1
    for search in ("KO\u0308-1", "kö-1", "\u00a0KÖ-1\u00a0"):
        found = await api.get(f"/api/sales/invoices/?{urlencode({'search': search})}")
        assert [one["id"] for one in found.json["results"]] == [first["id"]], search
    found = await api.get("/api/sales/invoices/?" + urlencode({"salesman": "വി\u0d28\u0d4d\u200d"}))
    assert [one["id"] for one in found.json["results"]] == [second["id"], first["id"]]


async def test_an_address_of_an_international_domain_is_stored_in_its_letters(accepted, invoice):
    for sent in ("info@MÜNCHEN.de", "info@xn--mnchen-3ya.de", "info@mu\u0308nchen.de\u00a0"):
        shown = await accepted(invoice(customer={**invoice()["customer"], "email": sent}))
        assert shown["customer"]["email"] == "info@münchen.de"


async def test_a_byte_order_mark_before_the_invoice_is_skipped(accepted, invoice):
    body = invoice()
    assert (await accepted(b"\xef\xbb\xbf" + json.dumps(body).encode()))["invoice_no"] == body["invoice_no"]


async def test_a_form_is_415_because_an_invoice_is_nested(api, invoice):
    answer = await api.post(PATH, form={"invoice_no": "1"}, key="test-import-key")
    assert answer.status == 415


# Who may import


async def test_without_credentials_or_with_a_wrong_key_it_is_401_in_the_words_of_the_contract(api, invoice, stored):
    before = await stored()
    refused = {"success": False, "status_code": 401, "message": "Authentication credentials were not provided.",
               "detail": "Authentication credentials were not provided."}  # fmt: skip
    for key in (
        None,
        "",
        "wrong",
        "test-import-key2",
        "test-import-ke",
        "TEST-IMPORT-KEY",
        "test-import-key,test-import-key",
        "é" * 100,
    ):
        answer = await api.post(PATH, invoice(), key=key.encode().decode("latin-1") if key else key)
        assert (answer.status, answer.json) == (401, refused), key
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert (await api.post(PATH, b"broken")).status == 401  # who is asked before what
    assert await stored() == before


@pytest.mark.parametrize("changed_settings", [{"sales_import_api_key": ""}])
async def test_where_no_key_is_configured_no_key_is_right(changed_settings, api, invoice):
    for key in (None, "", " ", "test-import-key"):
        assert (await api.post(PATH, invoice(), key=key)).status == 401, key


async def test_a_bad_token_is_401_even_with_the_right_key(api, invoice, sign_in, stored):
    refresh = (await sign_in("USER"))["refresh"]
    before = await stored()
    for token, told in [("x", "Token is invalid"), ("a.b.c", "Token is invalid"), ("", "Token is invalid"), ("é", "Token is invalid"),
                        (refresh, "Token has wrong type")]:  # fmt: skip
        answer = await api.post(PATH, invoice(), token=token, key="test-import-key")
        assert answer.status == 401, token
        assert (answer.json["success"], answer.json["status_code"], answer.json["code"]) == (
            False,
            401,
            "token_not_valid",
        )
        assert answer.json["detail"] == "Given token not valid for any token type"
        assert answer.json["messages"] == [{"token_class": "AccessToken", "token_type": "access", "message": told}]
    assert await stored() == before


@pytest.mark.parametrize("role", OTHER_ROLES)
async def test_a_role_outside_sales_may_not_import(api, invoice, sign_in, stored, role):
    access = (await sign_in(role))["access"]
    before = await stored()
    answer = await api.post(PATH, invoice(), token=access)
    text = "You do not have permission to perform this action."
    assert (answer.status, answer.json) == (
        403,
        {"success": False, "status_code": 403, "message": text, "detail": text},
    )
    assert await stored() == before


async def test_every_role_of_sales_may_import_and_becomes_created_user(api, invoice, sign_in, db):
    for role in SALES_ROLES:
        access = (await sign_in(role))["access"]
        answer = await api.post(PATH, invoice(), token=access)
        assert answer.status == 201, role
        user = await db.fetchval(
            "SELECT a.email FROM sales.invoice i JOIN accounts.account a ON a.id = i.created_user_id WHERE i.id = $1",
            answer.json["data"]["id"],
        )
        assert user == f"{role.lower()}@example.com"


async def test_an_import_with_the_key_has_no_created_user(api, invoice, db):
    number = (await api.import_invoice(invoice())).json["data"]["id"]
    assert await db.fetchval("SELECT created_user_id IS NULL FROM sales.invoice WHERE id = $1", number)


# Duplicates


async def test_a_taken_number_is_409_and_changes_nothing(api, invoice, stored):
    first = invoice()
    number = (await api.import_invoice(first)).json["data"]["id"]
    before = await stored()
    customer = {**first["customer"], "name": "Changed", "phone2": "5"}
    taken = first["invoice_no"]
    for again in (taken, f" {taken}", f"{taken}\t\n"):
        answer = await api.import_invoice(
            {**first, "invoice_no": again, "customer": customer, "salesman": "Nobody Before", "items": [item()]}
        )
        assert answer.status == 409
        assert {name: answer.json[name] for name in ("success", "status_code", "message", "data")} == {
            "success": False,
            "status_code": 409,
            "message": "Invoice with this invoice_no already exists.",
            "data": {"id": number, "invoice_no": taken},
        }
        assert await stored() == before, repr(again)
    shown = (await api.get(f"/api/sales/invoices/{number}/")).json
    assert (shown["customer"], len(shown["items"])) == (first["customer"], 2)


# Bad input, field by field


@dataclass(frozen=True)
class Field:
    """path: names and positions. kind: name (required text), text, date, email, integer, amount, object, list. limit: characters."""

    path: tuple[Any, ...]
    kind: str
    limit: int = 0
    required: bool = False
    nullable: bool = False

    @property
    def says(self) -> str:
        return (
            "Not a valid string."
            if self.kind not in ("integer", "amount")
            else f"A valid {self.kind.replace('amount', 'number')} is required."
        )

    def errors(self, message: str, *, whole: bool = False) -> Any:
        """The errors object that says `message` of this field and of no other."""
        found: Any = {"non_field_errors": [message]} if whole else [message]
        for step in reversed(self.path):
            found = {step: found} if isinstance(step, str) else [{}] * step + [found]
        return found

    def __str__(self) -> str:
        return ".".join(map(str, self.path))


FIELDS = [
    Field(("invoice_no",), "name", 100, required=True),
    Field(("invoice_date",), "date", required=True),
    Field(("salesman",), "name", 150, required=True),
    Field(("created_by",), "text", 150),
    Field(("remarks",), "text", 10_000, nullable=True),
    Field(("customer",), "object", required=True),
    Field(("customer", "code"), "name", 50, required=True),
    Field(("customer", "name"), "name", 255, required=True),
    Field(("customer", "area"), "text", 150),
    Field(("customer", "address1"), "text", 1000),
    Field(("customer", "address2"), "text", 1000),
    Field(("customer", "phone1"), "text", 20),
    Field(("customer", "phone2"), "text", 20),
    Field(("customer", "email"), "email", 254),
    Field(("items",), "list", required=True),
    Field(("items", 1), "object"),
    Field(("items", 1, "name"), "name", 255, required=True),
    Field(("items", 1, "item_code"), "name", 100, required=True),
    Field(("items", 1, "quantity"), "integer", required=True),
    Field(("items", 1, "mrp"), "amount", required=True),
    Field(("items", 1, "company_name"), "text", 100),
    Field(("items", 1, "packing"), "text", 50),
    Field(("items", 1, "shelf_location"), "text", 50, required=True),
    Field(("items", 1, "remarks"), "text", 10_000),
    Field(("items", 1, "batch_no"), "text", 100),
    Field(("items", 1, "expiry_date"), "date", nullable=True),
]
NOT_A_DATE = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."
BAD_DATES = (
    "", " ", "18-01-2025", "2025-1-8", "2025-02-29", "2025-13-01", "2025-00-10", "0000-01-01", "2025-01-18T00:00:00",
    "20250118", "2025-W03-6", "+2025-01-18", "12025-01-18", "today", "infinity", "epoch", "٢٠٢٥-٠١-١٨", "9" * 400,
)  # fmt: skip
BAD_EMAILS = (
    "x",
    "@",
    "a@",
    "@b.co",
    "a@b",
    "a b@c.de",
    "a@b..co",
    "a@-b.co",
    "a@b.co,c@d.co",
    "<a@b.co>",
    "a@@b.co",
)
NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "1e-99999",
    "-1e-99999",
    "9" * 400,
    "-" + "9" * 400,
    "0." + "1" * 500,
)


def wrong_literals(field: Field) -> list[tuple[str, str, bool]]:
    """(JSON literal, message, whether it is about a whole object or list) of what must be refused in that field."""
    text = field.kind in ("name", "text", "date", "email")
    found: list[tuple[str, str, bool]] = []
    if field.kind == "object":
        found += [(literal, f"Invalid data. Expected a dictionary, but got {kind}.", True) for literal, kind in
                  [("5", "int"), ("0.5", "float"), ("true", "bool"), ('"x"', "str"), ('""', "str"), ("[]", "list"), ("[{}]", "list")]]  # fmt: skip
    elif field.kind == "list":
        found += [(literal, f'Expected a list of items but got type "{kind}".', True) for literal, kind in
                  [("5", "int"), ("0.5", "float"), ("false", "bool"), ('"x"', "str"), ('""', "str"), ("{}", "dict"), ('{"0":{}}', "dict")]]  # fmt: skip
    else:
        found += [(literal, field.says, False) for literal in ("true", "false", "[]", "{}", '["x"]', '{"a":1}')]
    if text:
        found += [(literal, "A valid number is required.", False) for literal in NUMBERS[:3]]
    else:
        found += [(literal, "A valid number is required.", False) for literal in NUMBERS]
    if field.kind in ("integer", "amount"):
        named = [
            "x",
            "NaN",
            "Infinity",
            "0x10",
            "1,5",
            "1,000",
            "١",
            "--1",
            *(["1e3", "1.5", "1.000", "5."] if field.kind == "integer" else []),
        ]
        found += [(json.dumps(bad, ensure_ascii=False), f'{field.says} "{bad}" is not one.', False) for bad in named]
        found += [(blank, field.says, False) for blank in ('""', '" "', '"\u00a0"')]
        found += [("1.5", field.says, False), ("2147483646.5", field.says, False)] if field.kind == "integer" else []
    if not field.nullable:
        found.append(("null", "This field may not be null.", False))
    if field.kind == "name":
        found += [
            (json.dumps(blank), "This field may not be blank.", False)
            for blank in ("", " ", " \t\r\n\f\v", " " * min(field.limit, 60))
        ]
    if field.limit:
        long = (
            "x" * (field.limit + 1) if field.kind != "email" else "x@" + "y" * 60 + ("." + "z" * 60) * 3 + ".abcdefghi"
        )
        assert len(long) == field.limit + 1
        found.append((json.dumps(long), f"Ensure this field has no more than {field.limit} characters.", False))
        if field.kind != "email":
            found.append(
                (json.dumps("x" * 1_000_000), f"Ensure this field has no more than {field.limit} characters.", False)
            )
    if field.kind == "date":
        found += [(f'"{bad}"', NOT_A_DATE, False) for bad in BAD_DATES]
    if field.kind == "email":
        found += [(f'"{bad}"', "Enter a valid email address.", False) for bad in BAD_EMAILS]
    if field.kind == "integer":
        found += [
            (bad, "Ensure this value is greater than or equal to 1.", False)
            for bad in ("0", "-1", "-5.0", "-0.0", "-" + "9" * 17, '"0"', '"-1"', '"0.00"')
        ]
        found += [
            (bad, "Ensure this value is less than or equal to 2147483647.", False)
            for bad in ("2147483648", "1e10", "9" * 18)
        ]
    if field.kind == "amount":
        found += [
            (bad, "Ensure this value is greater than or equal to 0.", False)
            for bad in ("-1", "-0.01", "-1e-300", "-" + "9" * 17, '"-1"', '"-.5"')
        ]
        found += [
            (bad, "Ensure this value is less than or equal to 999999999.", False)
            for bad in ("1000000000", "1e300", "9" * 18)
        ]
    if field.kind not in ("object", "list"):
        found += [
            (f'"{bad}"', "Null characters are not allowed.", False)
            for bad in ("\\u0000", "a\\u0000b", "2025-01-18\\u0000")
        ]
        found += [(f'"{bad}"', f"Surrogate characters are not allowed: U+{code}.", False) for bad, code in
                  [("\\ud800", "D800"), ("a\\udfffb", "DFFF"), ("\\ude00\\ud83d", "DE00")]]  # fmt: skip
    return found


def with_literal(body: dict[str, Any], field: Field, literal: str) -> bytes:
    """The body's JSON with `literal` as the field's value."""
    changed = copy.deepcopy(body)
    *way, last = field.path
    inner: Any = changed
    for step in way:
        inner = inner[step]
    inner[last] = "@@"
    return json.dumps(changed).replace('"@@"', literal, 1).encode()


def without(body: dict[str, Any], field: Field) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    *way, last = field.path
    inner: Any = changed
    for step in way:
        inner = inner[step]
    inner.pop(last, None)
    return changed


@pytest.fixture
def refused(api):
    """`await refused(body, errors, what)`: importing it is 400 with exactly these errors."""

    async def refused(body, errors, what):
        answer = await api.post(PATH, body, key="test-import-key")
        assert answer.status == 400, f"{what}: {answer.status} {answer.text[:300]}"
        # A client that shows one sentence shows the first one.
        first = errors
        while not isinstance(first, str):
            first = next(filter(None, first.values() if isinstance(first, dict) else first))
        whole = {"success": False, "status_code": 400, "message": "Validation failed", "detail": first}
        expected = {**whole, "errors": errors}
        assert answer.json == expected, what

    return refused


@pytest.mark.parametrize("field", FIELDS, ids=str)
async def test_a_bad_value_is_400_that_names_its_field_and_stores_nothing(refused, invoice, stored, field):
    body = invoice(customer={**invoice()["customer"], "code": "NEVER"}, salesman="Never")
    before = await stored()
    for literal, message, whole in wrong_literals(field):
        await refused(
            with_literal(body, field, literal), field.errors(message, whole=whole), f"{field} = {literal[:60]}"
        )
    if field.required:
        await refused(without(body, field), field.errors("This field is required."), f"{field} missing")
    if isinstance(field.path[-1], str):
        literal = json.dumps(
            {"list": [], "object": {}, "integer": 1, "amount": 1, "date": "2025-01-18"}.get(field.kind, "x")
        )
        await refused(
            with_literal(body, field, f'{literal}, "{field.path[-1]}": {literal}'),
            field.errors("This field is repeated."),
            f"{field} twice",
        )
    assert await stored() == before


async def test_texts_exactly_as_long_as_allowed_are_accepted(api, accepted, invoice):
    for field in FIELDS:
        if not field.limit:
            continue
        literals = (
            ["\u0c15" * field.limit, "\U0001f600" * field.limit]
            if field.kind != "email"
            else ["x@" + "y" * 60 + ("." + "z" * 60) * 3 + ".abcdefgh"]
        )
        for literal in literals:
            assert len(literal) == field.limit
            shown: Any = await accepted(with_literal(invoice(), field, json.dumps(literal)))
            for step in field.path:
                shown = shown[step]
            assert (shown["name"] if field.path == ("salesman",) else shown) == literal, str(field)


async def test_all_wrong_fields_are_named_at_once_where_they_are(refused, invoice):
    await refused(
        {},
        {name: ["This field is required."] for name in ("invoice_no", "invoice_date", "salesman", "customer", "items")},
        "{}",
    )
    required = {
        name: ["This field is required."] for name in ("name", "item_code", "quantity", "mrp", "shelf_location")
    }
    body = invoice(
        invoice_no="",
        customer={"name": " ", "email": "x"},
        items=[item(), {}, item(), item(mrp=-1, remarks=None), item()],
    )
    errors = {
        "invoice_no": ["This field may not be blank."],
        "customer": {
            "code": ["This field is required."], "name": ["This field may not be blank."], "email": ["Enter a valid email address."],
        },
        "items": [{}, required, {}, {"mrp": ["Ensure this value is greater than or equal to 0."], "remarks": ["This field may not be null."]}],
    }  # fmt: skip
    await refused(body, errors, "many")


async def test_what_is_no_object_is_refused_as_a_whole(refused):
    for literal, kind in [
        (b"[]", "list"),
        (b'"x"', "str"),
        (b"5", "int"),
        (b"true", "bool"),
    ]:
        await refused(literal, {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]}, literal)


async def test_unstorable_text_is_found_in_unknown_fields_and_in_names_of_fields_too(api, invoice, stored):
    before = await stored()
    for extra in ('"x": "\\u0000"', '"x": {"y": ["\\ud800"]}', '"a\\u0000b": 1', '"\\udc00": 1', '"x": NaN', '"x": -Infinity', '"x": 1e-99999',
                  '"x": 1e999999', '"x": 0e-99999', '"x": 0e99999999999', '"x": {"y": 1, "y": 2}', '"x": 1, "x": 1'):  # fmt: skip
        body = f"{json.dumps(invoice())[:-1]}, {extra}}}".encode()
        answer = await api.post(PATH, body, key="test-import-key")
        assert (answer.status, answer.json["success"], answer.json["status_code"]) == (400, False, 400), (
            f"{extra}: {answer.text}"
        )
    assert await stored() == before


# Bad bodies


async def test_what_is_no_json_is_400_and_says_so(api, invoice, stored):
    before = await stored()
    good = json.dumps(invoice()).encode()
    bodies = [
        b"", b" ", b"{", good[:-1], good + b"}", good.replace(b'"', b"'"), b"\xff" + good, good.replace(b"Ajay", b"\xc3\x28"),
        good.replace(b"Ajay", b"\xed\xa0\x80"), good.decode().encode("utf-16"), good.replace(b"Ajay", b"A\0jay"),
        good.replace(b"Ajay", b"A\njay"), good.replace(b"Ajay", b"A\\xjay"), b"\0", b"undefined", b"01", b"+1", b"// c\n{}", b"\x1f\x8b\x08\0",
    ]  # fmt: skip
    for body in bodies:
        answer = await api.call("POST", PATH, body, key="test-import-key")
        assert answer.status == 400, f"{body[:40]!r}: {answer.text}"
        assert (answer.json["success"], answer.json["status_code"]) == (False, 400)
        assert answer.json["detail"].startswith("JSON parse error - "), body[:40]
    assert (await api.call("POST", PATH, b"", key="test-import-key")).json[
        "detail"
    ] == "JSON parse error - Expecting value: line 1 column 1 (char 0)"
    assert await stored() == before


async def test_nesting_without_end_is_400_at_every_depth(api, invoice):
    good = json.dumps(invoice())[:-1]
    for depth in (120, 250, 400, 600, 900, 980, 1010, 3_000, 100_000):
        for opening, inner, closing in (("[", "", "]"), ('{"a":', "1", "}")):
            body = f'{good}, "x": {opening * depth}{inner}{closing * depth}}}'.encode()
            answer = await api.post(PATH, body, key="test-import-key")
            assert (answer.status, answer.json.get("detail")) == (400, "JSON parse error - nested too deeply"), (
                f"{depth} {opening}"
            )
            answer = await api.post(PATH, (opening * depth).encode(), key="test-import-key")
            assert answer.status == 400, f"{depth} {opening} open"


async def test_other_kinds_of_body_are_415(api, invoice):
    body = json.dumps(invoice()).encode()
    for kind in (
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "json",
        "é",
    ):
        answer = await api.post(
            PATH, body, key="test-import-key", headers={"Content-Type": kind.encode().decode("latin-1")}
        )
        assert answer.status in (415, 400) if kind.startswith("multipart") else answer.status == 415, (
            f"{kind}: {answer.text}"
        )
        assert (answer.json["success"], answer.json["status_code"]) == (False, answer.status)
    for kind in ("application/json; charset=utf-8", "Application/JSON", "application/vnd.erp+json", ""):
        assert (await api.import_invoice(invoice())).status == 201
        answer = await api.post(
            PATH, json.dumps(invoice()).encode(), key="test-import-key", headers={"Content-Type": kind}
        )
        assert answer.status == 201, f"{kind}: {answer.text}"


async def test_a_body_over_10_mb_is_413_and_the_next_request_is_served(api, invoice, stored):
    before = await stored()
    answer = await api.post(PATH, b'{"x":"' + b"x" * (11 * 1024 * 1024) + b'"}', key="test-import-key")
    assert (answer.status, answer.json["success"], answer.json["status_code"]) == (413, False, 413)
    assert await stored() == before
    padded = f'{json.dumps(invoice())[:-1]}, "x": "{"x" * (10 * 1024 * 1024 - 2000)}"}}'
    assert (await api.post(PATH, padded.encode(), key="test-import-key")).status == 201


async def test_10_000_items_are_stored_and_one_more_is_refused_without_looking_at_them(
    api, accepted, invoice, refused, stored, stream
):
    reader = await stream()
    lines = [item(name=f"Item {n}", item_code=f"C{n}", quantity=n % 9 + 1, mrp=n / 100) for n in range(MOST_ITEMS)]
    shown = await accepted(invoice(items=lines))
    assert [one["item_code"] for one in shown["items"]] == [one["item_code"] for one in lines]
    assert shown["total_amount"] == sum((n % 9 + 1) * n for n in range(MOST_ITEMS)) / 100
    while (streamed := await reader.invoice())["id"] < shown["id"]:
        pass  # the last import of the test before this one
    assert streamed == shown
    before = await stored()
    too_many = {"items": {"non_field_errors": ["Ensure this field has no more than 10000 elements."]}}
    await refused(invoice(items=[*lines, item()]), too_many, "10,001 items")
    await refused(invoice(items=[item()] * 100_000), too_many, "100,000 items")
    assert await stored() == before


# Races


async def test_of_50_imports_of_one_number_one_wins(api, invoice, db, stored):
    (before, _) = await stored()
    bodies = [
        invoice(invoice_no="RACE-1", salesman=f"Racer {n % 3}", customer={"code": f"RACE-{n % 2}", "name": "R"})
        for n in range(50)
    ]
    answers = await asyncio.gather(*[api.import_invoice(body) for body in bodies])
    assert sorted(answer.status for answer in answers) == [201] + [409] * 49
    winner = next(answer.json["data"]["id"] for answer in answers if answer.status == 201)
    assert {json.dumps(answer.json["data"]) for answer in answers if answer.status == 409} == {
        json.dumps({"id": winner, "invoice_no": "RACE-1"})
    }
    (after, _) = await stored()
    assert {table: after[table] - before[table] for table in TABLES} == {
        "sales.invoice": 1,
        "sales.invoice_item": 2,
        "sales.customer": 1,
        "sales.salesman": 1,
        "core.event": 1,
    }


async def test_8_first_imports_that_name_one_new_salesman_and_customer_make_one_of_each(api, invoice, db):
    for turn in range(3):
        answers = await asyncio.gather(
            *[
                api.import_invoice(invoice(salesman=f"Fresh {turn}", customer={"code": f"FRESH-{turn}", "name": "F"}))
                for _ in range(8)
            ]
        )
        assert [answer.status for answer in answers] == [201] * 8
        assert await db.fetchval("SELECT count(*) FROM sales.salesman WHERE name = $1", f"Fresh {turn}") == 1
        assert await db.fetchval("SELECT count(*) FROM sales.customer WHERE code = $1", f"FRESH-{turn}") == 1


async def test_imports_that_change_the_same_customers_at_once_all_succeed(api, invoice, db):
    bodies = [
        invoice(customer={"code": f"SAME-{n % 2}", "name": f"Name {n}", "phone1": str(n)}, salesman=f"Same {n % 3}") for n in range(60)
    ]  # fmt: skip
    answers = await asyncio.gather(*[api.import_invoice(body) for body in bodies])
    assert [answer.status for answer in answers] == [201] * 60
    for row in await db.fetch("SELECT name, phone1 FROM sales.customer WHERE code LIKE 'SAME-%'"):
        assert row["name"] == f"Name {row['phone1']}"  # one import's values, not a mixture
