"""Text of many scripts on the pages of a PDF. core/paper."""

import io
import re

import pypdf
import pytest
from PIL import Image
from reportlab.pdfbase.pdfmetrics import stringWidth

from core.paper import text
from core.paper.fonts import LATIN, LATIN_BOLD, PRIVATE, SCRIPTS, characters, placed, writing
from core.paper.pages import Block, Sheet, paginated, pdf
from core.paper.picture import picture
from core.paper.rows import LEFT, RIGHT, Row, Rows, beside, height

DEVANAGARI, MALAYALAM = "NotoSansDevanagari-Regular", "NotoSansMalayalam-Regular"
# Letters that join, one word of each script.
JOINED = {
    DEVANAGARI: "क्षि",
    "NotoSansBengali-Regular": "ন্ত্রী",
    "NotoSansGurmukhi-Regular": "ਸ੍ਰੀ",
    "NotoSansGujarati-Regular": "શ્રી",
    "NotoSansOriya-Regular": "ଶ୍ରୀ",
    "NotoSansTamil-Regular": "ஸ்ரீ",
    "NotoSansTelugu-Regular": "స్త్రీ",
    "NotoSansKannada-Regular": "ಸ್ತ್ರೀ",
    MALAYALAM: "ന്ത്ര",
}
SHEET = Sheet(200, 300, 20)


@pytest.fixture
def rows():
    with writing:
        yield Rows(SHEET.room, 10, 1000)


def read(data):
    return pypdf.PdfReader(io.BytesIO(data), strict=True).pages


# Scripts


@pytest.mark.parametrize("name", JOINED, ids=[script for *_, script in SCRIPTS])
def test_letters_of_each_script_of_india_are_joined(name):
    word = JOINED[name]
    glyphs, width = placed(name, word)
    # Joined letters are glyphs that no character has.
    assert any(ord(one) >= PRIVATE for one in glyphs) and len(glyphs) < len(word)
    assert 0 < width < stringWidth(word, name, 1)


def test_a_vowel_that_is_written_before_its_consonant_stands_before_it():
    # ि follows its consonant in Unicode, and stands left of it on paper.
    assert placed(DEVANAGARI, "पि").glyphs[1] == "प"
    assert placed(MALAYALAM, "കെ").glyphs == "െക"


def test_a_text_is_split_into_runs_of_the_fonts_that_have_its_characters():
    found = text.runs("Chai चाय ₹10 അപ്പം। ok", is_bold=True)
    assert [(run.font, run.text, run.is_joined) for run in found] == [
        (LATIN_BOLD, "Chai ", False),
        (DEVANAGARI, "चाय", True),
        (LATIN_BOLD, " ₹10 ", False),
        (MALAYALAM, "അപ്പം।", True),
        (LATIN_BOLD, " ok", False),
    ]


def test_every_font_has_what_the_scripts_share():
    for _, _, name, _ in SCRIPTS:
        assert set(text.SHARED + text.JOINERS) <= characters(name)
    for name in (LATIN, LATIN_BOLD):
        assert set("₹×·…\ufffd") <= characters(name)


def test_characters_without_font_are_replaced_and_their_marks_left_out():
    shown = "".join(run.text for run in text.runs(text.plain("漢A 🍎 ש e\u0336 \ue123 \U000f0041")))
    assert shown == "\ufffdA \ufffd \ufffd e \ufffd \ufffd"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\u202eb\u2066c\x07d\x00e\ufefff", "abcdef"),
        (" a\tb\r\nc\u2028d\u00a0 e ", "a b c d e"),
        ("a\u200db क\u094d\u200dष \u200d", "ab क\u094d\u200dष"),
        ("\ud800a", "a"),
        ("Cafe\u0301", "Café"),
    ],
)
def test_controls_and_formats_are_no_text_and_white_space_is_a_blank(given, shown):
    assert text.plain(given) == shown


# Wrapping


