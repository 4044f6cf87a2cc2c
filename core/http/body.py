"""Reading the body of a request: strictly as JSON, then as the schema means it, then validated.

A body in plain ASCII that the schema accepts is read once. Only another one is taken apart, because it may hold text in several
forms, or numbers as text (core/http/conform.py).
"""

from typing import Any

from core.http import conform, json_text
from core.http.schema import Schema
from core.problem import invalid


def read(sent: bytes, expected: Schema) -> tuple[Any, str]:
    """The valid value, and its JSON text for Postgres. Raises Problem 400: `not-json`, or `invalid` with the messages by field."""
    text = json_text.decoded(sent)
    if conform.is_plain(text) and not expected.is_literal:
        value, is_suspect = json_text.value(text)
        if not is_suspect and expected.accepts(value):
            return value, text
    literal = json_text.literal(text)
    meant = expected.conformed(literal)
    json_text.check(meant)
    if meant is not literal:
        text = json_text.written(meant)
    value, _ = json_text.value(text)
    imprecise = expected.imprecise(meant)
    if imprecise or not expected.accepts(value):
        raise invalid({**expected.errors(value), **imprecise})
    return value, text
