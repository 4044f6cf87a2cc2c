"""Text of any script on paper: in runs of one font each, measured, wrapped, drawn.

Characters that no font has are shown as U+FFFD. Scripts that run from right to left are among them.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from core.paper.fonts import LATIN, LATIN_BOLD, SCRIPTS, characters, font, placed
from core.text import canonical

REPLACEMENT = "\ufffd"
# They choose between forms of the letters around them, in the scripts of India. Elsewhere they are nothing.
JOINERS = "\u200c\u200d"
# Characters that several scripts share, and that each font of SCRIPTS has: two ends of a sentence, and what carries a mark without letter.
SHARED = "\u0964\u0965\u25cc"
# The class of the marks that join the letters on both sides (Unicode Character Database, Canonical_Combining_Class).
VIRAMA = 9
# Words whose width is remembered: some 2 MB.
MEASURED_WORDS = 8192
# Of the stroke that makes letters bold, in sizes of the font, for fonts without a bold one.
STROKE = 0.025
ELLIPSIS = "…"

_STARTS = [start for start, _, _, _ in SCRIPTS]


class Run(NamedTuple):
    """Text of one font. is_joined: HarfBuzz places its letters."""

    font: str
    text: str
    is_joined: bool


def plain(text: str) -> str:
    """The text in its canonical form, in one row: white space is one blank, and controls and formats are nothing (U+202E would turn an
    amount round)."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = []
    for one in canonical(text):
        if one.isspace():
            kept.append(" ")
        elif one in JOINERS:
            if kept and _script_font(kept[-1]):
                kept.append(one)
        elif unicodedata.category(one) not in ("Cc", "Cf", "Cs"):
            kept.append(one)
    return " ".join("".join(kept).split())


def runs(text: str, *, is_bold: bool = False) -> list[Run]:
    """The text in runs. text: from plain()."""
    latin = LATIN_BOLD if is_bold else LATIN
    if text.isascii():
        return [Run(latin, text, is_joined=False)] if text else []
    found: list[tuple[str, list[str]]] = []
    for one in text:
        before = found[-1][0] if found else latin
        name = _script_font(one)
        if one in JOINERS or one in SHARED:
            name = before if before != latin else name
        if name is None or one not in characters(name):
            name = latin
            if one not in characters(latin):
                # A mark without a font would be a sign of its own. A letter with its mark has often a character of its own.
                if unicodedata.category(one).startswith("M"):
                    continue
                one = REPLACEMENT
        if not found or before != name:
            found.append((name, []))
        found[-1][1].append(one)
    return [Run(name, "".join(its_characters), is_joined=name != latin) for name, its_characters in found]


def width(text: str, size: float, *, is_bold: bool = False) -> float:
    """Points that the text takes. text: from plain()."""
    # By words: they occur again and again, whole texts don't.
    first, *others = text.split(" ")
    words = _width(first, is_bold) + sum(_width(" ", is_bold) + _width(word, is_bold) for word in others)
    return words * size


@lru_cache(MEASURED_WORDS)
def _width(text: str, is_bold: bool) -> float:
    return sum(
        placed(run.font, run.text).width if run.is_joined else font(run.font).stringWidth(run.text, 1)
        for run in runs(text, is_bold=is_bold)
    )


def wrapped(text: str, room: float, size: float, *, is_bold: bool = False, most: int = 0) -> list[str]:
    """The text in rows of at most so many points, broken between words; a word that is wider is broken where the row ends. At least one
    row. most: characters of the text that are shown; 0: all."""
    text = plain(text[:most] + ELLIPSIS if most and len(text) > most else text)
    rows, used, blank = [""], 0.0, _width(" ", is_bold)
    for word in text.split():
        for piece, needed in _pieces(word, room / size, is_bold):
            if rows[-1] and used + blank + needed > room / size:
                rows.append(piece)
                used = needed
            else:
                used += (blank if rows[-1] else 0) + needed
                rows[-1] = f"{rows[-1]} {piece}" if rows[-1] else piece
    return rows


def shortened(text: str, room: float, size: float, *, is_bold: bool = False) -> str:
    """As much of the text as fits into one row."""
    text = plain(text)
    if width(text, size, is_bold=is_bold) <= room:
        return text
    first = wrapped(text, max(room - width(ELLIPSIS, size, is_bold=is_bold), size), size, is_bold=is_bold)[0]
    return first + ELLIPSIS


def _pieces(word: str, room: float, is_bold: bool) -> Iterator[tuple[str, float]]:
    """The word in pieces that fit, with their widths. room: in sizes of the font."""
    whole = _width(word, is_bold)
    if whole <= room:
        yield word, whole
        return
    piece, used = "", 0.0
    for syllable in _syllables(word):
        # Nobody writes a syllable wider than a row.
        for part in (syllable,) if _width(syllable, is_bold) <= room else syllable:
            needed = _width(part, is_bold)
            if piece and used + needed > room:
                yield piece, used
                piece, used = "", 0.0
            piece += part
            used += needed
    yield piece, used


def _syllables(word: str) -> Iterator[str]:
    """The parts of a word that no row may break: a letter with its marks and with the letters that a virama joins to it."""
    syllable = ""
    for one in word:
        is_mark = one in JOINERS or unicodedata.category(one).startswith("M")
        is_joined = bool(syllable) and unicodedata.combining(syllable.rstrip(JOINERS)[-1:] or " ") == VIRAMA
        if syllable and not is_mark and not is_joined:
            yield syllable
            syllable = ""
        syllable += one
    if syllable:
        yield syllable


def draw(
    canvas: Any,
    x: float,
    y: float,
    text: str,
    size: float,
    *,
    is_bold: bool = False,
    ink: tuple[float, float, float] = (0, 0, 0),
) -> None:
    """Draw the text from x on, on the base line y. text: from plain(). ink: parts of red, green and blue."""
    canvas.setFillColorRGB(*ink)
    for run in runs(text, is_bold=is_bold):
        canvas.setFont(run.font, size)
        if not run.is_joined:
            canvas.drawString(x, y, run.text)
            x += font(run.font).stringWidth(run.text, size)
            continue
        letters = placed(run.font, run.text)
        # Who copies or searches a joined text gets its characters instead of the glyphs' (ISO 32000-1, 14.9.4).
        canvas.addLiteral(f"/Span <</ActualText <{_utf16(run.text)}>>> BDC")
        if is_bold:
            canvas.setLineWidth(STROKE * size)
            canvas.setStrokeColorRGB(*ink)
        canvas.drawString(x, y, letters.glyphs, mode=2 if is_bold else None)
        canvas.addLiteral("EMC")
        x += letters.width * size


def _utf16(text: str) -> str:
    """The text as a PDF writes it in hexadecimal digits, with the mark of its byte order."""
    return (b"\xfe\xff" + text.encode("utf-16-be")).hex().upper()


def _script_font(character: str) -> str | None:
    """The font of the script of a character; None: that is no script of SCRIPTS."""
    code = ord(character)
    at = bisect_right(_STARTS, code) - 1
    return SCRIPTS[at][2] if at >= 0 and code <= SCRIPTS[at][1] else None
