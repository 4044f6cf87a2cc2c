"""Imports of many invoices (docs/api/sales.md#imports): what becomes of each line, in whatever form it comes, and however the request ends."""

import json
from typing import Any

import pytest

pytestmark = pytest.mark.gen_test

PATH = "/api/sales/import/invoices/"
KEY = "test-import-key"


@pytest.fixture
def send(api):
    """`await send(invoices or bytes, "ndjson")`: the answer."""

    async def send(body: Any, kind: str = "application/json", **headers: str) -> Any:
        if not isinstance(body, bytes):
            joined = [json.dumps(one) for one in body]
            body = ("\n".join(joined) if "nd" in kind else f"[{','.join(joined)}]").encode()
        return await api.post(PATH, body, key=KEY, headers={"Content-Type": kind, **headers})

    return send


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
async def test_each_line_has_its_own_result_in_order(send, invoice, api, kind):
    mark = kind[-7:]
    good, other = invoice(invoice_no=f"B1-{mark}"), invoice(invoice_no=f"B2-{mark}")
    wrong = invoice(invoice_no=f"B3-{mark}", invoice_date="2025-02-30")
    answer = await send([good, wrong, good, other], kind)
    assert answer.status == 200, answer.text
    data = answer.json["data"]
    assert [(one["line"], one["status"], one["invoice_no"]) for one in data["results"]] == [
        (1, "created", f"B1-{mark}"),
        (2, "invalid", f"B3-{mark}"),
        (3, "duplicate", f"B1-{mark}"),
        (4, "created", f"B2-{mark}"),
    ]
    assert (data["lines"], data["created"], data["duplicates"], data["invalid"], data["waiting"]) == (4, 2, 1, 1, 0)
    assert data["results"][2]["id"] == data["results"][0]["id"]
    single = await api.import_invoice(wrong)
    assert data["results"][1]["errors"] == single.json["errors"]


TABLE = b"""\xef\xbb\xbfinvoice_no;invoice_date;salesman;customer.code;customer.name;item.name;item.item_code;item.quantity;item.mrp;item.shelf_location
T-1;2025-01-18;Ajay;C-1;Shop One;Paracetamol;PR650;20;3,50;R-12
T-1;2025-01-18;Ajay;C-1;Shop One;Otrivin;OTN10;10;85.00;
;;;;;Third;TH1;1;2.125;X
T-2;2025-01-18;Ajay;C-2;Shop Two;Paracetamol;PR650;many;3.5;R-12
T-3;2025-01-19;Ajay;C-2;Shop Two;;;;;
"""


async def test_a_table_has_one_row_for_each_item(send, api):
    answer = await send(TABLE, "text/csv")
    assert answer.status == 200, answer.text
    data = answer.json["data"]
    assert [(one["line"], one["status"], one["invoice_no"]) for one in data["results"]] == [
        (2, "created", "T-1"),
        (5, "invalid", "T-2"),
        (6, "created", "T-3"),
    ]
    assert data["results"][1]["errors"] == {
        "items": [{"quantity": ['A valid integer is required. "many" is not one.']}]
    }
    stored = (await api.get(f"/api/sales/invoices/{data['results'][0]['id']}/")).json
    assert [(one["name"], one["quantity"], one["mrp"], one["shelf_location"]) for one in stored["items"]] == [
        ("Paracetamol", 20, 3.5, "R-12"),
        ("Otrivin", 10, 85.0, ""),
        ("Third", 1, 2.125, "X"),
    ]
