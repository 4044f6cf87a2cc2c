"""Bodies of HTML forms (multipart/form-data, application/x-www-form-urlencoded) as the JSON that they stand for.

A form knows texts only. What the schema says of a field decides what its text means; then the JSON goes the way of any other
(core/http/json_text.py, the schema), so that a field sent in either way meets the same refusals.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import tornado.httputil

from core.http import json_text
from core.http.schema import Schema
from core.problem import Problem, invalid

TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
FIELDS = 100  # in one form; the documented ones have twenty. Tornado's own limits: 100 parts, 1000 urlencoded fields

# By field: what the client calls the file, which is not to be believed, and its content.
Files = Mapping[str, tuple[str, bytes]]

_BOOLEANS = {"true": "true", "1": "true", "on": "true", "false": "false", "0": "false", "off": "false"}
_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"(-?)0*([0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")


def read(request: tornado.httputil.HTTPServerRequest, expected: Schema) -> tuple[Any, str, Files]:
    """The value, its JSON text, and the files. Of a field that came twice the last counts, unless the schema has a list there.

    Raises Problem 400. Tornado has taken the body apart already, and refused with 400 one that can't be.
    """
    arguments, files = _taken_apart(request)
    if len(arguments) + len(files) > FIELDS:
        raise Problem(400, "too-many-fields", f"The form has more than {FIELDS} fields.")
    properties = expected.document.get("properties", {})
    members, wrong = {}, {}
    for name, sent in arguments.items():
        try:
            members[name] = _json(properties.get(name, {}), [text.decode("utf-8") for text in sent])
        except UnicodeDecodeError:
            wrong[name] = ["Not a valid string."]
    for name in files:
        # Where the schema has a field, a file is of the wrong type: stand-ins for it, so that the schema says so.
        if name in properties:
            members[name] = "[]" if "object" in _types(properties[name]) else "{}"
    if wrong:
        raise invalid(wrong)
    composed = ",".join(f"{json.dumps(name)}:{member}" for name, member in members.items())
    value, text = json_text.read(f"{{{composed}}}".encode())
    if not expected.accepts(value):
        raise invalid(expected.errors(value))
    return value, text, {name: (found[-1].filename, found[-1].body) for name, found in files.items()}


def _taken_apart(request: tornado.httputil.HTTPServerRequest) -> tuple[dict[str, list[bytes]], dict[str, Any]]:
    kind, separator, rest = request.headers.get("Content-Type", "").partition(";")
    if kind.startswith(TYPES):
        return request.body_arguments, request.files
    # Tornado knows the types in lower case only, but they are the same in any (RFC 9110, 8.3.1).
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
    """What a field's texts stand for, as JSON. What can't be what the schema asks for stays a string, which the schema refuses."""
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
        # Digit for digit: no amount passes through a float.
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
    """Whether an empty text is as good a value as any other: a string of no format and no choices."""
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
