"""Barcodes of papers, as a scanner reads them, and labels on sheets."""

import io
import random
import string

import pypdf
import pytest

from core.paper.codes import Bars, Qr, bars, code, qr
from core.paper.fonts import writing
from core.paper.labels import Label, LabelSheet, fitted, labels_pdf
from core.paper.pages import POINTS_OF_MILLIMETRE
from core.paper.rows import Row, Rows
from tests.support.scanner import filled, scanned, texts

WIDE = 900.0
PRINTABLE = "".join(chr(one) for one in range(32, 127))
ALPHABETS = (PRINTABLE, string.digits, string.digits + "AB-", string.ascii_uppercase + "-/ ", "αβγжщ漢字नमस्ते😀é")


def drawn(*found):
    """The page on which codes stand one below the other."""
    rows = [row for one in found for row in (Row(one.height, picture=(0, one)), Row(20))]
    width, height = WIDE / POINTS_OF_MILLIMETRE, sum(row.height for row in rows) / POINTS_OF_MILLIMETRE + 10
    with writing:
        sheet = LabelSheet(width, height, 1, 1, width, height)
        data = labels_pdf([Label(rows)], sheet, title="Codes", language="en")
    [page] = pypdf.PdfReader(io.BytesIO(data), strict=True).pages
    return page


@pytest.mark.parametrize("seed", range(4))
def test_a_scanner_reads_what_the_bars_hold(seed):
    chance = random.Random(seed)
    said = ["".join(chance.choices(ALPHABETS[at % 4], k=chance.randint(1, 30))).strip() or "0" for at in range(12)]
    assert scanned(drawn(*(bars(text, WIDE, 30) for text in said))) == [("Code 128", text) for text in said]


@pytest.mark.parametrize("seed", range(3))
def test_a_scanner_reads_what_a_qr_code_holds_in_any_script(seed):
    chance = random.Random(seed)
    said = ["".join(chance.choices(alphabet, k=chance.randint(1, 60))).strip() or "0" for alphabet in ALPHABETS]
    assert scanned(drawn(*(qr(text, 120) for text in said))) == [("QR Code", text) for text in said]


@pytest.mark.parametrize("text", ["", "é", "漢字", "a\nb", "tab\t", "\x00", "\x7f", "INV\u200b1", "½"])
def test_bars_hold_printable_ascii_only_and_anything_else_is_a_qr_code(text):
    assert bars(text, WIDE, 30) is None
    found = code(text, WIDE, 30, 100)
    assert isinstance(found, Qr) if text else found is None


def test_bars_are_as_wide_as_fits_and_a_qr_code_where_they_would_be_too_narrow():
    found = {room: code("INV-00001", room * POINTS_OF_MILLIMETRE, 30, 60) for room in (200, 60, 40, 28, 20)}
    widths = {room: one.module / POINTS_OF_MILLIMETRE for room, one in found.items() if isinstance(one, Bars)}
    assert widths == pytest.approx({200: 0.5, 60: 0.375, 40: 0.25, 28: 0.19})
    assert isinstance(found[20], Qr) and found[20].height <= 20 * POINTS_OF_MILLIMETRE
    assert all(one.width <= room * POINTS_OF_MILLIMETRE for room, one in found.items())


def test_a_qr_code_whose_modules_no_camera_reads_is_none():
    assert qr("x" * 20, 30) is not None and qr("x" * 20, 15) is None
    assert qr("x" * 600, WIDE) is not None and qr("x" * 601, WIDE) is None and qr("漢" * 201, 2000) is None
    assert qr("x" * 1_000_000, 2000) is None and qr("", 100) is None


SHEET = LabelSheet(210, 297, 3, 8, 63.5, 33.9, (2.5, 1))


def test_labels_lie_in_the_middle_of_their_sheet_with_their_gaps():
    left, bottom = SHEET.corner(0)
    assert (left / POINTS_OF_MILLIMETRE, SHEET.labels) == (pytest.approx((210 - 3 * 63.5 - 5) / 2), 24)
    right, last = SHEET.corner(23)
    assert (right - left) / POINTS_OF_MILLIMETRE == pytest.approx(2 * 66)
    assert (bottom - last) / POINTS_OF_MILLIMETRE == pytest.approx(7 * 34.9)
    top = 297 - (bottom / POINTS_OF_MILLIMETRE + 33.9)
    assert top == pytest.approx(last / POINTS_OF_MILLIMETRE)


def test_a_used_sheet_begins_at_its_first_free_label_and_the_same_labels_are_the_same_bytes():
    def made(first):
        with writing:
            rows = Rows(100, 8, 50)
            labels = [Label(rows.text(f"Label {at}")) for at in range(30)]
            return labels_pdf(labels, SHEET, title="Labels", language="en", first=first)

    assert [text.count("Label") for text in texts(made(1))] == [24, 6]
    assert [text.count("Label") for text in texts(made(24))] == [1, 24, 5]
    assert made(3) == made(3)


def test_rows_beyond_the_label_are_left_out():
    rows = [Row(10), Row(20), Row(5)]
    assert fitted(rows, 30) == rows[:2] and fitted(rows, 29) == rows[:1] and fitted(rows, 9) == []


def test_the_last_of_the_rows_that_a_text_may_have_ends_with_an_ellipsis():
    with writing:
        rows = Rows(60, 8, 500)
        found = [row.texts[0].text for row in rows.text("one two three four five six seven", most_rows=2)]
        assert len(found) == 2 and found[1].endswith("…")
        assert [row.texts[0].text for row in rows.text("one two", most_rows=2)] == ["one two"]


def test_only_the_bars_of_a_code_are_black():
    found = bars("A", WIDE, 30)
    assert len(filled(drawn(found))) == len(found.runs)
