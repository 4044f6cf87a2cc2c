"""Bodies of HTML forms (multipart/form-data, application/x-www-form-urlencoded), translated to the equivalent JSON.

A form holds only texts. The schema's type of a field decides which of them stand for a list, an object, a boolean, null or nothing. The JSON
is then read and validated like any other (core/http/body.py), so a wrong field gets the same refusal however it was sent.
"""

import json
from collections.abc import Mapping
from typing import Any

import tornado.httputil
from tornado.httputil import ParseBodyConfig, ParseMultipartConfig, ParseUrlEncodedConfig

from core.http import body
from core.http.conform import NO_SHAPE, Shape
from core.http.schema import Schema
from core.problem import Message, Problem, invalid
from core.text import BLANKS

TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
# Fields and files of one form; the documented forms have twenty.
MOST_FIELDS = 100
# A form of more parts than these is not even parsed.
_PARSED = ParseBodyConfig(
    multipart=ParseMultipartConfig(max_parts=10_000), urlencoded=ParseUrlEncodedConfig(max_arguments=10_000)
)

# By field: the file's name as the client gives it (don't trust it), and its content.
Files = Mapping[str, tuple[str, bytes]]

_BOOLEANS = {"true": "true", "1": "true", "on": "true", "false": "false", "0": "false", "off": "false"}


def set_aside(request: tornado.httputil.HTTPServerRequest) -> None:
    """Keep a form from Tornado, which would parse it before anyone has asked who calls and whether the body is whole, and answer what it
    can't parse by a bare 400."""
    kind = request.headers.get("Content-Type", "")
    # Media types ignore case (RFC 9110, 8.3.1).
    if kind.strip().lower().startswith(TYPES):
        request.form_type = kind  # type: ignore[attr-defined]
        request.headers["Content-Type"] = "application/octet-stream"


def sent_type(request: tornado.httputil.HTTPServerRequest) -> str:
    """The Content-Type as the client has sent it."""
    kind: str = getattr(request, "form_type", "") or request.headers.get("Content-Type", "")
    return kind


def parts(request: tornado.httputil.HTTPServerRequest) -> tuple[dict[str, list[bytes]], dict[str, Any]]:
    """The fields of a form, and its files; none of another body. Raises Problem 400: the form can't be parsed."""
    if not request.body_arguments and not request.files:
        kind, separator, rest = sent_type(request).partition(";")
        try:
            tornado.httputil.parse_body_arguments(
                kind.strip().lower() + separator + rest,
                request.body,
                request.body_arguments,
                request.files,
                config=_PARSED,
            )
        except tornado.httputil.HTTPInputError as error:
            raise Problem(400, "not-a-form", str(error)) from None
    return request.body_arguments, request.files


def read(request: tornado.httputil.HTTPServerRequest, expected: Schema) -> tuple[Any, str, Files]:
    """The value, its JSON text, and the files. Of a repeated field the last one counts, unless the schema has a list there.

    Raises Problem 400.
    """
    arguments, files = parts(request)
    if len(arguments) + len(files) > MOST_FIELDS:
        raise Problem(400, "too-many-fields", Message.of("too-many-fields", limit=MOST_FIELDS))
    shapes, required = expected.shape.members, expected.document.get("required", ())
    members, wrong = {}, {}
    for name, sent in arguments.items():
        try:
            texts = [text.decode("utf-8") for text in sent]
        except UnicodeDecodeError:
            wrong[name] = [Message.of("type.string")]
            continue
        shape = shapes.get(name, NO_SHAPE)
        # A form of a page sends each field, also those that nobody has filled in.
        if not (shape.is_never_empty and name not in required and texts[-1].strip(BLANKS) == ""):
            members[name] = _json(shape, texts)
    for name in files:
        # A file where the schema has a field is of the wrong type. A value of a wrong type takes its place, so that the schema refuses it.
        if name in shapes:
            members[name] = "[]" if "object" in shapes[name].types else "{}"
    if wrong:
        raise invalid(wrong)
    composed = ",".join(f"{json.dumps(name)}:{member}" for name, member in members.items())
    value, text = body.read(f"{{{composed}}}".encode(), expected)
    return value, text, {name: (found[-1].filename, found[-1].body) for name, found in files.items()}


def _json(shape: Shape, sent: list[str]) -> str:
    """A field's texts as JSON of the declared type. A text that isn't of that type stays a string, which the schema then refuses."""
    types, text = shape.types, sent[-1].strip(BLANKS)
    if "array" in types and not (len(sent) == 1 and (text == "" or text.startswith("["))):
        return f"[{','.join(_json(shape.items or NO_SHAPE, [one]) for one in sent)}]"
    if text == "" and "null" in types and not shape.takes_empty_text:
        return "null"
    if types & {"array", "object"}:
        return text if _is_json(text) else "[]" if text == "" and "array" in types else json.dumps(sent[-1])
    if "boolean" in types and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    return json.dumps(sent[-1])


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
