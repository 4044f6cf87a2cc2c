"""One invoice: shown to all, changed and deleted by those who bill, until its picking begins. docs/api/sales.md#changes.

A change answers with the invoice as GET shows it, and its new ETag. With If-Match, only the state that the client has seen is changed.
"""

from typing import Any

from core.data import sql
from core.data.database import Transaction
from core.http import schema
from core.http.application import BODY_LIMIT
from core.http.declare import answers, body, takes
from core.http.json_text import composed
from core.problem import Problem, invalid, not_found
from core.text import BLANKS
from handlers.api.dialects import SalesDialect
from handlers.api.handler import ApiHandler
from handlers.api.roles import invoicing
from handlers.sales import PublicReadHandler, public_read

MOST_ITEMS = 10_000  # of an invoice, as many as an import may bring

query = sql.load("sales/invoice_change")


class ItemsSchema(schema.Schema):
    """A body that is one item, or a list of them."""

    def __init__(self, document: dict[str, Any], name: str) -> None:
        super().__init__(document, name)
        items = document["properties"]["items"]
        members = {name: value for name, value in document.items() if name in ("description", "$defs")}
        self.described = {**members, "anyOf": [items["items"], items]}

    def conformed(self, literal: Any) -> Any:
        if isinstance(literal, list):
            return super().conformed({"items": literal})["items"]
        [item] = super().conformed({"items": [literal]})["items"]
        return item

    def accepts(self, value: Any) -> bool:
        return super().accepts({"items": value if isinstance(value, list) else [value]})

    def errors(self, value: Any) -> dict[str, Any]:
        if isinstance(value, list):
            return super().errors({"items": value})
        [wrong] = super().errors({"items": [value]})["items"]
        return wrong if isinstance(wrong, dict) else {"non_field_errors": wrong}


items_schema = ItemsSchema(schema.load("sales/invoice_items").document, "sales/invoice_items")
# The 412 of a change names the present state.
stale = answers(412, SalesDialect.error, headers=("ETag",))


async def found(db: sql.Runner, id: int) -> Any:
    """The invoice (document, invoice_no, status, etag). Raises Problem: 404."""
    invoice = await query.get_invoice(db, id=id)
    if invoice is None:
        raise not_found("No Invoice matches the given query.")
    return invoice


async def held(handler: ApiHandler, tx: Transaction, id: int) -> Any:
    """The invoice, locked to the end of the transaction. Raises Problem: 404; 409 no longer PENDING; 412 another state than the
    client has seen."""
    await query.hold_tables(tx)
    await query.lock_invoice(tx, id=id)
    invoice = await found(tx, id)
    number, status = invoice["invoice_no"], invoice["status"]
    if status != "PENDING":
        raise Problem(409, "not-pending", f"Invoice {number} can't be changed any more: its status is {status}.")
    if not if_match(handler, invoice["etag"]):
        message = f"Invoice {number} was changed in the meantime. Please read it again."
        raise Problem(412, "stale", message, headers={"ETag": invoice["etag"]})
    return invoice


def if_match(handler: ApiHandler, etag: str) -> bool:
    """Whether the client wants to change this state. Tags are compared strongly, so a weak one never matches (RFC 9110, 13.1.1)."""
    tags = [tag.strip() for tag in handler.request.headers.get("If-Match", "*").split(",")]
    return tags == ["*"] or etag in tags


async def noted(handler: ApiHandler, tx: Transaction, id: int, action: str, before: Any) -> Any:
    """The invoice after its change, which this enters in the audit."""
    after = await found(tx, id)
    await query.note_change(
        tx, actor=handler.actor, action=action, id=id, before=before["document"], after=after["document"]
    )
    return after


async def changed(handler: ApiHandler, id: int, *, is_whole: bool, writes_people: bool = True) -> Any:
    """Change the invoice as the handler's body says, and return it.

    is_whole: what the body omits becomes empty. writes_people: also write the customer and salesman whom the body names, as an import does;
    otherwise they are there, and the body only names them. Raises Problem: 400, 404, 409, 412.
    """

    async def change(tx: Transaction) -> Any:
        before = await held(handler, tx, id)
        number, body = before["invoice_no"], handler.body
        if body.get("invoice_no", number).strip(BLANKS) != number:
            raise invalid({"invoice_no": [f"This is invoice {number}. Its invoice_no can't be changed."]})
        is_touched = (writes_people and await _write_people(handler, tx)) or "items" in body
        await query.change_invoice(tx, id=id, body=handler.body_text, is_whole=is_whole, is_touched=is_touched)
        if "items" in body:
            await query.clear_items(tx, id=id)
            await query.add_items(tx, id=id, body=handler.body_text)
        return await noted(handler, tx, id, "invoice.update", before)

    return await handler.db.transaction(change)


