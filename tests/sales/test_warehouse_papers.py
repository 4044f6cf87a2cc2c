"""Papers of the warehouse, through HTTP: picking lists, delivery notes, labels. docs/api/sales.md#papers."""

import asyncio
import itertools
import json
import re
from typing import Any

import pytest

from core.paper.fonts import writing
from handlers.sales.paper import query
from handlers.sales.walk import walked
from tests.support.scanner import POINTS_OF_MILLIMETRE, all_scanned, filled, pages, scanned, texts

pytestmark = pytest.mark.gen_test

_codes = itertools.count(1)
NOTHING = {"company_name": "", "packing": "", "batch_no": "", "remarks": ""}
PATHS = ("picking-list", "delivery-note", "labels")


def item(shelf: str, name: str = "", quantity: int = 1, **more: Any) -> dict[str, Any]:
    code = f"IC{next(_codes)}"
    return {"name": name or f"Item {code}", "item_code": code, "quantity": quantity, "mrp": 2.5} | {
        "shelf_location": shelf,
        **more,
    }


@pytest.fixture
def token(io_loop: Any, sign_in: Any) -> str:
    return io_loop.run_sync(lambda: sign_in("PICKER"))["access"]


@pytest.fixture
def stored(api: Any, invoice: Any) -> Any:
    """`await stored(items=[…])`: the id and the number of a new invoice."""

    async def stored(**changes: Any) -> tuple[int, str]:
        answer = await api.import_invoice(invoice(**changes))
        assert answer.status == 201, answer.text
        return answer.json["data"]["id"], answer.json["data"]["invoice_no"]

    return stored


@pytest.fixture
def printed(api: Any, token: str) -> Any:
    """`await printed("/invoices/7/labels/?copies=2")`: the PDF."""

    async def printed(path: str) -> bytes:
        answer = await api.get(f"/api/sales{path}", token=token)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf"), answer.text
        return answer.body

    return printed


def in_order(text: str, *parts: str) -> bool:
    """Whether the parts stand in the text one after the other."""
    places = [text.index(part) for part in parts]
    return places == sorted(places)


# The walk


@pytest.mark.parametrize(
    ("shelves", "walk"),
    [
        (["R-12", "", "A-10", "R-2", "A-9"], ["A-9", "A-10", "R-2", "R-12", ""]),
        (["10-2", "9-11", "9-2"], ["9-2", "9-11", "10-2"]),
        (["R", "R-1", "R-0"], ["R", "R-0", "R-1"]),
        (["A-1-10", "A-1-9", "A-1"], ["A-1", "A-1-9", "A-1-10"]),
        (["b-1", "A-2", "a-1", "B-0"], ["a-1", "A-2", "B-0", "b-1"]),
        (["R 3", "R2", "r/1", "R-01"], ["R-01", "r/1", "R2", "R 3"]),
        (["  ", "Ａ-１０", "A-9", "Z", "5"], ["5", "A-9", "Ａ-１０", "Z", "  "]),
        (["രണ്ട് 2", "രണ്ട് 10", "A"], ["A", "രണ്ട് 2", "രണ്ട് 10"]),
        (["9" * 50, "1", "A" * 50], ["1", "9" * 50, "A" * 50]),
    ],
)
async def test_the_walk_goes_by_aisles_then_by_numbers_and_ends_without_shelf(shelves, walk):
    items = [{"id": at, "name": "Item", "shelf_location": shelf} for at, shelf in enumerate(shelves)]
    assert [one["shelf_location"] for one in walked(items)] == walk
    assert [one["shelf_location"] for one in walked(reversed(items))] == walk


async def test_items_of_one_shelf_go_by_name_and_then_as_they_were_sent():
    items = [{"id": at, "name": name, "shelf_location": "A"} for at, name in enumerate(["Z", "b 10", "B 9", "b 10"])]
    assert [one["id"] for one in walked(items)] == [2, 1, 3, 0]


# Picking lists


