"""Reading uploaded bills: what each one means, and what is wrong with it. docs/api/vendor.md#bills.

The device drops its bills on any answer of 2xx. So whatever can be stored is right, and one bill that can't be spoils no other. These
functions know neither request nor database; they run in a thread.
"""

import hashlib
import re
from collections.abc import Iterator
from math import ulp
from typing import Any, NamedTuple

from core.http import conform, json_text, schema
from core.problem import Message, Problem, invalid
from core.text import BLANKS, canonical
from handlers.vendor.bill_check import warnings
from handlers.vendor.bill_dates import are_expiries_plain, dates, with_plain_expiries

BILL, WRAPPED = schema.load("vendor/bill_upload"), schema.load("vendor/bill_upload_wrapped")
# Bills of one upload.
MOST = 1000
# Bytes of the same: 1,000 bills of 100 lines are about 30 MB.
LONGEST = 40 * 1024 * 1024
# Characters of JSON that one statement stores: a statement of 40 MB would take longer than a statement may.
BATCH = 2_000_000
UNKNOWN = "Unknown"
# Devices calculate in binary fractions: their sum of 0.1 and 0.2 is 0.30000000000000004. Digits from the tenth decimal on are no money.
RESIDUE = 1e-9

_UNSEEN = re.compile(f"[{''.join(blank for blank in BLANKS if not blank.isascii())}]")


class Sent(NamedTuple):
    """A bill of an upload. text: as it was sent. row: what Postgres stores, as JSON without its place; "" if wrong is not None.
    wrong: the refusal of a bill that can't be stored. invoice_number and device_id: as far as they can be read."""

    text: str
    row: str
    wrong: Problem | None
    invoice_number: str | None
    device_id: str

    @property
    def digest(self) -> bytes:
        """Names a refused bill."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).digest()


def read(body: bytes, expected: schema.Schema) -> list[Sent]:
    """The bills of a body: an array, or one bill alone. Raises Problem 400: no JSON, or too many bills."""
    found: list[Sent] = []
    for value, text in json_text.each(json_text.decoded(body)):
        if len(found) == MOST:
            raise invalid({"non_field_errors": [Message.of("maxItems", limit=MOST)]})
        found.append(_sent(value, text, expected))
    return found


def corrected(kept: str, correction: str, expected: schema.Schema) -> Sent:
    """A bill out of quarantine. correction: JSON text that takes its place; {invoice_number} alone gives it another number, and {} or
    nothing leaves it as it is. Raises Problem 400: the correction is no JSON."""
    value, _ = json_text.value(correction.strip() or "{}")
    if isinstance(value, dict) and value.keys() <= {"invoice_number"}:
        found = json_text.literal(kept)
        inner = found.get("bill_data", found) if isinstance(found, dict) else None
        if value and isinstance(inner, dict):
            inner["invoice_number"] = json_text.literal(correction)["invoice_number"]
            kept = json_text.written(found)
        correction = kept
        value, _ = json_text.value(kept)
    return _sent(value, correction, expected)


def batches(bills: list[Sent]) -> Iterator[str]:
    """The right bills as JSON arrays of about BATCH characters, each with its place in the list."""
    rows: list[str] = []
    size = 0
    for place, bill in enumerate(bills):
        if bill.wrong is None:
            rows.append(f'{{"place":{place},{bill.row}')
            size += len(bill.row)
        if size > BATCH:
            yield f"[{','.join(rows)}]"
            rows, size = [], 0
    if rows:
        yield f"[{','.join(rows)}]"


def _sent(value: Any, text: str, expected: schema.Schema) -> Sent:
    number, device = _named(value)
    try:
        bill, stored = _meant(value, text, expected)
    except Problem as problem:
        return Sent(text, "", problem, number, device)
    found = dates(bill)
    read_as = {
        "bill_date": found.bill_date,
        "sold_at": found.sold_at,
        "unread": found.digested,
        "warnings": warnings(bill, found) or None,
    }
    members = {name: json_text.written(inner) for name, inner in read_as.items()}
    return Sent(text, json_text.composed({"sent": stored, **members})[1:], None, number, device)


def _meant(value: Any, text: str, expected: schema.Schema) -> tuple[dict[str, Any], str]:
    """The bill that the text means, and JSON text of it that Postgres can read. Raises Problem 400."""
    bill = _with_items(_unwrapped(value))
    is_settled = _is_settled(text) and not json_text.is_suspect(value, text) and expected.accepts(bill)
    if is_settled and are_expiries_plain(bill):
        stored = text
    else:
        meant = expected.conformed(_with_items(_known(_unwrapped(json_text.literal(text)), expected.shape)))
        json_text.check(meant)
        bill, _ = json_text.value(json_text.written(meant))
        if not expected.accepts(bill):
            raise invalid(expected.errors(bill))
        stored = json_text.written(with_plain_expiries(meant))
    wrong = _imprecise(bill)
    if wrong:
        raise invalid(wrong)
    return bill, stored


def _is_settled(sent: str) -> bool:
    """Whether all texts in a text of JSON have their canonical form, except that ASCII blanks may be around them; Postgres removes those."""
    return "\\u" not in sent and (sent.isascii() or (canonical(sent) == sent and not _UNSEEN.search(sent)))


def _unwrapped(value: Any) -> Any:
    """The bill within {bill_data, device_id}. Raises Problem 400: bill_data is no object."""
    if not isinstance(value, dict) or "bill_data" not in value:
        return value
    bill, device_id = value["bill_data"], value.get("device_id")
    if not isinstance(bill, dict):
        raise invalid({"bill_data": [Message.of("null" if bill is None else "type.object", kind=type(bill).__name__)]})
    # Some wrappers have a device_id that nobody has filled in.
    is_missing = device_id is None or (isinstance(device_id, str) and not device_id.strip(BLANKS))
    return bill if is_missing else {**bill, "device_id": device_id}


def _with_items(bill: Any) -> Any:
    """The same bill. An empty text in the place of its items counts as no items."""
    items = bill.get("items") if isinstance(bill, dict) else None
    return {**bill, "items": None} if isinstance(items, str) and not items.strip(BLANKS) else bill


def _known(value: Any, shape: conform.Shape) -> Any:
    """The value without the members that nobody reads, so that nothing in them can be wrong."""
    if isinstance(value, dict) and shape.members:
        return {name: _known(value[name], inner) for name, inner in shape.members.items() if name in value}
    if isinstance(value, list) and shape.items is not None:
        return [_known(item, shape.items) for item in value]
    # Blanks are no number, but an empty text counts as missing.
    return "" if isinstance(value, str) and not value.strip(BLANKS) else value


def _named(value: Any) -> tuple[str | None, str]:
    """The number and the device of a bill that may be wrong."""
    outer = value if isinstance(value, dict) else {}
    inner = outer.get("bill_data", outer)
    inner = inner if isinstance(inner, dict) else {}
    number = _text(inner.get("invoice_number")) or _text(inner.get("bill_id")) or None
    return number and number[:100], (_text(outer.get("device_id")) or _text(inner.get("device_id")))[:255]


def _text(value: Any) -> str:
    found = value.strip() if isinstance(value, str) else str(value) if type(value) is int else ""
    return found.replace("\0", "").encode("utf-8", "replace").decode()


def _precisions(properties: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The keywords of each member that is a number with decimals."""
    definitions = BILL.document["$defs"]
    found = {}
    for name, node in properties.items():
        node = definitions[node["$ref"].removeprefix("#/$defs/")] if "$ref" in node else node
        for branch in node.get("anyOf", ()):
            if "decimals" in branch:
                found[name] = branch
    return found