async def _write_people(handler: ApiHandler, tx: Transaction) -> bool:
    """Write the customer and salesman that the body names, in the order of an import. Returns whether a customer changed."""
    is_written = "customer" in handler.body and bool(await query.write_customer(tx, body=handler.body_text))
    if "salesman" in handler.body:
        await query.write_salesman(tx, body=handler.body_text)
    return is_written


class InvoiceHandler(PublicReadHandler):
    json_limit = BODY_LIMIT

    def tag(self, invoice: Any) -> None:
        self.set_header("ETag", invoice["etag"])
        # A client may keep it, but asks each time whether it is still current.
        self.set_header("Cache-Control", "no-cache")

    def show(self, invoice: Any, status: int = 200) -> None:
        self.tag(invoice)
        self.reply(invoice["document"], status)


class Invoice(InvoiceHandler):
    access = {"GET": public_read, "*": invoicing}

    @answers(200, "sales/invoice", headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self, id: str) -> None:
        """Show an invoice. 200; 304; 404."""
        invoice = await found(self.db, int(id))
        self.tag(invoice)
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
        else:
            self.reply(invoice["document"])

    @answers(200, "sales/invoice", headers=("ETag",))
    @stale
    @body("sales/invoice_replace")
    async def put(self, id: str) -> None:
        """Replace everything of an invoice but its number. 200; 400 wrong fields; 404; 409 the invoice is no longer PENDING; 412 the invoice is
        in another state than If-Match says."""
        self.show(await changed(self, int(id), is_whole=True))

    @answers(200, "sales/invoice", headers=("ETag",))
    @stale
    @body("sales/invoice_change")
    async def patch(self, id: str) -> None:
        """Change some fields of an invoice. `items` replaces all items. 200; 400 wrong fields; 404; 409 the invoice is no longer PENDING; 412 the
        invoice is in another state than If-Match says."""
        self.show(await changed(self, int(id), is_whole=False))

    @stale
    async def delete(self, id: str) -> None:
        """Delete an invoice. It is hidden everywhere, and its number is free again. 204; 404; 409 the invoice is no longer PENDING; 412 the
        invoice is in another state than If-Match says."""

        async def delete(tx: Transaction) -> None:
            before = (await held(self, tx, int(id)))["document"]
            await query.delete_invoice(tx, id=int(id))
            await query.note_change(
                tx, actor=self.actor, action="invoice.delete", id=int(id), before=before, after='{"is_active": false}'
            )

        await self.db.transaction(delete)
        self.reply_nothing()


class InvoiceItems(InvoiceHandler):
    access = invoicing

    @answers(201, "sales/invoice", headers=("ETag",))
    @stale
    @takes(items_schema)
    async def post(self, id: str) -> None:
        """Add one item, or a list of them, to an invoice. 201 the whole invoice; 400 wrong fields; 404; 409 the invoice is no longer PENDING; 412
        the invoice is in another state than If-Match says."""
        await self.read_body(items_schema)
        sent = composed({"items": self.body_text if isinstance(self.body, list) else f"[{self.body_text}]"})

        async def add(tx: Transaction) -> Any:
            before = await held(self, tx, int(id))
            await self.must_have_room(tx, int(id), len(self.body) if isinstance(self.body, list) else 1)
            await query.touch_invoice(tx, id=int(id))
            await query.add_items(tx, id=int(id), body=sent)
            return await noted(self, tx, int(id), "invoice.items", before)

        self.show(await self.db.transaction(add), 201)

    async def must_have_room(self, tx: Transaction, id: int, more: int) -> None:
        count = await query.count_items(tx, id=id)
        if count + more > MOST_ITEMS:
            message = f"An invoice holds at most {MOST_ITEMS} items; this one has {count}."
            raise invalid({"items": {"non_field_errors": [message]}})


groups = ("Invoices: list and changes", "Staff: invoices")
routes = [
    ("/api/sales/invoices/{id:int}/", Invoice),
    ("/api/sales/invoices/{id:int}/items/", InvoiceItems),
]
