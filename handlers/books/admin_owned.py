"""What the tables of the administration that hold owners' books have in common. docs/api/books.md#administration."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from core.data import sql
from core.http import json_text, keyset, schema
from core.http.json_text import Number
from core.http.keyset import Column as OrderColumn
from core.http.schema import Schema
from core.problem import invalid, not_found
from handlers.api.admin import LONGEST_NUMBER, SEPARATOR, AdminHandler, Column, Field, Filter, key_text, made_once
from handlers.api.books_handler import AREA
from handlers.api.books_listing import is_amount
from handlers.api.roles import ROLES

# Members of forms, as JSON Schema: an account, and the key of a row of an owner, two numbers with a point between.
ACCOUNT = {"type": "string", "format": "uuid"}
ROW_KEY = {"type": "string", "maxLength": 40}
NO_ROW_KEY = {"type": ["string", "null"], "maxLength": 40}
NEWEST, LATEST = ("-owner",), ("-created_at",)

OWNER = Column("owner", "Account", to="accounts/users")
OF_OWNER = Filter("owner", "Account", "reference", to="accounts/users")
ITS_OWNER = Field("owner", "Account", to="accounts/users")
# The key of a row of an owner.
OWNED: Mapping[str, Any] = {"owner_id": "number", "id": "number"}

query = sql.load("books/admin_owner")


def by_number(expression: str) -> OrderColumn:
    """The order of a column of ids."""
    return OrderColumn(expression, "bigint", keyset.is_id)


def by_moment(expression: str) -> OrderColumn:
    """The order of a column of timestamps."""
    return OrderColumn(expression, "timestamptz", keyset.is_instant)


def by_day(expression: str) -> OrderColumn:
    """The order of a column of dates."""
    return OrderColumn(expression, "date", keyset.is_day)


def by_amount(expression: str) -> OrderColumn:
    """The order of a column of amounts."""
    return OrderColumn(expression, "numeric", is_amount)


def extended(name: str, members: Mapping[str, Any], *, also_required: Sequence[str] = ()) -> Schema:
    """The schema of a body of the API (schemas/NAME.json) with further members of a form, or with other ones in their place."""
    document = schema.read(name)
    required = [*document.get("required", ()), *also_required]
    return Schema(
        {**document, "required": required, "properties": {**document["properties"], **members}},
        f"{name} of the administration",
    )


def found(row: Any) -> Any:
    """A row that a query has found. Raises Problem 404: it has found none."""
    if row is None:
        raise not_found()
    return row


async def owner_of(handler: AdminHandler) -> int:
    """The account that a form names as the owner. Raises Problem 400: there is no such account, or it can't have books."""
    row = await query.get_owner(handler.db, public_id=handler.body["owner"])
    if row is None:
        raise invalid({"owner": ["There is no such account."]})
    if AREA not in ROLES[row["role"]]:
        raise invalid({"owner": ["This account can't have books."]})
    owner_id: int = row["id"]
    return owner_id


async def made(
    handler: AdminHandler, noun: str, owned_by: Sequence[int], make: Callable[[sql.Runner], Awaitable[str]]
) -> str:
    """Make a row for an owner, once of a form that is sent twice, and enter it in the audit; returns its key. owned_by: the parts of the key before its
    id. make: makes it, and returns its document as the API has it. Raises Problem."""

    async def work(tx: sql.Runner) -> str:
        document = await make(tx)
        id = json.loads(document)["id"]
        noted = {"action": f"{noun}.create", "object_type": noun, "object_id": str(id), "after": document}
        await query.note_made(tx, actor=handler.actor, **noted)
        return key_text(*owned_by, id)

    return await made_once(handler, work)


def ids_of(handler: AdminHandler, name: str, said: str, owner_id: int | None = None) -> tuple[int, int]:
    """The owner and the id of the row that a member of a form names by its key. said: that there is no such row. Raises Problem 400."""
    parts = handler.body[name].split(SEPARATOR)
    if len(parts) != len(OWNED) or not all(_is_number(part) for part in parts):
        raise invalid({name: [said]})
    owner, id = map(int, parts)
    if owner_id not in (None, owner):
        raise invalid({name: [said]})
    return owner, id


def with_id(handler: AdminHandler, name: str, said: str, owner_id: int) -> str:
    """The body of a form as the API has it: a row that it names by its key is named by its id there. Raises Problem 400: it is another owner's."""
    if not handler.body.get(name):
        return handler.body_text
    _, id = ids_of(handler, name, said, owner_id)
    return json_text.written({**json_text.literal(handler.body_text), name: Number(str(id))})


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER
