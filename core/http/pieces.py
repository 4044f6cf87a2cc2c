"""Cuts a body into independent pieces of JSON while it arrives: the lines of NDJSON, or the items of an array. Nothing is read as JSON here;
a piece is bytes, and no more than one that is incomplete is kept.

    cutter = Items(longest=10 * 1024**2)
    for chunk in ...:
        pieces += cutter.feed(chunk)
    pieces += cutter.end()
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from core.http.json_text import DEEPEST
from core.problem import Message, Problem

_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
# What has no meaning for the structure: everything but brackets and commas, and whole texts. Possessive, so that it takes linear time.
_FLAT = re.compile(rb'[^\[\]{},"]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^\[\]{},"]*+)*+', re.S)
# The same within an object or array, where commas have no meaning either.
_DEEP = re.compile(rb'[^\[\]{}"]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^\[\]{}"]*+)*+', re.S)
# A text up to its closing quote, or up to the end of what has arrived.
_TEXT = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.S)


class Piece(NamedTuple):
    """number: of the line in the file, or of the item, from 1. sent: its bytes; None: it is longer than `longest`. wrong: the messages by
    field, if the cutter knows that it is wrong."""

    number: int
    sent: bytes | None
    wrong: Any = None


def not_json(reason: str) -> Problem:
    """400: what is around the pieces is no JSON."""
    return Problem(400, "not-json", Message.of("not-json", reason=reason))


class Lines:
    """Cuts NDJSON. Blank lines are left out, but counted. longest: bytes of a line."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._number = 1
        self._started = False
        # The beginning of the line that is not complete, and how long it is with what was dropped of it.
        self._kept: list[bytes] = []
        self._length = 0

    def feed(self, chunk: bytes) -> list[Piece]:
        """The lines that are complete now."""
        if not self._started and chunk:
            # A mark that comes in several chunks is part of the first line, where json_text.decoded removes it.
            self._started, chunk = True, chunk.removeprefix(_BOM)
        first, *rest = chunk.split(b"\n")
        self._keep(first)
        found: list[Piece] = []
        for line in rest:
            found += self._taken()
            self._keep(line)
        return found

    def end(self) -> list[Piece]:
        """The last line, if it has no line break."""
        return list(self._taken())

    def _keep(self, part: bytes) -> None:
        self._length += len(part)
        if self._length > self._longest:
            self._kept = []
        elif part:
            self._kept.append(part)

    def _taken(self) -> Iterator[Piece]:
        line = b"".join(self._kept).strip(_BLANKS)
        if self._length > self._longest:
            yield Piece(self._number, None)
        elif line:
            yield Piece(self._number, line)
        self._number += 1
        self._kept, self._length = [], 0


class Items:
    """Cuts a JSON array; a value that is no array counts as the only item. longest: bytes of an item. feed() and end() raise Problem 400
    `not-json` for what is wrong around the items, or nested too deeply. What is wrong within an item is the item's."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._number = 0
        self._rest = b""
        # Where the search goes on within _rest, and where the present item begins.
        self._at = self._from = 0
        self._depth = 0
        self._is_in_text = False
        # "" before the first character, then "array", "value" (the body is one item) or "end".
        self._where = ""
        self._is_after_comma = False

    def feed(self, chunk: bytes) -> list[Piece]:
        """The items that are complete now."""
        self._rest += chunk
        if not self._where and not self._begin():
            return []
        found: list[Piece] = []
        if self._where == "array":
            while self._step(found):
                pass
        elif self._where == "end" and self._rest.strip(_BLANKS):
            raise not_json("Extra data after the array")
        self._forget()
        return found

    def end(self) -> list[Piece]:
        """The last item, if the body is one item alone."""
        match self._where:
            case "":
                raise not_json("Expecting value: line 1 column 1 (char 0)")
            case "array":
                raise not_json("The array has no end")
            case "value":
                self._number = 1
                return [Piece(1, self._rest if len(self._rest) <= self._longest else None)]
        return []

    def _begin(self) -> bool:
        """Find the first character; returns whether it is there."""
        start = self._rest.removeprefix(_BOM).lstrip(_BLANKS)
        if not start or (len(start) < len(_BOM) and _BOM.startswith(start)):
            return False
        if start[:1] == b"[":
            self._where, self._rest, self._at, self._from = "array", start, 1, 1
        else:
            self._where, self._rest = "value", start
        return True

    def _step(self, found: list[Piece]) -> bool:
        """Go on to the next character that has a meaning; returns whether there is one."""
        if self._is_in_text:
            end = _TEXT.match(self._rest, self._at).end()  # type: ignore[union-attr]
            if self._rest[end : end + 1] != b'"':
                # A backslash at the end belongs to the character that is to come.
                self._at = end
                return False
            self._is_in_text, self._at = False, end + 1
        skipped = (_DEEP if self._depth else _FLAT).match(self._rest, self._at)
        self._at = skipped.end()  # type: ignore[union-attr]
        sign = self._rest[self._at : self._at + 1]
        if not sign:
            return False
        self._at += 1
        if sign == b'"':
            self._is_in_text = True
        elif sign in b"[{":
            self._depth += 1
            if self._depth > DEEPEST:
                raise not_json("nested too deeply")
        elif self._depth:
            self._depth -= 1
        elif sign == b",":
            self._take(found, self._at - 1)
            self._is_after_comma = True
        elif sign == b"]":
            self._finish(found)
            return False
        else:
            raise not_json("Expecting value: a closing brace without an opening one")
        return True

    def _take(self, found: list[Piece], end: int) -> None:
        item = self._rest[self._from : end].strip(_BLANKS)
        if not item and not self._is_dropping:
            raise not_json(f"Expecting value: item {self._number + 1}")
        self._number += 1
        found.append(Piece(self._number, None if self._is_dropping or len(item) > self._longest else item))
        self._from, self._is_dropping = self._at, False

    def _finish(self, found: list[Piece]) -> None:
        is_empty = not self._rest[self._from : self._at - 1].strip(_BLANKS) and not self._is_dropping
        if is_empty and self._is_after_comma:
            raise not_json("Illegal trailing comma before end of array")
        if not is_empty:
            self._take(found, self._at - 1)
        self._where, self._rest = "end", self._rest[self._at :]
        self._at = self._from = 0
        if self._rest.strip(_BLANKS):
            raise not_json("Extra data after the array")

    _is_dropping = False

    def _forget(self) -> None:
        """Keep only what is still needed: the item that is not complete, unless it is too long already."""
        if self._where == "end":
            self._rest = b""
        elif self._where == "value":
            # One more byte tells that it is too long.
            self._rest = self._rest[: self._longest + 1]
        elif self._at - self._from > self._longest:
            self._is_dropping = True
            self._rest, self._at, self._from = self._rest[self._at :], 0, 0
        else:
            self._rest, self._at, self._from = self._rest[self._from :], self._at - self._from, 0
