"""Request bodies against their JSON Schema (2020-12), one file a body under schemas/.

Two validators: jsonschema-rs, compiled once, decides the common case in microseconds; jsonschema, the validator of record,
checks the schema files at start and names what is wrong in a refused body. tests/core/test_schema.py holds them to one verdict.
"""

import datetime
import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs

ROOT = Path(__file__).resolve().parents[2] / "schemas"
MOST_ERRORS = 100  # named in one answer; a body of 10,000 wrong items needs no more

# One local part and a domain with a dot, no blanks: what the documents' "valid e-mail" tells apart. Delivery is the real test.
_EMAIL = re.compile(
    r"[^@\s\"(),:;<>\[\\\]]{1,64}@(?=.{1,253}\Z)(?:[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)+[0-9A-Za-z-]{2,63}"
)
BLANKS = " \t\n\r\f\v"  # as core.trimmed has them
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def is_date(value: str) -> bool:
    """YYYY-MM-DD of a day that exists, years 1 to 9999 (what Postgres and Python both hold)."""
    if not _DATE.fullmatch(value):
        return False
    try:
        datetime.date.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_email(value: str) -> bool:
    """Blanks around it are not part of it."""
    return bool(_EMAIL.fullmatch(value.strip(BLANKS)))


def is_uuid(value: str) -> bool:
    return bool(_UUID.fullmatch(value))


def is_positive_integer(value: str) -> bool:
    """Digits of 1 to 999,999,999, blanks around them allowed."""
    return bool(re.fullmatch(r" *0{0,20}[1-9][0-9]{0,8} *", value)) and len(value) <= 60


def is_amount(value: str) -> bool:
    """Digits with an optional decimal point, below 1,000,000,000, blanks around them allowed."""
    return bool(re.fullmatch(r" *[0-9]{1,9}(\.[0-9]{1,20})? *", value)) and len(value) <= 60


# Formats are ours in both validators: the libraries' own ones differ in the corners.
FORMATS = {
    "date": is_date,
    "email": is_email,
    "uuid": is_uuid,
    "positive-integer": is_positive_integer,
    "amount": is_amount,
}
_format_checker = jsonschema.FormatChecker(formats=())
for _name, _test in FORMATS.items():
    _format_checker.checks(_name)(lambda value, test=_test: not isinstance(value, str) or test(value))

REQUIRED = "This field is required."
_items = jsonschema.Draft202012Validator.VALIDATORS["items"]


def _items_unless_too_many(
    validator: Any, items: Any, instance: Any, schema: Any
) -> Iterator[jsonschema.ValidationError]:
    """A list that is too long is refused as a whole: looking into 100,000 items, to name none, took 6 s."""
    if not isinstance(instance, list) or len(instance) <= schema.get("maxItems", len(instance)):
        yield from _items(validator, items, instance, schema) or ()


_Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"items": _items_unless_too_many})

_TYPES = {
    "string": "Not a valid string.",
    "integer": "A valid integer is required.",
    "number": "A valid number is required.",
    "boolean": "Must be a valid boolean.",
}
_FORMAT_MESSAGES = {
    "date": "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.",
    "email": "Enter a valid email address.",
    "uuid": "Must be a valid UUID.",
    "positive-integer": _TYPES["integer"],
    "amount": _TYPES["number"],
}


class Schema:
    """One request body's shape: `accepts(value)` and, for a refused value, `errors(value)`."""

    def __init__(self, document: dict[str, Any]) -> None:
        jsonschema.Draft202012Validator.check_schema(document)
        self.document = document
        self.of_record = _Validator(document, format_checker=_format_checker)
        self._compiled = jsonschema_rs.Draft202012Validator(document, formats=FORMATS, validate_formats=True)

    def accepts(self, value: Any) -> bool:
        return self._compiled.is_valid(value)

    def errors(self, value: Any) -> dict[str, Any]:
        """Messages by field, nested as the body is; what concerns an object or list as a whole is under non_field_errors."""
        tree: dict[Any, Any] = {}
        for error in islice(map(_telling, self.of_record.iter_errors(value)), MOST_ERRORS):
            path = list(error.absolute_path)
            if error.validator == "required":
                for name in error.validator_value:
                    if name not in error.instance:
                        _put(tree, [*path, name], REQUIRED)
            elif _is_collection(error):
                _put(tree, [*path, "non_field_errors"], message(error))
            else:
                _put(tree, path or ["non_field_errors"], message(error))
        return _lists(tree)


@cache
def load(name: str) -> Schema:
    """The schema of schemas/NAME.json. Raises at start when the file is no valid schema."""
    return Schema(json.loads((ROOT / f"{name}.json").read_text(encoding="utf-8")))


def message(error: jsonschema.ValidationError) -> str:
    """The standard sentence for one failed keyword."""
    keyword, limit, instance = error.validator, error.validator_value, error.instance
    if instance is None:
        return "This field may not be null."
    if keyword == "type":
        return _wrong_type(limit if isinstance(limit, list) else [limit], instance)
    if isinstance(instance, float) and instance in (float("inf"), float("-inf")):
        return _TYPES["number"]
    if keyword == "format":
        return (
            "This field may not be blank."
            if limit == "email" and not instance.strip(BLANKS)
            else _FORMAT_MESSAGES[limit]
        )
    if keyword == "enum":
        return f'"{instance}" is not a valid choice.'
    if keyword in ("pattern", "minLength"):
        return "This field may not be blank."
    if keyword == "maxLength":
        return f"Ensure this field has no more than {limit} characters."
    if keyword == "maxItems":
        return f"Ensure this field has no more than {limit} elements."
    if keyword == "minItems":
        return "This list may not be empty." if limit == 1 else f"Ensure this field has at least {limit} elements."
    if keyword in ("minimum", "maximum"):
        return f"Ensure this value is {'greater' if keyword == 'minimum' else 'less'} than or equal to {limit}."
    raise ValueError(f"no sentence for the schema keyword {keyword!r}")


def _telling(error: jsonschema.ValidationError) -> jsonschema.ValidationError:
    """Of alternatives that all failed, the error that says most: of the one whose type fits, else of the first."""
    if error.validator != "anyOf" or error.instance is None:
        return error
    branches: dict[Any, list[jsonschema.ValidationError]] = {}
    for inner in error.context or []:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    fitting = [errors for errors in branches.values() if all(inner.validator != "type" for inner in errors)]
    return (fitting or [branches[min(branches)]])[0][0]


def _wrong_type(types: list[str], instance: Any) -> str:
    kind = type(instance).__name__
    if "array" in types:
        return f'Expected a list of items but got type "{kind}".'
    if "object" in types:
        return f"Invalid data. Expected a dictionary, but got {kind}."
    return _TYPES[types[0]]


def _is_collection(error: jsonschema.ValidationError) -> bool:
    if error.validator in ("maxItems", "minItems"):
        return True
    types = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    return error.validator == "type" and error.instance is not None and ("array" in types or "object" in types)


def _put(tree: Any, path: list[Any], text: str) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
        if isinstance(tree, list):  # the whole was refused already
            return
    found = tree.setdefault(path[-1], [])
    if isinstance(found, list) and text not in found:
        found.append(text)


def _lists(tree: Any) -> Any:
    """Objects whose keys are positions become lists, with {} where nothing was wrong."""
    if not isinstance(tree, dict):
        return tree
    if tree and all(isinstance(key, int) for key in tree):
        return [_lists(tree.get(i, {})) for i in range(max(tree) + 1)]
    return {key: _lists(value) for key, value in tree.items()}
