"""Validating request bodies against their JSON Schema (2020-12): one file under schemas/ for each kind of body.

Two validators: jsonschema-rs, compiled once, accepts a right body in microseconds. jsonschema, the validator of record, checks the
schema files at start, and finds what is wrong in a refused body. tests/core/test_schema.py proves that they always agree.

Three keywords are our own. Two, because a float knows nothing of them: `decimals`, the most digits that a number may have after its
point, and beside it `digits`, the most that it may have in all; Schema.imprecise looks at the digits as they were sent. The third is
`"numbers": "as sent"` of a whole body: it is stored as the text that came, so its numbers may be of any size. Both validators ignore them.
"""

import datetime
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs

from core.email_address import is_email
from core.http.conform import Shape, conformed
from core.http.json_text import Number
from core.problem import Message
from core.text import BLANKS

ROOT = Path(__file__).resolve().parents[2] / "schemas"
# Named in one answer: a client can't use more.
MOST_ERRORS = 100
# Characters of a client's own value that a message repeats.
LONGEST_VALUE = 60

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def is_date(value: str) -> bool:
    """YYYY-MM-DD of an existing day, in the years 1 to 9999, which both Postgres and Python can hold."""
    if not _DATE.fullmatch(value):
        return False
    try:
        datetime.date.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_uuid(value: str) -> bool:
    return bool(_UUID.fullmatch(value))


def _is_any(value: str) -> bool:
    """The formats of core/http/conform.py that only say how a text is read."""
    return True


# Both validators use these functions: the libraries' own formats disagree in rare cases.
FORMATS = {
    "date": is_date,
    "email": is_email,
    "uuid": is_uuid,
    "scan": _is_any,
    "scanned-email": _is_any,
    "password": _is_any,
    "flag": _is_any,
    "given": _is_any,
}
_format_checker = jsonschema.FormatChecker(formats=())
for _name, _test in FORMATS.items():
    _format_checker.checks(_name)(lambda value, test=_test: not isinstance(value, str) or test(value))

_items = jsonschema.Draft202012Validator.VALIDATORS["items"]


def _items_unless_too_many(
    validator: Any, items: Any, instance: Any, schema: Any
) -> Iterator[jsonschema.ValidationError]:
    """Doesn't look into a list that is too long, which is refused as a whole: validating 100,000 items took 6 s."""
    if not isinstance(instance, list) or len(instance) <= schema.get("maxItems", len(instance)):
        yield from _items(validator, items, instance, schema) or ()


_Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"items": _items_unless_too_many})


