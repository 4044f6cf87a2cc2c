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
MOST_REFUSALS, FAR_DOWN, LONGEST_NAME = (
    100,
    1000,
    100,
)  # messages in one answer; places in a list; letters of a key told back
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
        wrong = _refused(value, _Budget())
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


class _Budget:
    """Messages that may still be written: a body of a million wrong texts needs no more."""

    def __init__(self) -> None:
        self.left = MOST_REFUSALS


def _refused(value: Any, budget: _Budget) -> Any:
    """The messages for what may not be stored, nested as `value` is; None when all is well."""
    if value is _REPEATED:
        budget.left -= 1
        return ["This field is repeated."]
    if isinstance(value, str):
        return _refused_text(value, budget)
    if isinstance(value, dict):
        found = {}
        for name, v in value.items():
            if (wrong := _refused_text(name, budget) or _refused(v, budget)) is not None:
                found[_printable(name)] = wrong
                if budget.left <= 0:
                    break
        return found or None
    return _refused_items(value, budget) if isinstance(value, list) else None


def _refused_items(items: list[Any], budget: _Budget) -> Any:
    """A list with {} where nothing was wrong; of a place too far down, only which it is."""
    found: dict[int, Any] = {}
    for i, item in enumerate(items):
        if (wrong := _refused(item, budget)) is not None:
            if i >= FAR_DOWN:
                return {"non_field_errors": [f"Item {i + 1} holds what is not allowed in text."]}
            found[i] = wrong
            if budget.left <= 0:
                break
    return [found.get(i, {}) for i in range(max(found) + 1)] if found else None


def _refused_text(value: str, budget: _Budget) -> list[str] | None:
    if "\0" in value:
        budget.left -= 1
        return ["Null characters are not allowed."]
    surrogate = _SURROGATE.search(value)
    if surrogate is None:
        return None
    budget.left -= 1
    return [f"Surrogate characters are not allowed: U+{ord(surrogate[0]):X}."]


def _printable(name: str) -> str:
    return name[:LONGEST_NAME].encode("utf-8", "replace").decode().replace("\0", "\\0")
