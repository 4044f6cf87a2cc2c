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