def test_rows_break_between_words_and_words_where_the_row_ends():
    assert text.wrapped("one two three", 40, 10) == ["one two", "three"]
    room = stringWidth("WWWW", LATIN, 10) + 0.1
    assert text.wrapped("a " + "W" * 9, room, 10) == ["a", "WWWW", "WWWW", "W"]
    assert text.wrapped("", 40, 10) == [""]


@pytest.mark.parametrize("word", ["क्षि" * 60, "ന്ത്രി" * 60, "स्त्री\u200d" * 40, "x\u0301\u0323" * 80, "漢" * 100])
def test_no_row_is_wider_than_its_room_and_no_syllable_is_broken(word):
    for room in (60, 131.7):
        rows = text.wrapped(word, room, 10)
        assert "".join(rows) == text.plain(word)
        assert len(rows) > 2 and all(text.width(row, 10) <= room + 0.1 for row in rows)
        for row in rows:
            assert row[0] in word[:1] + "x", "a row begins with a letter"
            assert not row.endswith("\u094d") and not row.endswith("\u0d4d")


def test_a_syllable_that_is_wider_than_a_row_is_broken():
    rows = text.wrapped("क" + "\u093e" * 300, 60, 10)
    assert len(rows) > 2 and all(text.width(row, 10) <= 80 for row in rows)


def test_only_so_many_characters_of_a_text_are_shown():
    assert text.wrapped("x" * 500, 10_000, 10, most=20) == ["x" * 20 + "…"]
    assert text.wrapped("x" * 20, 10_000, 10, most=20) == ["x" * 20]


def test_a_text_is_shortened_to_one_row():
    assert text.shortened("Shop", 60, 10) == "Shop"
    shown = text.shortened("Shop of many wonderful things", 60, 10)
    assert shown.endswith("…") and text.width(shown, 10) <= 60


# Rows


def test_a_label_and_its_value_share_a_row_where_both_fit(rows):
    [row] = rows.pair("Total", "₹5.00")
    assert [(one.text, one.x, one.align) for one in row.texts] == [("Total", 0, LEFT), ("₹5.00", 160, RIGHT)]
    apart = rows.pair("A label of more words", "₹999,999,999.00")
    assert [[one.text for one in row.texts] for row in apart] == [
        ["A label of more words"],
        ["₹999,999,999.00"],
    ]


def test_columns_are_as_wide_as_their_cells_and_one_takes_what_is_left(rows):
    columns = rows.columns([["Item", "Amount"], ["Tea", "₹5.00"]], [LEFT, RIGHT], wide=0, least=0.3, most={})
    assert columns[1].x + columns[1].width == pytest.approx(160, abs=0.1)
    [row] = rows.cells(columns, ["Tea", "₹5.00"])
    assert [one.x for one in row.texts] == [0, pytest.approx(160, abs=0.1)]
    # Cells without measure leave the others their part.
    columns = rows.columns([["Item", "W" * 100]], [LEFT, RIGHT], wide=0, least=0.3, most={})
    assert columns[0].width == pytest.approx(0.3 * (160 - 8), abs=0.1)
    assert len(rows.cells(columns, ["Tea", "W" * 100])) > 5
    columns = rows.columns([["Item", "W" * 100]], [LEFT, RIGHT], wide=0, least=0.3, most={1: 0.2})
    assert columns[1].width == pytest.approx(0.2 * 160, abs=0.1)


def test_rows_beside_one_another_are_one_row_as_high_as_the_higher_part(rows):
    left, right = rows.text("left " * 100), rows.text("right")
    both = beside((0, left), (100, right))
    assert both.height == pytest.approx(height(left)) and height(left) > height(right)
    [page] = read(pdf([Block([both])], SHEET, title="t", language="en"))
    places = {}
    page.extract_text(
        visitor_text=lambda text, _, place, *more: places.setdefault(text.strip().split(" ")[0], place[4:])
    )
    # Both begin at the same height.
    assert places["right"][0] == pytest.approx(20 + 100) and places["right"][1] == places["left"][1]


