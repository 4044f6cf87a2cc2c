"""Tables as files: what is written is read back, and what strangers send is refused within limits. core/sheets."""

import codecs
import io
import json
import random
import zipfile
from datetime import datetime
from decimal import Decimal

import pytest
import python_calamine
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from core.sheets import cell, csv_reader, csv_writer, number, reader, xlsx_reader, xlsx_writer
from core.sheets.cell import Column, Fault, Unreadable

COLUMNS = (
    Column("Text", "text"),
    Column("Amount", "amount", "amount"),
    Column("Rate", "rate", "rate"),
    Column("Day", "day", "day"),
    Column("Moment", "moment", "moment"),
    Column("Number", "number", "number"),
    Column("Flag", "flag", "boolean"),
    Column("Lines", "lines", "count"),
)
ROW = {
    "text": "Asha",
    "amount": "99999999.99",
    "rate": "0.0750",
    "day": "2024-01-31",
    "moment": "2024-01-31T23:59:59.000000Z",
    "number": 7,
    "flag": True,
    "lines": [{}, {}],
}
# What spreadsheets take for formulas, also after blanks and our own apostrophes.
FORMULAS = [
    "=1+1",
    "+91 98765",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\nx",
    " =1",
    "\u00a0=1",
    "\u200b+1",
    "'=1",
    "''-1",
    "\uff1d1",
]
TEXTS = ["", "Asha", "'tis", "''", "a=1", "1-1", " x", "O'Hara"]


def xlsx(tmp_path, documents, columns=COLUMNS):
    """The bytes of a file that we write."""
    writer = xlsx_writer.XlsxWriter(tmp_path / "a.xlsx", "Things", columns)
    writer.add([json.dumps(document) for document in documents])
    writer.close()
    return (tmp_path / "a.xlsx").read_bytes()


def read(data, most_columns=50):
    """The header and the rows of a file."""
    table = reader.read(data, len, most_columns)
    return table.header, list(table.rows)


def refusal(data):
    with pytest.raises(Unreadable) as refused:
        read(data)
    return str(refused.value)


def test_a_row_is_written_as_csv():
    written = csv_writer.head(COLUMNS) + csv_writer.rows(
        COLUMNS, [json.dumps({**ROW, "text": 'a "b",\nc', "rate": None})]
    )
    assert written == codecs.BOM_UTF8 + (
        b"Text,Amount,Rate,Day,Moment,Number,Flag,Lines\r\n"
        b'"a ""b"",\nc",99999999.99,,2024-01-31,2024-01-31T23:59:59.000000Z,7,TRUE,2\r\n'
    )  # fmt: skip


def test_a_row_is_written_as_xlsx_with_numbers_and_days(tmp_path):
    data = xlsx(tmp_path, [ROW, {**ROW, "rate": None, "flag": False}])
    rows = python_calamine.load_workbook(io.BytesIO(data)).get_sheet_by_name("Things").to_python()
    assert rows[0] == [column.header for column in COLUMNS]
    moment = datetime(2024, 1, 31, 23, 59, 59)
    assert rows[1] == ["Asha", 99999999.99, 0.075, datetime(2024, 1, 31).date(), moment, 7, True, 2]
    assert rows[2][2] == "" and rows[2][6] is False
    assert b"0.00%" in zipfile.ZipFile(io.BytesIO(data)).read("xl/styles.xml")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_could_be_a_formula_is_guarded(text):
    assert cell.guarded(text) == "'" + text


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_are_left_alone(text):
    assert cell.guarded(text) == cell.unguarded(text) == cell.marked(text) == text


@given(st.text(alphabet="'=+-@ \t\r\n\u00a0\uff1da1"))
def test_the_guard_is_taken_away_exactly(text):
    assert cell.unguarded(cell.guarded(text)) == cell.unguarded(cell.marked(text)) == text


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_texts_come_back_from_a_file_as_they_were(tmp_path, kind):
    texts = [
        *filter(str.strip, FORMULAS + TEXTS),
        "_x0041_",
        "a\r\nb",
        "a\rb",
        "\x01",
        "😀 ₹ മ",
        '"',
        "a;b\tc",
        "http://x.example",
        "00123",
        "x" * 10_000,
    ]
    documents = [{"text": text} for text in texts]
    columns = [Column("Text", "text")]
    if kind == "csv":
        data = csv_writer.head(columns) + csv_writer.rows(columns, list(map(json.dumps, documents)))
    else:
        data = xlsx(tmp_path, documents, columns)
    _, rows = read(data)
    assert [cell.unguarded(cells[0]) for _, cells in rows] == texts
    assert [at for at, _ in rows] == list(range(2, len(texts) + 2))


