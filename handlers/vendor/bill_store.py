"""Storing uploaded bills: each is stored whole, or kept whole in quarantine. docs/api/vendor.md#bills."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from core.data import sql
from core.dialect import Dialect
from core.http import json_text
from handlers.vendor.bill_upload import UNKNOWN, Sent, batches

# Messages that the sentence about a refused bill repeats; all of them are in its fields.
MOST_SAID = 3

query = sql.load("vendor/bill")


class Kept(NamedTuple):
    """A bill that is not stored. digest: SHA-256 that names it within its kind. fields: messages by field; None: error says it all."""

    bill: Sent
    kind: str
    digest: bytes
    error: str
    fields: Any


class Stored(NamedTuple):
    """What became of an upload. ids: of the stored bills, in the order of the upload. errors: one for each bill that is in quarantine."""

    ids: list[Any]
    errors: list[dict[str, Any]]


async def store(db: sql.Runner, vendor_id: str, bills: list[Sent], dialect: Dialect) -> Stored:
    """Store bills, and keep in quarantine those that can't be stored. In a transaction."""
    ids, kept = await store_right(db, vendor_id, bills)
    for place, bill in enumerate(bills):
        if bill.wrong is not None:
            kept[place] = refused(bill, dialect)
    ordered = [kept[place] for place in sorted(kept)]
    errors = [
        {"bill_data": one.bill.invoice_number or UNKNOWN, "error": one.error, "fields": one.fields or {}}
        for one in ordered
    ]
    if ordered:
        rows = await _quarantine(db, vendor_id, ordered)
        errors = [{**error, "quarantine_id": str(row["id"])} for error, row in zip(errors, rows, strict=True)]
    return Stored(ids, errors)


async def store_right(db: sql.Runner, vendor_id: str, bills: list[Sent]) -> tuple[list[Any], dict[int, Kept]]:
    """Store the bills that are right. The ids of the stored ones; by place: those whose number another bill has. In a transaction."""
    ids, conflicts = [], {}
    synced_at = await query.next_moment(db, vendor_id=vendor_id)
    for rows in batches(bills):
        for found in await query.store_bills(db, vendor_id=vendor_id, rows=rows, synced_at=synced_at):
            if found["is_same"]:
                ids.append(found["id"])
            else:
                error = f"Another bill with the invoice number {found['invoice_number']} is stored already."
                conflicts[found["place"]] = Kept(bills[found["place"]], "conflict", found["digest"], error, None)
    return ids, conflicts


def refused(bill: Sent, dialect: Dialect) -> Kept:
    """A bill that is wrong, with the words of its messages."""
    assert bill.wrong is not None
    worded = dialect.worded(bill.wrong)
    messages = list(_messages(worded.fields or {}, "")) or [str(worded.message)]
    error = " ".join(messages[:MOST_SAID])
    if len(messages) > MOST_SAID:
        error += f" And {len(messages) - MOST_SAID} more."
    return Kept(bill, "refused", bill.digest, error, worded.fields)


async def _quarantine(db: sql.Runner, vendor_id: str, kept: Sequence[Kept]) -> Any:
    return await query.quarantine_bills(
        db,
        vendor_id=vendor_id,
        kinds=[one.kind for one in kept],
        digests=[one.digest for one in kept],
        sents=[one.bill.text for one in kept],
        errors=[one.error for one in kept],
        fields=[None if one.fields is None else json_text.written(one.fields) for one in kept],
        invoice_numbers=[one.bill.invoice_number for one in kept],
        device_ids=[one.bill.device_id for one in kept],
    )


def _messages(fields: Any, path: str) -> Iterator[str]:
    """The messages of a tree as `items[2].price: A valid number is required.`"""
    if isinstance(fields, dict):
        for name, inner in fields.items():
            yield from _messages(inner, path if name == "non_field_errors" else f"{path}.{name}".strip("."))
        return
    for place, inner in enumerate(fields):
        if isinstance(inner, str):
            yield f"{path}: {inner}" if path else inner
        else:
            yield from _messages(inner, f"{path}[{place}]")