async def test_a_picking_list_has_the_items_in_the_order_of_the_walk_and_a_code_for_the_boards_scanner(stored, printed):
    items = [item(shelf, quantity=at) for at, shelf in enumerate(["R-12", "", "A-10", "R-2"], 1)]
    items[2] |= {"batch_no": "B77", "expiry_date": "2027-03-31", "remarks": "Keep cold"}
    id, number = await stored(items=items, remarks="Ring twice")
    data = await printed(f"/invoices/{id}/picking-list/")
    [text] = texts(data)
    codes = [one["item_code"] for one in items]
    assert in_order(text, codes[2], codes[3], codes[0], codes[1])
    for part in (
        "Picking list", number, "LifeCare Pharmacy", "18 January 2025", "Ajay", "Remarks: Ring twice", "No shelf",
        "Batch B77 · Expires 2027-03-31 · Keep cold", "4 lines · 10 pieces", "Page 1 of 1",
    ):  # fmt: skip
        assert part in text
    assert all_scanned(data) == [("Code 128", number)]


async def test_each_invoice_of_several_begins_a_page_and_counts_its_own_pages(stored, printed):
    first = await stored(items=[item("A-1")])
    long = await stored(items=[item(f"B-{at}") for at in range(100)])
    last = await stored(items=[item("C-1")])
    asked = "&".join(f"invoice={id}" for id, _ in (last, long, first, last))
    found = texts(await printed(f"/papers/picking-list/?{asked}"))
    heads = [text for text in found if "Page 1 of" in text]
    assert [re.search(r"INV-\d+", text)[0] for text in heads] == [last[1], long[1], first[1]]
    middle = found[1:-1]
    assert [f"Page {at} of {len(middle)}" in text for at, text in enumerate(middle, 1)] == [True] * len(middle)
    assert all(long[1] in text and "Shelf" in text for text in middle) and len(middle) > 2


async def test_a_merged_list_is_one_walk_whose_lines_say_what_is_for_which_invoice(stored, printed):
    same = item("B-2", "Same", batch_no="X")
    one = await stored(items=[{**same, "quantity": 3}, item("C-1", "Only one", 4)])
    two = await stored(items=[item("A-1", "Only two"), {**same, "quantity": 5}, {**same, "batch_no": "Y"}])
    data = await printed(f"/papers/picking-list/?invoice={one[0]}&invoice={two[0]}&merged=true")
    [text] = texts(data)
    assert in_order(text, "Only two", "Same", "Batch X", "Batch Y", "Only one", "Invoices")
    assert f"For {one[1]}: 3, {two[1]}: 5" in text and f"For {two[1]}: 1" in text
    assert "Picking list of 2 invoices" in text and "5 lines · 14 pieces" in text
    assert all_scanned(data) == [("Code 128", one[1]), ("Code 128", two[1])]


async def test_a_number_that_code_128_cannot_hold_is_a_qr_code(stored, printed):
    for number in ("बिल/१२", "发票-9", "N" * 100, "Größe 7", "😀"):
        id, _ = await stored(invoice_no=number)
        assert all_scanned(await printed(f"/invoices/{id}/picking-list/")) == [("QR Code", number)]


# Delivery notes


async def test_a_delivery_note_says_who_gets_what_and_has_prices_only_if_they_are_asked_for(stored, printed):
    id, number = await stored()
    data = await printed(f"/invoices/{id}/delivery-note/")
    [text] = texts(data)
    for part in (
        "Delivery note", number, "LifeCare Pharmacy", "Near Railway Station", "Kozhikode", "9876543210",
        "Paracetamol 650mg", "PR650", "2 lines · 30 pieces", "Received by", "Signature", "Page 1 of 1",
    ):  # fmt: skip
        assert part in text
    assert "MRP" not in text and "85.00" not in text and "920.00" not in text
    assert all_scanned(data) == [("Code 128", number)]
    [priced] = texts(await printed(f"/invoices/{id}/delivery-note/?prices=true"))
    assert "MRP Amount" in priced and "85.00 850.00" in priced and "3.50 70.00" in priced and "Total 920.00" in priced