def test_our_reader_reads_what_calamine_reads(tmp_path):
    data = xlsx(tmp_path, [{**ROW, "text": text, "amount": f"{n}.05"} for n, text in enumerate(TEXTS)])
    theirs = python_calamine.load_workbook(io.BytesIO(data)).get_sheet_by_index(0).to_python()
    header, rows = read(data)
    assert header == theirs[0]

    def plain(one):
        if isinstance(one, datetime):
            return one.date() if one == datetime(2024, 1, 31) else one
        return "" if one is None else float(one) if isinstance(one, Decimal) else one

    assert [list(map(plain, cells)) for _, cells in rows] == theirs[1:]


def workbook(write):
    """The bytes of another program's file, with shared strings. write: gets the workbook and its sheet."""
    data = io.BytesIO()
    book = xlsxwriter.Workbook(data)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["A", "B", "C"])
    write(book, sheet)
    book.close()
    return data.getvalue()


def test_cells_of_other_programs_are_read():
    def write(book, sheet):
        bold = book.add_format({"bold": True})
        sheet.write_rich_string(2, 0, "plain ", bold, "bold", " end")
        sheet.write_formula(2, 1, "=1+1", None, 2)
        sheet.write_formula(2, 2, '="a"', None, "a")
        for column, code in enumerate(("d mmm yyyy", "[$-409]dd/mm/yy;@", '0.00 "days"', "[h]:mm", "0")):
            sheet.write_number(4, column, 45322, book.add_format({"num_format": code}))
        sheet.write_formula(5, 0, "=1/0", None, "#DIV/0!")
        sheet.write_boolean(5, 1, True)
        sheet.write_number(5, 2, 0.1 + 0.2)
        sheet.write_blank(9, 9, None, bold)

    header, rows = read(workbook(write))
    day = datetime(2024, 1, 31)
    assert header == ["A", "B", "C"]
    assert rows == [
        (3, ["plain bold end", Decimal(2), "a"]),
        (5, [day, day, Decimal(45322), day, Decimal(45322)]),
        (6, [Fault("#DIV/0!"), True, Decimal("0.3")]),
    ]
    assert isinstance(rows[2][1][0], Fault)


def test_days_of_the_other_epoch_and_the_first_visible_sheet_are_read():
    data = io.BytesIO()
    book = xlsxwriter.Workbook(data, {"date_1904": True})
    hidden, shown = book.add_worksheet(), book.add_worksheet()
    shown.activate()
    shown.set_first_sheet()
    hidden.hide()
    shown.write_row(0, 0, ["A"])
    shown.write_datetime(1, 0, datetime(2024, 1, 31), book.add_format({"num_format": 14}))
    book.close()
    assert read(data.getvalue()) == (["A"], [(2, [datetime(2024, 1, 31)])])


def changed(data, changes):
    """The archive with other contents of some parts."""
    found = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as new:
        for name in {*old.namelist(), *changes}:
            new.writestr(name, changes.get(name) if name in changes else old.read(name))
    return found.getvalue()


SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'
)
SMALL = '<row r="1"><c r="A1" t="inlineStr"><is><t>A</t></is></c></row>'


def with_sheet(rows, head=""):
    return changed(workbook(lambda book, sheet: None), {"xl/worksheets/sheet1.xml": head + SHEET % rows})


def test_a_sheet_that_would_be_huge_if_it_were_laid_out_takes_no_memory():
    # calamine asks for 512 GB and aborts.
    data = workbook(lambda book, sheet: sheet.write_string(1048575, 2, "far"))
    assert read(data) == (["A", "B", "C"], [(1048576, [None, None, "far"])])


