"""Reading JSON from unknown clients: strictly, so that no later code meets a value that it can't handle.

What json.loads accepts and this must not: NaN and Infinity, numbers beyond a float, repeated keys, NUL characters and lone
surrogates (no Postgres text holds them), and unlimited nesting. The refusal names the field wherever it can; that takes a slower
pass, which runs only after a quick test has found something wrong.

core/http/body.py reads the bodies of requests with these functions.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from core.problem import Message, Problem, invalid

# Digits. A longer integer is beyond every bigint column, and Python needs quadratic time to read it.
LONGEST_INTEGER = 18
# Levels; documented bodies have five. Python's json stops near 1000, but functions that walk the value would overflow before that.
DEEPEST = 100
# In one answer: a client can't use more.
MOST_MESSAGES = 100
# Items of a list. The answer would hold an empty place for each item before a wrong one, so it only names the number from here on.
MOST_PLACES = 1000
# Characters of a client's own key that the answer repeats.
LONGEST_NAME = 100
# Stands for every number that is refused: NaN, infinities, and those that no float holds. Code compares its identity.
INFINITY = float("inf")
# A text as JSON. json.dumps makes an encoder for each call, which takes ten times as long.
quoted: Callable[[str], str] = json.encoder.encode_basestring
_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Repeated:
    """The type of _REPEATED, the value of a key that came twice."""


_REPEATED = _Repeated()


class Number(str):
    """A number as it was written, digit by digit."""

    __slots__ = ()


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_INTEGER else INFINITY


def _number(digits: str) -> float:
    # Refused too: what is closer to zero than a float can represent (1e-99999), which Postgres would write out with all its digits.
    value = float(digits)
    is_refused = value in (INFINITY, -INFINITY) or ((value == 0.0 or len(digits) > 40) and _tiny(digits))
    return INFINITY if is_refused else value


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


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)
_decode = _decoder.decode
_literally = json.JSONDecoder(object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=Number)
_blanks = re.compile(r"[ \t\n\r]*")


def _not_json(reason: object) -> Problem:
    return Problem(400, "not-json", Message.of("not-json", reason=reason))


def decoded(body: bytes) -> str:
    """The text of a body, without the byte order mark that some clients write before it. Raises Problem 400 `not-json`."""
    try:
        return body.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_json(error) from None


def value(text: str) -> tuple[Any, bool]:
    """The value, and whether it may hold what is not allowed: check() then tells. Raises Problem 400 `not-json`."""
    found = _decoded_by(_decode, text)
    return found, is_suspect(found, text)


def literal(text: str) -> Any:
    """The value with each number as Number. Raises Problem 400 `not-json`."""
    found = _decoded_by(_literally.decode, text)
    # Refuses deep nesting.
    _is_suspect(found)
    return found


def each(text: str, *, literally: bool = False) -> Iterator[tuple[Any, str]]:
    """The items of an array one after another, each with its text, so that never more than one is held as a value; a value that is no array
    is the only one. Each is as value() reads it, and may be suspect; literally: as literal() does. Raises Problem 400 `not-json`, perhaps
    only after some items."""
    decoder = _literally if literally else _decoder
    at = _after_blanks(text, 0)
    try:
        if text[at : at + 1] != "[":
            yield decoder.decode(text), text
            return
        at = _after_blanks(text, at + 1)
        while text[at : at + 1] != "]":
            item, end = decoder.raw_decode(text, at)
            yield item, text[at:end]
            at = _after_blanks(text, end)
            if text[at : at + 1] == ",":
                at = _after_blanks(text, at + 1)
                if text[at : at + 1] == "]":
                    raise json.JSONDecodeError("Illegal trailing comma before end of array", text, at)
            elif text[at : at + 1] != "]":
                raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        if (end := _after_blanks(text, at + 1)) != len(text):
            raise json.JSONDecodeError("Extra data", text, end)
    except RecursionError:
        raise _not_json("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise _not_json(error) from None


def is_suspect(found: Any, text: str) -> bool:
    """Whether a value that was read from a text may hold what is not allowed. Raises Problem 400 `not-json`: it is nested too deeply."""
    return _is_suspect(found) or "\\u" in text


def _after_blanks(text: str, at: int) -> int:
    return _blanks.match(text, at).end()  # type: ignore[union-attr]


def check(found: Any, *, any_number: bool = False) -> None:
    """Raises Problem 400 `invalid` with the fields of a literal() value that hold what is not allowed. any_number: a number may have any
    size, because it stays a text; NaN and Infinity are no JSON."""
    wrong = _refused(found, _Budget(any_number))
    if wrong is not None:
        raise invalid(wrong if isinstance(wrong, dict) else {"non_field_errors": wrong})


def written(found: Any) -> str:
    """A literal() value as JSON text."""
    if isinstance(found, Number):
        return str(found)
    if isinstance(found, dict):
        return composed({name: written(inner) for name, inner in found.items()})
    if isinstance(found, list):
        return f"[{','.join(map(written, found))}]"
    return quoted(found) if isinstance(found, str) else json.dumps(found)


def _decoded_by(decode: Callable[[str], Any], text: str) -> Any:
    try:
        return decode(text)
    except RecursionError:
        raise _not_json("nested too deeply") from None
    except ValueError as error:
        raise _not_json(error) from None


def _is_suspect(value: Any, level: int = 1) -> bool:
    """Whether any object has a repeated key, or any number is refused. Raises Problem when `value` is nested too deeply."""
    if level > DEEPEST:
        raise _not_json("nested too deeply")
    found = value is INFINITY
    if isinstance(value, dict):
        for v in value.values():
            found |= v is _REPEATED or v is INFINITY or (type(v) in (dict, list) and _is_suspect(v, level + 1))
    elif isinstance(value, list):
        for v in value:
            found |= v is INFINITY or (type(v) in (dict, list) and _is_suspect(v, level + 1))
    return found


class _Budget:
    """How many messages the answer may still get, and whether a number may have any size."""

    def __init__(self, any_number: bool) -> None:
        self.left, self.any_number = MOST_MESSAGES, any_number


def _refused(value: Any, budget: _Budget) -> Any:
    """The messages for what can't be stored, nested as `value` is; None when nothing is wrong."""
    if value is _REPEATED:
        budget.left -= 1
        return [Message.of("repeated")]
    if isinstance(value, Number):
        return _refused_number(value, budget)
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
    """A list of messages by position, {} for an item that is right; past MOST_PLACES one message with the item's number."""
    found: dict[int, Any] = {}
    for i, item in enumerate(items):
        if (wrong := _refused(item, budget)) is not None:
            if i >= MOST_PLACES:
                return {"non_field_errors": [Message.of("bad-item", number=i + 1)]}
            found[i] = wrong
            if budget.left <= 0:
                break
    return [found.get(i, {}) for i in range(max(found) + 1)] if found else None


def _refused_number(digits: Number, budget: _Budget) -> list[Message] | None:
    if budget.any_number and digits[-1].isdigit():
        return None
    if digits.lstrip("-").isdigit():
        found: int | float = _integer(digits)
    else:
        found = _number(digits) if digits[-1].isdigit() else INFINITY
    if found is not INFINITY:
        return None
    budget.left -= 1
    return [Message.of("type.number")]


def _refused_text(value: str, budget: _Budget) -> list[Message] | None:
    if "\0" in value:
        budget.left -= 1
        return [Message.of("null-character")]
    surrogate = _SURROGATE.search(value)
    if surrogate is None:
        return None
    budget.left -= 1
    return [Message.of("surrogate", point=ord(surrogate[0]))]


def _printable(name: str) -> str:
    return name[:LONGEST_NAME].encode("utf-8", "replace").decode().replace("\0", "\\0")


def composed(members: Mapping[str, str]) -> str:
    """An object as JSON text, of members that are JSON text."""
    return "{" + ",".join(f"{quoted(name)}:{value}" for name, value in members.items()) + "}"
