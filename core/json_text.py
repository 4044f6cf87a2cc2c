"""Reading JSON from strangers: strict, without surprises for what comes after.

What json.loads lets through and must not: NaN and Infinity, numbers beyond a float, repeated keys, NUL and lone surrogates
(no Postgres text holds them), nesting without end. Where a field can be named, it is (the slow path, after a fast test).
"""

import json
import re
from typing import Any

from core.problem import Problem, invalid

LONGEST_INTEGER = 18  # digits; a longer one is beyond every column, and slow to read
DEEPEST = 100  # levels; the documented bodies have five. json stops near 1000, but what walks the value after it would not get there
INFINITY = float("inf")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Repeated:
    """Stands where a key came twice."""


_REPEATED = _Repeated()


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_INTEGER else INFINITY


def _number(digits: str) -> float:
    # Infinity stands for every number that no schema's bounds admit: beyond a float, NaN, or closer to zero than a
    # float can tell (1e-99999), which Postgres would write out in full.
    value = float(digits)
    return INFINITY if (value == 0.0 or len(digits) > 40) and _tiny(digits) else value


def _tiny(digits: str) -> bool:
    mantissa, _, exponent = digits.lower().partition("e")
    return len(digits) > 400 or (len(exponent) > 4 or abs(int(exponent or 0)) > 300) and mantissa.strip("-0.") != ""


def _constant(name: str) -> float:
    return INFINITY


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                found[name] = _REPEATED
            seen.add(name)
    return found


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
).decode


def parse_error(reason: object) -> Problem:
    return Problem(400, "not-json", f"JSON parse error - {reason}")


def read(body: bytes) -> tuple[Any, str]:
    """The value and its text. Raises Problem: 400 not-json, or 400 invalid that names the field."""
    try:
        text = body.decode("utf-8")
        value = _decode(text)
    except RecursionError:
        raise parse_error("nested too deeply") from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError
        raise parse_error(error) from None
    repeats = _repeats(value)
    if b"\\u" in body or repeats:
        wrong = _refused(value)
        if wrong is not None:
            raise invalid(wrong if isinstance(wrong, dict) else {"non_field_errors": wrong})
    return value, text


def _repeats(value: Any, level: int = 1) -> bool:
    """Whether a key came twice anywhere. Raises Problem when `value` is nested too deeply."""
    if level > DEEPEST:
        raise parse_error("nested too deeply")
    found = False
    if isinstance(value, dict):
        for v in value.values():
            found |= v is _REPEATED or (type(v) in (dict, list) and _repeats(v, level + 1))
    elif isinstance(value, list):
        for v in value:
            found |= type(v) in (dict, list) and _repeats(v, level + 1)
    return found


def _refused(value: Any) -> Any:
    """The messages for what may not be stored, nested as `value` is; None when all is well."""
    if value is _REPEATED:
        return ["This field is repeated."]
    if isinstance(value, str):
        return _refused_text(value)
    if isinstance(value, dict):
        found = {
            _printable(name): wrong
            for name, v in value.items()
            if (wrong := _refused_text(name) or _refused(v)) is not None
        }
        return found or None
    if isinstance(value, list):
        each = [_refused(v) for v in value]
        last = max((i for i, wrong in enumerate(each) if wrong is not None), default=None)
        return None if last is None else [{} if wrong is None else wrong for wrong in each[: last + 1]]
    return None


def _refused_text(value: str) -> list[str] | None:
    if "\0" in value:
        return ["Null characters are not allowed."]
    surrogate = _SURROGATE.search(value)
    return [f"Surrogate characters are not allowed: U+{ord(surrogate[0]):X}."] if surrogate else None


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode().replace("\0", "\\0")