def test_texts_and_rules_have_inks(rows):
    red, blue = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    joined = rows.text("राष्ट्र", is_bold=True, ink=red)
    blocks = [Block([*joined, rows.rule(start=50, thickness=2, ink=blue), *rows.text("plain")])]
    [page] = read(pdf(blocks, SHEET, title="t", language="en"))
    drawn = page.get_contents().get_data()
    # Bold letters of India are drawn with a stroke, which has the ink of their text.
    assert drawn.count(b"1 0 0 rg") == drawn.count(b"1 0 0 RG") == 1
    assert drawn.index(b"1 0 0 rg") < drawn.index(b"0 0 1 RG") < drawn.rindex(b"0 0 0 rg")
    assert re.search(rb"2 w\s+0 0 1 RG\s+n 70 [0-9.]+ m 180 [0-9.]+ l S", drawn)


# Pages


def test_rows_of_a_block_stay_on_one_page_and_its_head_stands_on_each():
    block, row, head = Row(40), Row(10), Row(5)
    found = paginated([Block([block, block]), Block([block, row], [head]), Block([row] * 30, [head])], 100, [row])
    assert found[0] == [block, block]
    # A block that is longer than a page begins where there is room, and is split.
    assert found[1] == [row, head, block, row, row, row, row]
    assert found[2:] == [[row, head, *[row] * 8]] * 3 + [[row, head, *[row] * 3]]


def test_a_roll_is_as_long_as_its_text_and_a_long_one_has_several_pages(rows):
    sheet = SHEET._replace(height=None)
    short, long = [pdf([Block(rows.text("x"))] * count, sheet, title="t", language="en") for count in (3, 2000)]
    assert float(read(short)[0].mediabox.height) == pytest.approx(2 * 20 + 3 * 14, abs=0.1)
    pages = read(long)
    assert len(pages) == 2 and all(float(page.mediabox.height) <= 14_400 for page in pages)


def test_the_same_rows_are_the_same_bytes_whatever_was_written_before(rows):
    """Glyphs get their names when a font is read, not when a text first uses them."""

    def write(*words):
        return pdf([Block(rows.text(word, is_bold=True)) for word in words], SHEET, title="t", language="en")

    first = write("राष्ट्र", "ന്ത്ര", "Chai")
    write("स्त्री द्ध्य ङ्क", "ക്ഷ്മി", "Ünïcödé")
    assert write("राष्ट्र", "ന്ത്ര", "Chai") == first


def test_a_joined_text_can_be_copied_as_its_characters(rows):
    [page] = read(pdf([Block(rows.text("राष्ट्र"))], SHEET, title="t", language="en"))
    [copied] = re.findall(rb"/ActualText <FEFF([0-9A-F]+)>", page.get_contents().get_data())
    assert bytes.fromhex(copied.decode()).decode("utf-16-be") == "राष्ट्र"


# Pictures


def file(kind, size=(40, 20), mode="RGB"):
    data = io.BytesIO()
    Image.new(mode, size, (200, 0, 0, 128)[: len(mode)]).save(data, kind)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_as_large_as_fits_and_on_white(rows, kind):
    found = picture(file(kind, mode="RGB" if kind == "JPEG" else "RGBA"), 100, 30)
    assert (found.width, found.height) == (60, 30)
    blocks = [Block([rows.picture(found)])]
    first, again = [pdf(blocks, SHEET, title="t", language="en") for _ in range(2)]
    assert first == again and len(read(first)[0].images) == 1


def test_a_large_picture_is_made_smaller():
    data = file("PNG", (3000, 3000))
    found = picture(data, 72, 72)
    assert found.pixels == (300, 300) and found.width == 72


@pytest.mark.parametrize("data", [b"", b"no picture", file("PNG")[:60], file("PNG", (6000, 6000)), b"<svg/>"])
def test_what_is_no_picture_is_none(data):
    assert picture(data, 100, 30) is None