@pytest.mark.parametrize(
    "changed_settings",
    [{"paper_header": ("Sol Traders", "12 Beach Road"), "business_timezone": "Asia/Kolkata"}],
)
async def test_a_delivery_note_has_the_firm_and_the_workflows_delivery(api, warehouse, stored, printed, db):
    worker = await warehouse.worker()
    number = await warehouse.at("PACKED", worker["email"])
    how = {"delivery_type": "COURIER", "courier_name": "BlueDart", "tracking_no": "BD-77"}
    assert (await warehouse.step("delivery/start", number, **how)).status == 201
    id = await db.fetchval(
        """UPDATE sales.session SET start_time = '2025-01-18 20:00+00'
            WHERE kind = 'delivery' AND invoice_id = (SELECT id FROM sales.invoice WHERE invoice_no = $1)
        RETURNING invoice_id""",
        number,
    )
    [text] = texts(await printed(f"/invoices/{id}/delivery-note/"))
    for part in ("Sol Traders", "12 Beach Road", "By courier", "BlueDart", "BD-77", "19 January 2025, 01:30"):
        assert part in text
    assert f"Packed by {worker['name']}" in text


async def test_a_cancelled_delivery_is_not_on_the_note(warehouse, printed, db):
    worker = await warehouse.worker()
    number = await warehouse.at("DISPATCHED", worker["email"])
    answer = await warehouse.step("delivery/cancel", number, worker["email"], reason="Van broke down")
    assert answer.status == 200, answer.text
    id = await db.fetchval("SELECT id FROM sales.invoice WHERE invoice_no = $1", number)
    [text] = texts(await printed(f"/invoices/{id}/delivery-note/"))
    assert "Driver" not in text and "Dispatched" not in text


# Labels


def corners(page: Any) -> list[tuple[float, float, float, float]]:
    """Left, top, width and height of the labels of a page, in millimetres: the rectangles that clip them."""
    found, before = [], None
    _, height = page.mediabox[2:]
    for operands, operator in page.get_contents().operations:
        if operator in (b"W", b"W*"):
            left, bottom, across, up = before
            found.append((left, float(height) - bottom - up, across, up))
        before = tuple(map(float, operands)) if operator == b"re" else before
    return [tuple(round(one / POINTS_OF_MILLIMETRE, 2) for one in label) for label in found]


@pytest.mark.parametrize(
    ("sheet", "count", "first", "last"),
    [
        ("3x8", 24, (7.25, 12.9, 63.5, 33.9), (139.25, 250.2, 63.5, 33.9)),
        ("2x7", 14, (4.65, 15.15, 99.1, 38.1), (106.25, 243.75, 99.1, 38.1)),
        ("100x150", 1, (0, 0, 100, 150), (0, 0, 100, 150)),
    ],
)
async def test_labels_lie_exactly_on_those_of_the_sheet(stored, printed, sheet, count, first, last):
    id, _ = await stored()
    found = pages(await printed(f"/invoices/{id}/labels/?sheet={sheet}&parcels={count + 1}"))
    places = corners(found[0])
    assert (
        len(places) == count
        and places[0] == pytest.approx(first, abs=0.02)
        and places[-1] == pytest.approx(last, abs=0.02)
    )
    assert corners(found[1]) == [places[0]]
    for page in found:
        for at, (left, _, across, _) in enumerate(filled(page)):
            inside = any(
                left >= x * POINTS_OF_MILLIMETRE and left + across <= (x + wide) * POINTS_OF_MILLIMETRE + 0.01
                for x, _, wide, _ in places
            )
            assert inside, at


async def test_parcels_are_numbered_and_begin_at_the_first_free_label(stored, printed):
    id, number = await stored()
    data = await printed(f"/invoices/{id}/labels/?parcels=3&copies=2&from=23")
    first, second = pages(data)
    assert [len(corners(page)) for page in (first, second)] == [2, 4]
    assert corners(first)[0][1] == pytest.approx(250.2, abs=0.02)
    joined = " ".join(texts(data))
    assert re.findall(r"Parcel \d of \d", joined) == [f"Parcel {at} of 3" for at in (1, 1, 2, 2, 3, 3)]
    for part in (number, "LifeCare Pharmacy", "Near Railway Station", "Kozhikode"):
        assert joined.count(part) == 6
    assert sorted(all_scanned(data)) == [("Code 128", number)] * 6 + [("QR Code", number)] * 6


