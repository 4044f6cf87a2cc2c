"""Forms of the administration: their inputs, which follow from the API's own schemas, and what of them was changed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

from core.http import form
from core.http.conform import NO_SHAPE, Shape
from core.http.schema import Schema
from handlers.api.admin import Field, Form, Table
from handlers.operations import admin_view
from handlers.operations.admin import AdminPage

# Characters from which on a text gets several lines.
LONG_TEXT = 300
# A field that says as what the row was when the form was made.
VERSION = "version"
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Choice(NamedTuple):
    """A value of an input that is chosen from some. is_chosen: it is the present one."""

    value: str
    title: str
    is_chosen: bool


class Input(NamedTuple):
    """An input of a form. kind: text, lines, number, day, email, flag, choice, reference, references, file, password, json. texts: its present values as
    the form sends them. choices: of a choice; of references: the rows that are chosen. pick: where the script looks for rows. problems: what is wrong."""

    field: Field
    kind: str
    texts: Sequence[str]
    choices: Sequence[Choice] = ()
    pick: str = ""
    most: int = 0
    is_required: bool = False
    problems: Sequence[str] = ()


async def inputs(
    page: AdminPage,
    made_of: Form,
    values: Mapping[str, Sequence[str]],
    problems: Mapping[str, Any],
    *,
    is_new: bool = False,
    row: Mapping[str, Any] = NOTHING,
) -> list[Input]:
    """The inputs with these values, by field as a form sends them. problems: messages by field. row: the row's document."""
    found = []
    for field in made_of.fields:
        node = _node(made_of.schema, field.name)
        shape = made_of.schema.shape.members.get(field.name, NO_SHAPE)
        texts = values.get(field.name, [""])
        kind = _kind(field, node, shape)
        choices, pick = _choices(field, node, shape, texts), ""
        if kind in ("reference", "references"):
            choices, pick = await _chosen(page, field, texts, str(row.get(field.among) or ""))
        required = is_new and field.name in made_of.schema.document.get("required", ())
        found.append(
            Input(field, kind, texts, choices, pick, _most(node), required, _sentences(problems.get(field.name)))
        )
    return found


def values_of(made_of: Form, document: Mapping[str, Any]) -> dict[str, list[str]]:
    """What the form of a row sends if nothing is changed in it, by field."""
    return {field.name: _texts(document.get(field.name), field) for field in made_of.fields if not field.file}


def version(values: Mapping[str, Sequence[str]]) -> str:
    """Names the values that a form was made with."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def sent(page: AdminPage, made_of: Form) -> dict[str, list[str]]:
    """What the form has sent, by field. Raises Problem 400: it can't be read."""
    arguments = form.parts(page.request)[0]
    found = {}
    for field in made_of.fields:
        if field.name in arguments and not field.file:
            texts = [page.decode_argument(one, field.name).replace("\r\n", "\n") for one in arguments[field.name]]
            found[field.name] = _last(texts, made_of.schema.shape.members.get(field.name, NO_SHAPE))
    return found


def keep_only(page: AdminPage, made_of: Form, kept: Mapping[str, Sequence[str]]) -> None:
    """Leave of the form only these fields, with these values, so that the API's schema sees nothing else."""
    arguments = form.parts(page.request)[0]
    arguments.clear()
    arguments.update({name: [text.encode() for text in texts] for name, texts in kept.items()})
    files = form.parts(page.request)[1]
    wanted = {field.name for field in made_of.fields if field.file}
    for name in [name for name in files if name not in wanted or not files[name][-1].body]:
        del files[name]


def _last(texts: list[str], shape: Shape) -> list[str]:
    """A list has each of its values, beside an empty one that says that there is a list; everything else has its last value: that of a
    tick stands behind the one that says that it is not ticked."""
    if "array" not in shape.types:
        return texts[-1:]
    return [text for text in texts if text] or [""]


def _texts(value: Any, field: Field) -> list[str]:
    if field.secret or value is None:
        return [""]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, list) and all(not isinstance(item, list | dict) for item in value):
        return [str(item) for item in value] or [""]
    if isinstance(value, list | dict):
        return [json.dumps(value, ensure_ascii=False, indent=2)]
    if isinstance(value, Decimal):
        return [f"{value:f}"]
    return [str(value).replace("\r\n", "\n")]


def _node(schema: Schema, name: str) -> Mapping[str, Any]:
    """What the schema says of a member, with references resolved and alternatives joined."""
    document = schema.document
    node: Mapping[str, Any] = document.get("properties", {}).get(name, {})
    if "$ref" in node:
        node = {**document["$defs"][node["$ref"].removeprefix("#/$defs/")], **node}
    joined: dict[str, Any] = {}
    for branch in (*node.get("anyOf", ()), node):
        joined |= branch
    return joined


def _kind(field: Field, node: Mapping[str, Any], shape: Shape) -> str:
    if field.file or field.secret:
        return "file" if field.file else "password"
    if field.to:
        return "references" if "array" in shape.types else "reference"
    if "boolean" in shape.types or shape.format == "flag":
        return "flag"
    if field.choices or "enum" in node:
        return "choice"
    if shape.types & {"array", "object"}:
        return "json"
    if shape.is_number:
        return "number"
    if field.kind == "lines" or node.get("maxLength", LONG_TEXT) > LONG_TEXT:
        return "lines"
    return {"date": "day", "email": "email"}.get(shape.format, "text")


def _choices(field: Field, node: Mapping[str, Any], shape: Shape, texts: Sequence[str]) -> list[Choice]:
    pairs = list(field.choices) or [(value, str(value)) for value in node.get("enum", ()) if value]
    if pairs and ("null" in shape.types or shape.takes_empty_text or "" in node.get("enum", ()) or texts == [""]):
        pairs.insert(0, ("", "–"))
    return [Choice(value, title, value in texts) for value, title in pairs]


async def _chosen(page: AdminPage, field: Field, texts: Sequence[str], narrowed: str) -> tuple[list[Choice], str]:
    """The rows that a field names, and where a script looks for others. narrowed: the value of Field.among."""
    table: Table | None = page.seen(field.to)
    if table is None:
        return [Choice(text, text, True) for text in texts if text], ""
    keys = [key for text in texts if (key := table.parsed(text)) is not None]
    labels = {row["key"]: admin_view.label_of(row) for row in await admin_view.named(page, table, keys)}
    return [Choice(text, labels.get(text, text), True) for text in texts if text], admin_view.pick(table, narrowed)


def _most(node: Mapping[str, Any]) -> int:
    most: int = node.get("maxLength", 0)
    return most


def _sentences(said: Any) -> list[str]:
    """Messages of a field, also those of its members."""
    if isinstance(said, str):
        return [said]
    if isinstance(said, Mapping):
        return [sentence for inner in said.values() for sentence in _sentences(inner)]
    if isinstance(said, list | tuple):
        return [sentence for inner in said for sentence in _sentences(inner)]
    return []
