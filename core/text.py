"""Text from people and their devices, in the one form in which it is stored, compared and searched.

The same text can be written in several sequences of Unicode. Everything that comes in, in bodies and in queries, is brought to one
of them first; so keys, searches and constraints compare plain texts. docs/api/operations.md#text-and-numbers
"""

import re
import unicodedata

# What surrounds a value without being part of it: the white space of Unicode (property White_Space), and two invisible characters
# that are pasted along with text, U+200B and U+FEFF. Of these, ASCII text can hold only what the SQL function core.trimmed removes.
BLANKS = (
    " \t\n\r\f\v\x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u2028\u2029\u202f\u205f"
    "\u3000\ufeff"
)

# Malayalam chillu letters were written as letter, virama and zero width joiner before Unicode 5.1 had a letter for each. Many
# keyboards and old records still do, and no normal form of Unicode unites them (The Unicode Standard, 12.9, "Chillu characters").
_CHILLUS = {
    "\u0d23": "\u0d7a",
    "\u0d28": "\u0d7b",
    "\u0d30": "\u0d7c",
    "\u0d32": "\u0d7d",
    "\u0d33": "\u0d7e",
    "\u0d15": "\u0d7f",
}
_CHILLU = re.compile(f"([{''.join(_CHILLUS)}])\u0d4d\u200d")

# What a scanner may send around a code: controls, as prefix and suffix, and the AIM identifier of the kind of code, such as ]C1 for
# Code 128: a letter for the symbology and a hexadecimal digit (ISO/IEC 15424).
_CONTROLS = "".join(map(chr, range(0x20))) + "\x7f"
_AIM = re.compile(r"\][A-Za-z][0-9A-Fa-f]")


def canonical(text: str) -> str:
    """The text in normal form C, with each Malayalam chillu as one letter."""
    if text.isascii():
        return text
    return _CHILLU.sub(lambda found: _CHILLUS[found[1]], unicodedata.normalize("NFC", text))


def cleaned(text: str) -> str:
    """The text in its canonical form, without the blanks around it."""
    return canonical(text).strip(BLANKS)


def scanned(code: str) -> str:
    """What a scanner has read, without what it has added around it."""
    code = canonical(code).strip(BLANKS + _CONTROLS)
    return _AIM.sub("", code, count=1).strip(BLANKS + _CONTROLS) if _AIM.match(code) else code


def decoded(header: str) -> str:
    """The text of a header. Clients send UTF-8, though RFC 9110 (5.5) only knows bytes; Tornado reads them as Latin-1."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header