def test_files_that_unpack_to_too_much_are_refused(monkeypatch):
    huge = '<row r="1"><c r="A1" t="inlineStr"><is><t>%s</t></is></c></row>' % ("x" * 70_000)
    assert refusal(with_sheet(huge)) == "A cell holds more than 32,767 characters."
    monkeypatch.setattr(xlsx_reader, "MOST_BYTES", 1 << 20)
    assert refusal(with_sheet(SMALL + " " * (2 << 20))) == "The file holds more than 1 MB when it is unpacked."
    monkeypatch.setattr(xlsx_reader, "MOST_ELEMENTS", 5000)
    assert refusal(with_sheet(SMALL + "<row/>" * 6000)) == "The file holds too much."
    monkeypatch.setattr(xlsx_reader, "MOST_STRINGS", 2)
    strings = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s</sst>' % (
        "<si><t>A</t></si>" * 3
    )
    assert refusal(changed(with_sheet(SMALL), {"xl/sharedStrings.xml": strings})) == "The file holds too much text."


def test_entities_and_wide_sheets_are_refused():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    assert "not a readable XLSX file" in refusal(with_sheet(SMALL, bomb))
    wide = '<row r="1"><c r="XFD1" t="inlineStr"><is><t>A</t></is></c></row>'
    assert refusal(with_sheet(wide)) == "The sheet has more than 50 columns."


@pytest.mark.parametrize(
    "rows",
    [
        "<row " + " ".join(f'a{n}="1"' for n in range(200)) + "/>",
        "<row " + " ".join(f'a{n}="1"' for n in range(100_000)) + "/>",
        "<!--" + "x" * 1_000_000 + "-->",
        "".join(f"<a{n}/>" for n in range(6000)),
        "<a>" * 10_000,
    ],
    ids=["attributes", "more attributes", "comment", "names", "nesting"],
)
def test_xml_that_would_take_much_memory_or_time_is_refused(rows):
    assert refusal(with_sheet(SMALL + rows)) in (
        "The file is not a readable XLSX file. It may be damaged.",
        "The file holds too much.",
    )


def test_an_archive_of_very_many_parts_is_refused():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for n in range(xlsx_reader.MOST_PARTS + 1):
            archive.writestr(str(n), b"")
    assert "not a readable XLSX file" in refusal(data.getvalue())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_of_packing_that_take_much_memory_are_refused(method):
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(with_sheet(SMALL))) as old, zipfile.ZipFile(data, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert "not a readable XLSX file" in refusal(data.getvalue())


def test_no_damage_to_a_file_is_more_than_a_refusal():
    data, chance = workbook(lambda book, sheet: sheet.write_row(1, 0, ["a", 1, True])), random.Random(7)
    for _ in range(400):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(len(data))] = chance.randrange(256)
        try:
            read(bytes(damaged[: chance.choice([len(data), chance.randrange(4, len(data))])]))
        except Unreadable:
            pass
    parts = zipfile.ZipFile(io.BytesIO(data)).namelist()
    for _ in range(400):
        part = chance.choice(parts)
        damaged = bytearray(zipfile.ZipFile(io.BytesIO(data)).read(part))
        at = chance.randrange(len(damaged))
        damaged[at : at + chance.randint(0, 8)] = (
            chance.randbytes(chance.randint(0, 8)) if chance.random() < 0.5 else b'"9'
        )
        try:
            read(changed(data, {part: bytes(damaged)}))
        except Unreadable:
            pass


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The file is empty."),
        (b"\r\n \r\n", "The file is empty."),
        (b"PK\x03\x04 no archive", "The file is not a readable XLSX file. It may be damaged."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "The file is a workbook of an old version, or has a password. Save it as .xlsx or .csv."),
        (b"\x89PNG\r\n\x1a\n\0\0", "The file is neither CSV nor XLSX."),
        (b"a,b\n\x81", "The file is neither CSV in UTF-8 nor XLSX."),
        (codecs.BOM_UTF8 + b"\xff", "The file is damaged: it is not in the encoding that its first bytes announce."),
        (codecs.BOM_UTF16_LE + b"a", "The file is damaged: it is not in the encoding that its first bytes announce."),
        (b'a,b\n"1,2\n3,4\n', "Row 2 can't be read: unexpected end of data."),
        (b"a\n" + b"x" * 200_000, "Row 2 can't be read: field larger than field limit (131072)."),
        (b",".join([b"a"] * 51), "The file has more than 50 columns."),
    ],
)  # fmt: skip
def test_files_that_are_no_tables_are_refused(data, said):
    assert refusal(data) == said


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("Naïve;€\r\n1;2\r\n".encode(), "utf-8"),
        ("Naïve;€\r\n1;2\r\n".encode("utf-8-sig"), "utf-8"),
        ("Naïve;€\r\n1;2\r\n".encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + "Naïve;€\r1;2\r".encode("utf-16-be"), "utf-16"),
        ("Naïve;€\n1;2".encode("windows-1252"), "windows-1252"),
    ],
)
def test_encodings_and_line_ends_of_csv_are_recognised(data, encoding):
    table = reader.read(data, len, 50)
    assert (table.encoding, table.header, list(table.rows)) == (encoding, ["Naïve", "€"], [(2, ["1", "2"])])