_OF_BILL = _precisions(BILL.document["properties"])
_OF_LINE = _precisions(BILL.document["properties"]["items"]["items"]["properties"])


def _imprecise(bill: dict[str, Any]) -> dict[str, Any]:
    """Messages for the numbers that their columns can't hold exactly."""
    found: dict[str, Any] = _too_exact(bill, _OF_BILL)
    lines = [_too_exact(line, _OF_LINE) or _too_large(line) for line in bill.get("items") or ()]
    while lines and not lines[-1]:
        lines.pop()
    return {**found, "items": lines} if lines else found


def _too_exact(values: dict[str, Any], precisions: dict[str, dict[str, Any]]) -> dict[str, list[Message]]:
    found = {}
    for name, value in values.items():
        if type(value) is float and name in precisions:
            decimals = precisions[name]["decimals"]
            if abs(value - round(value, decimals)) > max(RESIDUE, 2 * ulp(value)):
                found[name] = [Message.of("decimals", limit=decimals)]
    return found


def _too_large(line: dict[str, Any]) -> dict[str, list[Message]]:
    """Without a subtotal the line gets the product of price and quantity."""
    if line.get("subtotal") in (None, ""):
        price, quantity, most = line.get("price") or 0, line.get("quantity"), _OF_LINE["subtotal"]["maximum"]
        if abs(price * (1 if quantity in (None, "") else quantity)) > most:
            return {"subtotal": [Message.of("maximum", limit=most)]}
    return {}