async def test_labels_of_several_invoices_share_a_sheet(stored, printed):
    found = [await stored() for _ in range(3)]
    data = await printed("/papers/labels/?" + "&".join(f"invoice={id}" for id, _ in found))
    [page] = pages(data)
    assert len(corners(page)) == 3
    assert {text for _, text in scanned(page)} == {number for _, number in found}


@pytest.mark.parametrize("sheet", ["3x8", "2x7", "100x150"])
async def test_an_item_has_a_label_with_its_code_its_price_and_its_shelf(stored, printed, sheet):
    plain, other = item("R-7", "Cough syrup", packing="100 ml"), item("", "खाँसी", item_code="कोड-१", mrp=1234.5)
    id, _ = await stored(items=[plain, other])
    data = await printed(f"/invoices/{id}/labels/?kind=items&sheet={sheet}")
    assert set(all_scanned(data)) == {("Code 128", plain["item_code"]), ("QR Code", "कोड-१")}
    joined = " ".join(texts(data))
    for part in ("Cough syrup", "MRP 2.50", "Shelf R-7", "100 ml", "MRP 1,234.50"):
        assert part in joined


# What all papers have in common


@pytest.mark.parametrize("paper", PATHS)
async def test_papers_are_for_people_of_the_warehouse_also_while_invoices_are_public(api, sign_in, stored, paper):
    id, _ = await stored()
    assert (await api.get(f"/api/sales/invoices/{id}/")).status == 200
    for path in (f"/api/sales/invoices/{id}/{paper}/", f"/api/sales/papers/{paper}/?invoice={id}"):
        answer = await api.get(path, headers={"Origin": "https://elsewhere.example"})
        assert answer.status == 401 and "Access-Control-Allow-Origin" not in answer.headers
        for role, status in {"STORE": 200, "BILLING": 200, "MEMBER": 403, "SALESREP": 403}.items():
            assert (await api.get(path, token=(await sign_in(role))["access"])).status == status, role


@pytest.mark.parametrize("paper", PATHS)
async def test_a_paper_that_the_client_has_is_not_written_again(api, stored, token, db, paper):
    id, number = await stored()
    path = f"/api/sales/invoices/{id}/{paper}/"
    first = await api.get(path, token=token)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    name = {"labels": "label"}.get(paper, paper)
    assert first.headers["Content-Disposition"] == f'inline; filename="{name}-{number}.pdf"'
    again = await api.get(path, token=token, headers={"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")
    assert (await api.get(path, token=token)).body == first.body
    saved = await api.get(f"{path}?download=true", token=token)
    assert saved.headers["Content-Disposition"].startswith("attachment; ")
    await db.execute(
        "UPDATE sales.customer SET name = 'Renamed' WHERE id = (SELECT customer_id FROM sales.invoice WHERE id = $1)",
        id,
    )
    other = await api.get(path, token=token, headers={"If-None-Match": tag})
    assert other.status == 200 and other.headers["ETag"] != tag and "Renamed" in texts(other.body)[0]


@pytest.mark.parametrize("paper", PATHS)
async def test_an_invoice_that_is_not_there_is_404(api, stored, token, db, paper):
    id, _ = await stored()
    gone, _ = await stored()
    await db.execute("UPDATE sales.invoice SET is_active = false WHERE id = $1", gone)
    for path in (f"invoices/{gone}", "invoices/999999999999999999", "invoices/x", "invoices/0"):
        answer = await api.get(f"/api/sales/{path}/{paper}/", token=token)
        assert (answer.status, answer.json["message"]) == (404, "No Invoice matches the given query.")
    answer = await api.get(f"/api/sales/papers/{paper}/?invoice={id}&invoice={gone}&invoice=0", token=token)
    assert answer.status == 404
    assert answer.json["message"] == f"No Invoice matches the given query. Unknown: {gone}, 0."


LABELS = "invoices/{id}/labels/?"
BAD_NUMBERS = ("0", "-1", "x", "1.5", "١", "99999999999999999999", "1e3", "9" * 5000)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("papers/picking-list/", "invoice"),
        ("papers/labels/", "invoice"),
        *(("papers/picking-list/?invoice=" + id, "invoice") for id in ("", "x", "-1", "9" * 19, "१", "1,2", "z" * 5000)),
        ("papers/picking-list/?" + "&".join(f"invoice={at}" for at in range(51)), "invoice"),
        ("papers/picking-list/?invoice={id}&merged=yes", "merged"),
        ("papers/delivery-note/?invoice={id}&prices=2", "prices"),
        ("invoices/{id}/delivery-note/?prices=" + "x" * 5000, "prices"),
        ("invoices/{id}/picking-list/?download=maybe", "download"),
        (LABELS + "kind=people", "kind"),
        (LABELS + "sheet=4x8", "sheet"),
        (LABELS + "sheet=3X8", "sheet"),
        *((f"{LABELS}{name}={value}", name) for name in ("from", "copies", "parcels") for value in BAD_NUMBERS),
        (LABELS + "from=25", "from"),
        (LABELS + "from=15&sheet=2x7", "from"),
        (LABELS + "from=2&sheet=100x150", "from"),
        (LABELS + "copies=101", "copies"),
        (LABELS + "parcels=501", "parcels"),
    ],
)  # fmt: skip
async def test_a_wrong_parameter_is_refused_beside_its_name(api, stored, token, path, field):
    id, _ = await stored()
    answer = await api.get(f"/api/sales/{path.format(id=id)}", token=token)
    assert answer.status == 400 and list(answer.json["errors"]) == [field], answer.text


