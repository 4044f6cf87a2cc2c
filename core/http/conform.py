"""What a client sends, made into what the schema means by it, before it is validated.

Clients are written in many languages, and most of them don't distinguish a number from its digits as text. So a number in a field for
text counts as its text, exactly as it was sent; a text in a field for numbers counts as a number if its value is exact. All texts are
brought to their canonical form (core/text.py), e-mail addresses to theirs, and scanned codes lose what the scanner has added. What
can't be meant is left as it is, and the schema refuses it. docs/api/operations.md#text-and-numbers

The schema's own keywords say what a field is for: `type`, and these formats: "email"; "scan" and "scanned-email", which a scanner may
have read; "password", a text that stays exactly as it was sent; "flag", a boolean that clients also send as a word or a digit; "given", a
text, instead of which zero, false, an empty list and an empty object count as missing.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from core import email_address, text
from core.http.json_text import Number

_INTEGER = re.compile(r"([+-]?)0*([0-9]+)(?:\.(0+))?")
_DECIMAL = re.compile(r"([+-]?)(?=\.?[0-9])0*([0-9]*)(?:\.([0-9]*))?([eE][+-]?[0-9]+)?")
# Characters of a number in a text: its pattern needs quadratic time for long texts.
LONGEST_NUMBER = 400
NUMBERS = {"integer", "number"}
SCANS = ("scan", "scanned-email")
# What a flag may be sent as, in any case.
FLAGS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
# Digits of a fraction that may be a group of thousands: half of the world writes 1.000 for a thousand.
GROUP = 3


class Shape(NamedTuple):
    """What the schema says of a value, with $ref and anyOf resolved: its types, and its format if it is a text.
    takes_empty_text: "" is a text that it may be. is_never_empty: it is a number, a boolean or one of some texts, and neither "" nor null."""

    types: frozenset[str] = frozenset()
    format: str = ""
    takes_empty_text: bool = False
    is_never_empty: bool = False
    members: Mapping[str, "Shape"] = {}
    items: "Shape | None" = None

    @property
    def is_text(self) -> bool:
        return "string" in self.types and not self.types & NUMBERS

    @property
    def is_number(self) -> bool:
        return bool(self.types & NUMBERS) and "string" not in self.types

    @property
    def is_flat(self) -> bool:
        """Whether a form can hold it: no member is an object with members of its own, or a list of such objects."""
        return not any((member.items or member).members for member in self.members.values())

    @property
    def has_scans(self) -> bool:
        """Whether a member may come from a scanner."""
        return any(member.format in SCANS for member in self.members.values())

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Shape":
        """The shape of a JSON Schema."""
        return _shape(document, document.get("$defs", {}))


NO_SHAPE = Shape()


def _shape(node: dict[str, Any], definitions: dict[str, Any]) -> Shape:
    if "$ref" in node:
        node = {**definitions[node["$ref"].removeprefix("#/$defs/")], **node}
    branches = [node, *node.get("anyOf", ())]
    types: set[str] = set()
    for branch in branches:
        types |= _types(branch)
    takes_empty_text = any(
        "string" in _types(branch) and not branch.keys() & {"format", "enum", "const"} for branch in branches
    )
    is_chosen = bool(types & {*NUMBERS, "boolean"}) or any("enum" in branch for branch in branches)
    chosen = [choice for branch in branches for choice in (*branch.get("enum", ()), branch.get("const"))]
    return Shape(
        frozenset(types),
        next((branch["format"] for branch in branches if "format" in branch), ""),
        takes_empty_text,
        is_chosen and not takes_empty_text and "null" not in types and "" not in chosen,
        {name: _shape(inner, definitions) for name, inner in node.get("properties", {}).items()},
        _shape(node["items"], definitions) if "items" in node else None,
    )


def _types(branch: dict[str, Any]) -> set[str]:
    kind = branch.get("type", [])
    if not kind and any(isinstance(choice, str) for choice in branch.get("enum", ())):
        return {"string"}
    return {kind} if isinstance(kind, str) else set(kind)


def is_plain(sent: str) -> bool:
    """Whether a text of JSON holds nothing that has several forms: neither letters beyond ASCII nor the ASCII form of a domain."""
    return sent.isascii() and "\\u" not in sent and ("--" not in sent or "xn--" not in sent.lower())


def conformed(value: Any, shape: Shape) -> Any:
    """What the schema means by a value whose numbers are Number. The value itself is returned where nothing has to be changed."""
    if shape.format == "flag" and isinstance(value, str):
        return FLAGS.get(text.cleaned(value).lower(), value)
    if shape.format == "given" and (not value or _is_zero(value)):
        return None
    if isinstance(value, Number):
        # NaN and Infinity, which end in a letter, stay what they are, and are refused.
        return str(value) if shape.is_text and value[-1].isdigit() else value
    if isinstance(value, str):
        return _number(value, shape) if shape.is_number else _text(value, shape)
    if isinstance(value, dict):
        members = {
            name: meant
            for name, inner in value.items()
            if (meant := conformed(inner, shape.members.get(name, NO_SHAPE))) is not inner
        }
        return {**value, **members} if members else value
    if isinstance(value, list) and shape.items is not None:
        items = [conformed(item, shape.items) for item in value]
        return items if any(meant is not item for meant, item in zip(items, value, strict=True)) else value
    return value


def _is_zero(value: Any) -> bool:
    return isinstance(value, Number) and not value.lower().partition("e")[0].strip("-0.")


def _text(sent: str, shape: Shape) -> str:
    if not shape.is_text or shape.format == "password":
        return sent
    meant = text.scanned(sent) if shape.format in SCANS else text.cleaned(sent)
    if shape.format in ("email", "scanned-email"):
        meant = email_address.normal(meant) or meant
    return sent if meant == sent else meant


def _number(sent: str, shape: Shape) -> str:
    """The number that the text stands for, exactly; the text itself if it stands for none."""
    digits = text.cleaned(sent) if len(sent) <= LONGEST_NUMBER else ""
    if "number" in shape.types:
        found = _DECIMAL.fullmatch(digits)
        if found:
            sign, whole, fraction, exponent = found.groups("")
            return Number(f"{sign.strip('+')}{whole or '0'}{'.' if fraction else ''}{fraction}{exponent}")
    elif (found := _INTEGER.fullmatch(digits)) and len(found[3] or "") != GROUP:
        return Number(f"{found[1].strip('+')}{found[2]}")
    return sent