def _merged(node: Any) -> Any:
    """The same schema, in which a value that may also be an empty text is one type instead of two alternatives: deciding that takes
    jsonschema-rs half the time."""
    if isinstance(node, list):
        return [_merged(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    found = {name: _merged(inner) for name, inner in node.items()}
    match found.get("anyOf"):
        case [{"type": types, **rest}, {"const": "", **others}] if not others and not rest.keys() & {"enum", "const"}:
            kinds = types if isinstance(types, list) else [types]
            if "string" not in kinds and not found.keys() & {"type", "maxLength", *rest}:
                del found["anyOf"]
                found |= {**rest, "type": [*kinds, "string"], "maxLength": 0}
    return found


class Schema:
    """The schema of one kind of body. name: of its file, without the ending. described: what the description of the API shows."""

    def __init__(self, document: dict[str, Any], name: str = "") -> None:
        jsonschema.Draft202012Validator.check_schema(document)
        self.document = self.described = document
        self.name = name
        self.shape = Shape.of(document)
        self.takes_any_number = document.get("numbers") == "as sent"
        self._precise = {name: inner for name, inner in document.get("properties", {}).items() if "decimals" in inner}
        self.of_record = _Validator(document, format_checker=_format_checker)
        self._compiled = jsonschema_rs.Draft202012Validator(_merged(document), formats=FORMATS, validate_formats=True)

    def conformed(self, literal: Any) -> Any:
        """What the schema means by a value (core/http/conform.py)."""
        return conformed(literal, self.shape)

    @property
    def is_literal(self) -> bool:
        """Whether a body has to be looked at as it was written: a number by its digits, or what a scanner has added."""
        return bool(self._precise) or self.shape.has_scans

    def imprecise(self, literal: Any) -> dict[str, list[Message]]:
        """A Message for each member of a body that has too many digits. literal: its numbers are Number."""
        sent = literal if isinstance(literal, dict) else {}
        found = {name: _imprecision(sent.get(name), inner) for name, inner in self._precise.items()}
        return {name: [said] for name, said in found.items() if said is not None}

    def accepts(self, value: Any) -> bool:
        """Whether the value is valid."""
        return self._compiled.is_valid(value)

    def errors(self, value: Any) -> dict[str, Any]:
        """A Message for each wrong field, nested as the body is: {"customer": {"code": [Message]}, "items": [{}, {"mrp": [Message]}]}.

        What is wrong with an object or list as a whole is under non_field_errors."""
        tree: dict[Any, Any] = {}
        for error in islice(map(_most_specific, self.of_record.iter_errors(value)), MOST_ERRORS):
            path = list(error.absolute_path)
            if error.validator == "required":
                for name in error.validator_value:
                    if name not in error.instance:
                        _put(tree, [*path, name], Message.of("required"))
            elif _is_collection(error):
                _put(tree, [*path, "non_field_errors"], message(error))
            else:
                _put(tree, path or ["non_field_errors"], message(error))
        return _lists(tree)


@cache
def load(name: str) -> Schema:
    """The schema of schemas/NAME.json. Raises jsonschema.SchemaError, at import and so at start, when the file is not a valid schema."""
    return Schema(read(name), name)


def read(name: str) -> dict[str, Any]:
    """The document of schemas/NAME.json."""
    found: dict[str, Any] = json.loads((ROOT / f"{name}.json").read_text(encoding="utf-8"))
    return found


def message(error: jsonschema.ValidationError) -> Message:
    """The message for one failed keyword. Its code is the keyword, or more exact where that depends on the keyword's value."""
    keyword, limit, instance = error.validator, error.validator_value, error.instance
    if instance is None:
        return Message.of("null")
    if keyword == "type":
        return _wrong_type(limit if isinstance(limit, list) else [limit], instance)
    if keyword == "format":
        return Message.of("blank" if limit == "email" and not instance.strip(BLANKS) else f"format.{limit}")
    if keyword == "minItems" and limit == 1:
        return Message.of("minItems.1")
    if keyword == "enum":
        return Message.of("enum", value=instance)
    if keyword in (
        "pattern",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "digits",
        "decimals",
    ):
        return Message.of(keyword, limit=limit)
    raise ValueError(f"no message for the schema keyword {keyword!r}")


def _imprecision(sent: Any, node: dict[str, Any]) -> Message | None:
    if not isinstance(sent, Number):
        return None
    _, digits, exponent = Decimal(sent).as_tuple()
    decimals = max(-int(exponent), 0)
    # 0.05 has two digits, and 5e3 has four.
    if "digits" in node and max(len(digits) + max(int(exponent), 0), decimals) > node["digits"]:
        return Message.of("digits", limit=node["digits"])
    return Message.of("decimals", limit=node["decimals"]) if decimals > node["decimals"] else None


def _most_specific(error: jsonschema.ValidationError) -> jsonschema.ValidationError:
    """Of an anyOf whose alternatives all failed: the error of the first one whose type fits, else of the first one.
    A value that had to be one constant has no sentence."""
    if error.validator != "anyOf" or error.instance is None:
        return error
    branches: dict[Any, list[jsonschema.ValidationError]] = {}
    for inner in error.context or []:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    fitting = [
        errors for errors in branches.values() if all(inner.validator not in ("type", "const") for inner in errors)
    ]
    return (fitting or [branches[min(branches)]])[0][0]


def _wrong_type(types: list[str], instance: Any) -> Message:
    wanted = "array" if "array" in types else "object" if "object" in types else types[0]
    if wanted in ("integer", "number") and isinstance(instance, str) and instance.strip(BLANKS):
        return Message.of(f"text.{wanted}", value=instance[:LONGEST_VALUE])
    return Message.of(f"type.{wanted}", kind=type(instance).__name__)


def _is_collection(error: jsonschema.ValidationError) -> bool:
    if error.validator in ("maxItems", "minItems"):
        return True
    types = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    return error.validator == "type" and error.instance is not None and ("array" in types or "object" in types)


def _put(tree: Any, path: list[Any], said: Message) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
        if isinstance(tree, list):
            # The object or list is already refused as a whole.
            return
    found = tree.setdefault(path[-1], [])
    if isinstance(found, list) and said not in found:
        found.append(said)


def _lists(tree: Any) -> Any:
    """The same tree with a list for each dict whose keys are positions; {} for the items that are right."""
    if not isinstance(tree, dict):
        return tree
    if tree and all(isinstance(key, int) for key in tree):
        return [_lists(tree.get(i, {})) for i in range(max(tree) + 1)]
    return {key: _lists(value) for key, value in tree.items()}
