"""What the tables of the administration that hold vendors' rows have in common. docs/api/vendor.md#administration."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from core.http.schema import Schema
from core.problem import invalid
from handlers.api.admin import AdminHandler, Column, Field, Filter, Key

# Members of forms, as JSON Schema.
FLAG = {"type": "boolean", "format": "flag"}
ROW_ID = {"type": "string", "format": "uuid"}

OWNER = Column("vendor", "Vendor", to="vendor/vendors")
OF_VENDOR = Filter("vendor", "Vendor", "reference", to="vendor/vendors")
ITS_OWNER = Field("vendor", "Vendor", to="vendor/vendors")
# The key of a row of a vendor.
OWNED: Mapping[str, Any] = {"vendor_id": "uuid", "id": "uuid"}

query = sql.load("vendor/admin_vendor")


def by_id(expression: str) -> OrderColumn:
    """The order of a column of UUIDs."""
    return OrderColumn(expression, "uuid", lambda value: isinstance(value, str) and schema.is_uuid(value))


def by_text(expression: str) -> OrderColumn:
    """The order of a column of texts."""
    return OrderColumn(expression, "text", keyset.is_text)


def by_moment(expression: str) -> OrderColumn:
    """The order of a column of timestamps."""
    return OrderColumn(expression, "timestamptz", keyset.is_instant)


def by_number(expression: str) -> OrderColumn:
    """The order of a column of numbers."""
    return OrderColumn(expression, "numeric", keyset.is_number)


def extended(
    name: str, members: Mapping[str, Any], *, required: Sequence[str] = (), without: Sequence[str] = ()
) -> Schema:
    """The schema of a body of the API (schemas/NAME.json) with the further members of a form, and without others."""
    document = schema.read(name)
    kept = {member: node for member, node in document["properties"].items() if member not in without}
    return Schema({**document, "required": list(required), "properties": {**kept, **members}})


def ids(key: Key) -> dict[str, str]:
    """The parameters vendor_id and id of a row, for the functions of the API."""
    return {"vendor_id": key["vendor_id"].lower(), "id": key["id"].lower()}


async def owner_of(handler: AdminHandler) -> str:
    """The id of the vendor that a form names. Raises Problem 400: there is no such vendor."""
    vendor_id: str = handler.body["vendor"].lower()
    if await query.get_row(handler.db, id=vendor_id) is None:
        raise invalid({"vendor": ["There is no such vendor."]})
    return vendor_id