async def test_more_labels_or_items_than_a_file_has_are_refused(api, stored, token):
    id, _ = await stored()
    many, _ = await stored(items=[item("A")] * 21)
    for path, message in {
        f"invoices/{id}/labels/?parcels=500&copies=5": "A file has at most 2000 labels; these are 2500.",
        f"invoices/{many}/labels/?kind=items&copies=100": "A file of this kind has at most 20 items.",
    }.items():
        answer = await api.get(f"/api/sales/{path}", token=token)
        assert (answer.status, answer.json["message"]) == (400, message)


async def test_the_largest_invoice_has_papers_and_two_of_them_are_refused(api, invoice, stored, printed, token):
    items = [item(f"{'ABC'[at % 3]}-{at % 97}") for at in range(10_000)]
    first, _ = await stored(items=items)
    second, _ = await stored(items=[item("A")])
    found = pages(await printed(f"/invoices/{first}/picking-list/"))
    assert f"Page {len(found)} of {len(found)}" in found[-1].extract_text()
    answer = await api.get(f"/api/sales/papers/picking-list/?invoice={first}&invoice={second}", token=token)
    assert (answer.status, answer.json["message"]) == (400, "A file of this kind has at most 10000 items.")


HARD = ("漢字" * 60, "x" * 255, "शब्द" * 60, "😀" * 200, "a\u202eb", "W" * 255, "a " * 127, "ﷺ" * 100)


async def test_texts_of_any_length_and_script_stay_on_their_paper(stored, printed):
    for text in HARD:
        text = text.strip()
        items = [
            item(text[:50], text, company_name=text[:100], packing=text[:50], batch_no=text[:100], remarks=text * 30)
        ]
        customer = {
            "code": f"C{text[:40]}",
            "name": text,
            "area": text[:150],
            "address1": (text * 9)[:1000],
            "address2": (text * 9)[:1000],
        }
        id, _ = await stored(items=items, customer=customer, remarks=text * 30, salesman=text[:150])
        for path in (
            "picking-list/",
            "delivery-note/?prices=true",
            "labels/",
            "labels/?kind=items",
            "labels/?sheet=100x150",
        ):
            for page in pages(await printed(f"/invoices/{id}/{path}")):
                assert is_on_paper(page), (text[:5], path)
        merged = await printed(f"/papers/picking-list/?merged=true&invoice={id}")
        assert all(map(is_on_paper, pages(merged)))


def is_on_paper(page: Any) -> bool:
    """Whether each text of a page begins on it, and no row is below its foot."""
    found = []

    def visit(text: str, _cm: Any, matrix: Any, *_more: Any) -> None:
        if text.strip():
            found.append((matrix[4], matrix[5]))

    page.extract_text(visitor_text=visit)
    width, height = map(float, page.mediabox[2:])
    return all(0 <= x < width and 0 < y < height for x, y in found)


async def test_an_invoice_without_items_has_papers(stored, printed, db):
    id, _ = await stored()
    await db.execute("DELETE FROM sales.invoice_item WHERE invoice_id = $1", id)
    for path in ("picking-list/", "delivery-note/?prices=true", "labels/", "labels/?kind=items"):
        await printed(f"/invoices/{id}/{path}")
    [text] = texts(await printed(f"/papers/picking-list/?merged=true&invoice={id}"))
    assert "0 lines · 0 pieces" in text


async def test_other_requests_are_answered_while_papers_are_written(api, stored, token):
    id, _ = await stored()
    # Who writes a PDF holds this lock.
    with writing:
        waiting = [
            asyncio.ensure_future(api.get(f"/api/sales/invoices/{id}/{paper}/", token=token)) for paper in PATHS * 4
        ]
        for _ in range(10):
            assert (await api.get(f"/api/sales/invoices/{id}/")).status == 200
        assert not any(one.done() for one in waiting)
    assert [answer.status for answer in await asyncio.gather(*waiting)] == [200] * 12


async def test_papers_read_only_the_rows_of_their_invoices(db, stored):
    """By indexes, on the plan that all values share."""
    await stored()
    transaction = db.transaction()
    await transaction.start()
    await db.execute("SET LOCAL session_replication_role = replica; SET LOCAL plan_cache_mode = force_generic_plan")
    await db.execute(
        """INSERT INTO sales.invoice (invoice_no, invoice_date, customer_id)
           SELECT format('MANY-%s', n), '2025-01-01', (SELECT id FROM sales.customer LIMIT 1) FROM generate_series(1, 20000) n"""
    )
    await db.execute(
        """INSERT INTO sales.invoice_item (invoice_id, name, item_code, quantity, mrp)
           SELECT id, 'Item', 'I', 1, 1 FROM sales.invoice WHERE invoice_no LIKE 'MANY-%'"""
    )
    await db.execute(
        """INSERT INTO sales.session (kind, invoice_id, status)
           SELECT 'picking', id, 'PICKED' FROM sales.invoice WHERE invoice_no LIKE 'MANY-%'"""
    )
    await db.execute("ANALYZE sales.invoice, sales.invoice_item, sales.session")
    await db.execute(f"PREPARE paper (bigint[], bigint) AS {query.list_papers.text}")
    plan = json.loads(await db.fetchval("EXPLAIN (FORMAT json) EXECUTE paper ('{1,2,3}', 10000)"))
    await transaction.rollback()
    await db.execute("DEALLOCATE paper; ANALYZE sales.invoice, sales.invoice_item, sales.session")
    assert not sequential(plan) & {"invoice", "invoice_item", "session"}


def sequential(plan: Any) -> set[str]:
    """The tables that a plan reads from end to end."""
    if isinstance(plan, list):
        return set().union(*map(sequential, plan))
    if not isinstance(plan, dict):
        return set()
    own = {plan["Relation Name"]} if plan.get("Node Type") == "Seq Scan" else set()
    return own.union(*map(sequential, plan.values()))


async def test_rows_of_another_program_with_texts_of_a_megabyte_have_papers(stored, printed, db):
    id, number = await stored()
    await db.execute(
        "UPDATE sales.customer SET address1 = repeat('long text ', 100000), address2 = repeat('漢', 400000)"
    )
    await db.execute("UPDATE sales.invoice SET remarks = repeat('x', 1000000) WHERE id = $1", id)
    await db.execute("UPDATE sales.invoice_item SET remarks = repeat('w ', 500000) WHERE invoice_id = $1", id)
    for path in ("picking-list/", "delivery-note/?prices=true", "labels/", "labels/?kind=items"):
        data = await printed(f"/invoices/{id}/{path}")
        assert len(pages(data)) < 5 and all_scanned(data), path
    await db.execute("UPDATE sales.customer SET address1 = '', address2 = ''")