@pytest.mark.parametrize("by", csv_reader.DELIMITERS)
def test_the_delimiter_is_the_one_that_makes_known_columns(by):
    text = f'\r\nname{by}"no;te,s\tx"{by}email\r\n'
    assert csv_reader.delimiter(text, lambda cells: sum(one in ("name", "email") for one in cells)) == by


def test_rows_count_as_in_a_spreadsheet():
    assert read(b'a,b\n"1\n1",2\n\n , \n3,4\n') == (["a", "b"], [(2, ["1\n1", "2"]), (5, ["3", "4"])])


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("1234", "1234"), ("0012", "12"), (" -5 ", "-5"), ("+5", "5"), ("12.5", "12.5"), ("12,5", "12.5"), (".5", "0.5"),
        ("1,234.50", "1234.50"), ("1.234,50", "1234.50"), ("1 234,5", "1234.5"), ("1\u202f234", "1234"), ("1'234.5", "1234.5"),
        ("1,234,567", "1234567"), ("1.234.567", "1234567"), ("12,34,567.50", "1234567.50"), ("0.125", "0.125"), ("1234,567", "1234.567"),
        ("", None), ("1,2,3", None), ("1,234,56", None), ("1,234,567,8", None), ("12.34.567", None), ("₹5", None), ("1e3", None),
        ("NaN", None), ("٣", None), ("1" * 61, None), ("--1", None), ("1.", None),
    ],
)  # fmt: skip
def test_a_number_is_read_in_the_forms_that_have_one_meaning(text, digits):
    assert number.digits(text) == digits


@pytest.mark.parametrize("text", ["1,234", "1.234", "-999,999", "12.345"])
def test_a_number_that_may_be_two_is_none(text):
    with pytest.raises(number.Ambiguous):
        number.digits(text)


def test_a_sheet_that_is_full_takes_no_more_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(xlsx_writer, "MOST_ROWS", 1)
    with pytest.raises(xlsx_writer.Full):
        xlsx(tmp_path, [ROW, ROW])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_a_file_that_is_read_row_by_row_has_the_rows_that_it_has_in_memory(tmp_path, encoding):
    text = 'name;size\r\n"É\r\n;x";1\r\n\r\n' + "".join(f"Ü{n};{n}\n" for n in range(30_000))
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    whole = reader.read(path.read_bytes(), len, 10)
    with reader.opened(path, len, 10) as table:
        assert (table.header, list(table.rows)) == (whole.header, list(whole.rows))


def test_a_file_that_is_read_row_by_row_is_refused_where_it_is_in_memory(tmp_path):
    path = tmp_path / "a.csv"
    for content in (b"a,b\n1,\x81", b"\xef\xbb\xbfa\n\xff", b"a\n" + b"x" * (1 << 20) + b"\n", b"a\n\0", b"\xff\xfea"):
        path.write_bytes(content)
        with pytest.raises(Unreadable), reader.opened(path, len, 10) as table:
            list(table.rows)
