"""Bills as PDFs, through HTTP. docs/api/vendor.md#paper-of-a-bill. What is printed of them: test_bill_paper.py."""

import asyncio
import io
import json
import secrets
from urllib.parse import quote

import pytest
from PIL import Image

from core.files import media
from core.http import schema
from core.paper.fonts import writing
from tests.vendor.bills import pages

pytestmark = pytest.mark.gen_test

GST = json.loads((schema.ROOT / "vendor/examples/bill_upload_wrapped.json").read_text())


@pytest.fixture
def stored(api):
    """`await stored(headers, "INV-1", total="5.00")`: the path of the PDF of a new bill."""

    async def stored(headers, number="INV-1", **more):
        answer = await api.post("/backup/sync", GST["bill_data"] | {"invoice_number": number, **more}, headers=headers)
        assert answer.status == 201 and answer.json["synced"] == 1, answer.json
        return f"/backup/bills/{answer.json['bills'][0]['id']}/pdf/"

    return stored


async def test_a_bill_is_a_pdf_of_the_paper_that_was_asked_for(api, seller, stored):
    _, headers = await seller()
    path = await stored(headers, "INV-7", total="236.00")
    for query, width in {"": 80, "?paper=80": 80, "?paper=58": 58, "?paper=a5": 148}.items():
        answer = await api.get(path + query, headers=headers)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
        assert answer.headers["Content-Disposition"] == 'inline; filename="bill-INV-7.pdf"'
        [page] = pages(answer.body)
        assert float(page.mediabox.width) / 72 * 25.4 == pytest.approx(width, abs=0.01)
        text = page.extract_text()
        assert "INV-7" in text and "GSTIN: 29ABCDE1234F1Z5" in text and "₹236.00" in text
    assert (await api.get(path.rstrip("/"), headers=headers)).status == 200


@pytest.mark.parametrize("paper", ["a4", "80mm", "A5", "5' OR 1=1", "[80]", "x" * 5000, "58,80", "०"])
async def test_another_paper_is_refused(api, seller, stored, paper):
    _, headers = await seller()
    answer = await api.get(f"{await stored(headers)}?paper={quote(paper)}", headers=headers)
    assert answer.status == 400
    assert answer.json == {"paper": [f'"{paper[:40]}" is not a valid choice. Choices: 80, 58, a5.']}


async def test_the_bill_of_another_vendor_does_not_exist(api, seller, stored):
    _, headers = await seller()
    _, other = await seller()
    path = await stored(headers)
    for asked in (path, "/backup/bills/99999999-9999-4999-8999-999999999999/pdf/", "/backup/bills/x/pdf/"):
        answer = await api.get(asked, headers=other)
        assert (answer.status, answer.json) == (404, {"error": "Bill not found"})
    assert (await api.get(path)).status == 401


async def test_a_bill_that_the_client_has_is_not_written_again(api, seller, stored):
    _, headers = await seller()
    path = await stored(headers)
    first = await api.get(path, headers=headers)
    tag = first.headers["ETag"]
    again = await api.get(path, headers={**headers, "If-None-Match": tag})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert first.headers["Cache-Control"] == "private, no-cache"
    # Another paper, and another bill, are something else.
    for other in (f"{path}?paper=58", await stored(headers, "INV-2")):
        found = await api.get(other, headers={**headers, "If-None-Match": tag})
        assert found.status == 200 and found.headers["ETag"] != tag


async def test_the_pdf_of_a_bill_is_always_the_same_bytes(api, seller, stored):
    _, headers = await seller()
    paths = [
        await stored(headers, f"INV-{at}", restaurant_name=name) for at, name in enumerate(("श्री कृष्ण", "ശ്രീ", "Tea"))
    ]
    answers = await asyncio.gather(*(api.get(path, headers=headers) for path in paths * 4))
    assert [answer.status for answer in answers] == [200] * 12
    assert len({answer.body for answer in answers}) == 3


async def test_a_number_of_any_text_makes_a_safe_name(api, seller, stored):
    _, headers = await seller()
    answer = await api.get(await stored(headers, 'बिल/1"; filename="x.exe'), headers=headers)
    shown = answer.headers["Content-Disposition"]
    assert (
        shown.startswith('inline; filename="bill-') and shown.count('"') == 2 and "filename*=UTF-8''bill-%E0" in shown
    )


async def test_a_bill_of_too_many_lines_is_not_printed(api, seller, stored):
    _, headers = await seller()
    lines = [{"name": "Tea", "price": "1.00", "quantity": "1"}] * 301
    most, more = await stored(headers, "A", items=lines[:300]), await stored(headers, "B", items=lines)
    assert len(pages((await api.get(f"{most}?paper=a5", headers=headers)).body)) > 5
    answer = await api.get(more, headers=headers)
    assert (answer.status, answer.json) == (400, {"error": "A bill of more than 300 lines can't be printed."})


async def test_other_requests_are_answered_while_bills_are_written(api, seller, stored):
    _, headers = await seller()
    path = await stored(headers)
    # Whoever writes a PDF holds this lock.
    with writing:
        waiting = [asyncio.ensure_future(api.get(path, headers=headers)) for _ in range(40)]
        for _ in range(10):
            assert (await api.get("/settings/", headers=headers)).status == 200
        assert not any(one.done() for one in waiting)
    assert [answer.status for answer in await asyncio.gather(*waiting)] == [200] * 40


async def test_a_bill_with_all_defaults_is_printed(api, seller):
    _, headers = await seller(business_name="Café")
    answer = await api.post("/backup/sync", {"invoice_number": "few"}, headers=headers)
    path = f"/backup/bills/{answer.json['bills'][0]['id']}/pdf/"
    text = pages((await api.get(path, headers=headers)).body)[0].extract_text()
    assert "Café" in text and "₹0.00" in text and "few" in text


@pytest.fixture
def logo(app, db, vendor):
    """`await logo(someone)`: gives a vendor a logo; its key."""

    async def logo(someone):
        file = io.BytesIO()
        Image.new("RGB", (90, 60), "red").save(file, "PNG")
        key = f"logos/{someone.id}/{secrets.token_hex(8)}.png"
        await media.hold(app.db, key)
        await app.storage.put(key, file.getvalue(), "image/png")
        await db.execute("UPDATE vendor.vendor SET logo = $2 WHERE id = $1::uuid", someone.id, key)
        return key

    return logo


async def test_the_logo_of_the_vendor_stands_on_the_bill(api, app, seller, stored, logo):
    someone, headers = await seller()
    path = await stored(headers, logo_url="http://127.0.0.1:1/not-fetched.png")
    before = await api.get(path, headers=headers)
    key = await logo(someone)
    # With its new logo the bill is another one.
    found = await api.get(path, headers={**headers, "If-None-Match": before.headers["ETag"]})
    assert found.status == 200 and len(pages(found.body)[0].images) == 1
    assert (await api.get(path, headers={**headers, "If-None-Match": found.headers["ETag"]})).status == 304
    # A bill is printed without it where it can't be read, and not taken for the one with it.
    await app.storage.remove(key)
    without = await api.get(path, headers=headers)
    assert (without.status, without.body, without.headers["ETag"]) == (200, before.body, before.headers["ETag"])
