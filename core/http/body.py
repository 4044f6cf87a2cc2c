"""Reading the body of a request: strictly as JSON, then as the schema means it, then validated.

A body in plain ASCII that the schema accepts is read once. Only another one is taken apart, because it may hold text in several
forms, or numbers as text (core/http/conform.py).
"""

from typing import Any, NamedTuple

from core.http import conform, json_text
from core.http.schema import Schema
from core.problem import Message, Problem, invalid


def read(sent: bytes, expected: Schema) -> tuple[Any, str]:
    """The valid value, and its JSON text for Postgres. Raises Problem 400: `not-json`, or `invalid` with the messages by field."""
    text = json_text.decoded(sent)
    if conform.is_plain(text) and not expected.is_literal:
        value, is_suspect = json_text.value(text)
        if not is_suspect and expected.accepts(value):
            return value, text
    return _meant(json_text.literal(text), expected, text)


class Item(NamedTuple):
    """One item of a list of independent items. value: what the client sent, with numbers as core.http.json_text.Number if it is wrong.
    wrong: the messages by field; None: the item is right. sent: the text of a wrong item, as it was sent."""

    value: Any
    wrong: Any = None
    sent: str = ""


class Items(NamedTuple):
    """A list of independent items. text: JSON for Postgres, an array of the same length, in which null takes the place of a wrong item."""

    items: list[Item]
    text: str


def read_items(sent: bytes, expected: Schema, most: int) -> Items:
    """Read a JSON array whose items are validated one by one, so that a wrong item spoils no other; a value that is no array counts as
    the only item. Raises Problem 400: `not-json`; more than `most` items."""
    text = json_text.decoded(sent)
    value, is_suspect = json_text.value(text)
    if not isinstance(value, list):
        text, value = f"[{text}]", [value]
    if len(value) > most:
        raise invalid({"non_field_errors": [Message.of("maxItems", limit=most)]})
    is_plain = not is_suspect and conform.is_plain(text) and not expected.is_literal
    if is_plain and all(map(expected.accepts, value)):
        return Items([Item(one) for one in value], text)
    items, texts = [], []
    for one, its_text in json_text.each(text, literally=True):
        try:
            right, meant = _meant(one, expected)
        except Problem as problem:
            items.append(Item(one, problem.fields, its_text))
            texts.append("null")
        else:
            items.append(Item(right))
            texts.append(meant)
    return Items(items, f"[{','.join(texts)}]")


def _meant(literal: Any, expected: Schema, text: str = "") -> tuple[Any, str]:
    """What a literal value means, and its JSON text. text: the same value as it was sent, if that is known. Raises Problem 400
    `invalid`."""
    meant = expected.conformed(literal)
    json_text.check(meant, any_number=expected.takes_any_number)
    if meant is not literal or not text:
        text = json_text.written(meant)
    value, _ = json_text.value(text)
    imprecise = expected.imprecise(meant)
    if imprecise or not expected.accepts(value):
        raise invalid({**expected.errors(value), **imprecise})
    return value, text
