"""Bodies of HTML forms (multipart/form-data, application/x-www-form-urlencoded), translated to the equivalent JSON.

A form holds only texts. The schema's type of a field decides what its text means. The JSON is then read and validated like any
other (core/http/json_text.py, the schema), so a wrong field gets the same refusal however it was sent.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import tornado.httputil

from core.http import json_text
from core.http.schema import Schema
from core.problem import Message, Problem, invalid

TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
# Fields and files of one form; the documented forms have twenty. Tornado's own limits: 100 parts, 1000 urlencoded fields.
MOST_FIELDS = 100

# By field: the file's name as the client gives it (don't trust it), and its content.
Files = Mapping[str, tuple[str, bytes]]

_BOOLEANS = {"true": "true", "1": "true", "on": "true", "false": "false", "0": "false", "off": "false"}
_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"(-?)0*([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")


def read(request: tornado.httputil.HTTPServerRequest, expected: Schema) -> tuple[Any, str, Files]:
    """The value, its JSON text, and the files. Of a repeated field the last one counts, unless the schema has a list there.

    Raises Problem 400. Tornado parses the body before this, and itself answers 400 to one that it can't parse.
    """
    arguments, files = _parts(request)
    if len(arguments) + len(files) > MOST_FIELDS:
        raise Problem(400, "too-many-fields", Message.of("too-many-fields", limit=MOST_FIELDS))
    properties = expected.document.get("properties", {})
    members, wrong = {}, {}
    for name, sent in arguments.items():
        try:
            members[name] = _json(properties.get(name, {}), [text.decode("utf-8") for text in sent])
        except UnicodeDecodeError:
            wrong[name] = [Message.of("type.string")]
    for name in files:
        # A file where the schema has a field is of the wrong type. A value of a wrong type takes its place, so that the schema refuses it.
        if name in properties:
            members[name] = "[]" if "object" in _types(properties[name]) else "{}"
    if wrong:
        raise invalid(wrong)
    composed = ",".join(f"{json.dumps(name)}:{member}" for name, member in members.items())
    value, text = json_text.read(f"{{{composed}}}".encode())
    if not expected.accepts(value):
        raise invalid(expected.errors(value))
    return value, text, {name: (found[-1].filename, found[-1].body) for name, found in files.items()}


def _parts(request: tornado.httputil.HTTPServerRequest) -> tuple[dict[str, list[bytes]], dict[str, Any]]:
    kind, separator, rest = request.headers.get("Content-Type", "").partition(";")
    if kind.startswith(TYPES):
        return request.body_arguments, request.files
    # Tornado recognises these types only in lower case, but media types ignore case (RFC 9110, 8.3.1).
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, Any] = {}
    try:
        tornado.httputil.parse_body_arguments(
            kind.strip().lower() + separator + rest, request.body, arguments, files, request.headers
        )
    except tornado.httputil.HTTPInputError as error:
        raise Problem(400, "not-a-form", str(error)) from None
    return arguments, files


def _json(declared: dict[str, Any], sent: list[str]) -> str:
    """A field's texts as JSON of the declared type. A text that isn't of that type stays a string, which the schema then refuses."""
    types, text = _types(declared), sent[-1].strip(" \t\r\n\f\v")
    if "array" in types and not (len(sent) == 1 and (text == "" or text.startswith("["))):
        return f"[{','.join(_json(declared.get('items', {}), [one]) for one in sent)}]"
    if text == "" and "null" in types and not _is_plain(declared):
        return "null"
    if types & {"array", "object"}:
        return text if _is_json(text) else "[]" if text == "" and "array" in types else json.dumps(sent[-1])
    if "boolean" in types and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if "integer" in types and _INTEGER.fullmatch(text) or "number" in types and _NUMBER.fullmatch(text):
        # The digits are copied, so that no amount passes through a float.
        return _NUMBER.sub(r"\1\2", text)
    return json.dumps(sent[-1])


def _branches(declared: dict[str, Any]) -> list[dict[str, Any]]:
    return [declared, *declared.get("anyOf", ())]


def _types(declared: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for branch in _branches(declared):
        kind = branch.get("type", [])
        found |= {kind} if isinstance(kind, str) else set(kind)
    return found


def _is_plain(declared: dict[str, Any]) -> bool:
    """Whether the field takes an empty text: a string without format, enum or const."""
    return any(
        "string" in _types({"type": branch.get("type", [])}) and not branch.keys() & {"format", "enum", "const"}
        for branch in _branches(declared)
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
