"""Reading the three forms of a receipt, as a person, a printer and a reader of PDFs do."""

import io
import unicodedata
from datetime import UTC, datetime

import pypdf

# The numbers of the code pages by Epson's manual of ESC t, and Python's names of them.
CODE_PAGES = {14: "cp737", 16: "cp1252", 17: "cp866", 18: "cp852", 19: "cp858"}


def born_today():
    """A date of birth whose birthday is today."""
    return datetime.now(UTC).date().replace(year=1988)


def width(row):
    """The columns of a row on a terminal or a printer."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in ("W", "F") else 1 for one in row
    )


def amounts(text):
    """What stands at the right of the rows that have a label at the left, in their order."""
    rows = (row.rsplit("  ", 1) for row in text.splitlines())
    return {left.strip(): right.strip() for left, right in (row for row in rows if len(row) == 2 and row[0].strip())}


def printed(data):
    """What a printer makes of the bytes, and the rows that are bold. Fails at a byte that is neither text nor a known command."""
    page, is_bold, text, bold = 0, False, "", []
    assert data.startswith(b"\x1b@\x1c.")
    at = 4
    while at < len(data):
        if data[at:].startswith((b"\x1bt", b"\x1bE", b"\x1bd")):
            command, value, at = data[at + 1 : at + 2], data[at + 2], at + 3
            if command == b"t":
                page = CODE_PAGES[value]
            elif command == b"E":
                is_bold = value == 1
            else:
                assert data[at:] == b"\x1dVB\x00"
                return text, bold
            continue
        one = data[at : at + 1]
        assert one == b"\n" or one[0] >= 0x20, f"{one!r} at {at}"
        if is_bold and text.endswith("\n"):
            bold.append(len(text.splitlines()))
        text += one.decode(page if one[0] >= 0x80 else "ascii")
        at += 1
    raise AssertionError("the paper is not cut")


def pages(data):
    return pypdf.PdfReader(io.BytesIO(data), strict=True).pages


def pdf_words(data):
    """The words of each row of a PDF that has any."""
    return [row.split() for page in pages(data) for row in page.extract_text().splitlines() if row.strip()]


def words(text):
    return [row.split() for row in text.splitlines() if row.strip()]
