"""Reading XLSX from unknown programs (ECMA-376): the first visible sheet, row by row, within limits of memory and time.

python-calamine would be faster, but it lays a sheet out in memory from its first to its last cell: two cells in a file of 5 KB make it ask
for 512 GB, and the process ends. Only the tests use it.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from io import BytesIO
from pathlib import Path
from posixpath import join, normpath
from typing import Any, NamedTuple
from xml.parsers import expat

from core.sheets import cell
from core.sheets.cell import Cell, Fault, Unreadable

# Of all parts that are read, unpacked. A sheet of 10,000 rows with ten columns has some 5 MB.
MOST_BYTES = 64 << 20
# XML elements and attributes of all parts that are read: some 5 s of a core. A sheet of 10,000 rows with fifty columns has 2.6 million.
MOST_ELEMENTS = 5_000_000
# Of one element; spreadsheets write ten. expat reads all of them before it tells of the element, which must therefore be short.
MOST_ATTRIBUTES = 100
LONGEST_TAG = 1 << 18
# Different names of elements and attributes, each of which expat keeps; spreadsheets use a hundred.
MOST_NAMES = 5000
MOST_STRINGS = 1_000_000
# Files within the archive. Each takes memory for its entry alone.
MOST_PARTS = 2000
CHUNK = 1 << 16
# Formats of numbers that are days or times without being described in the file, also those of East Asian versions (18.8.30).
_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
# What of a format is no code: texts in quotes, colours and conditions, single letters.
_NO_CODE = re.compile(r'"[^"]*"|\[[^\]]*\]|[\\_*].')
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_BROKEN = "The file is not a readable XLSX file. It may be damaged."
# An attribute's value by its name without namespace.
Attributes = Mapping[str, str]


class Limits(NamedTuple):
    """bytes, elements: of all parts that are read, unpacked, as MOST_BYTES and MOST_ELEMENTS. Strings that cells share are in memory."""

    bytes: int
    elements: int


def rows(source: bytes | Path, most_columns: int, limits: Limits | None = None) -> Iterator[tuple[int, list[Cell]]]:
    """The rows with their numbers in the sheet. Rows without a value may be left out. source: the content of the file, or the file. limits:
    None: the usual ones. Raises Unreadable."""
    limits = limits or Limits(MOST_BYTES, MOST_ELEMENTS)
    if _entries(source) > MOST_PARTS:
        raise Unreadable(_BROKEN)
    try:
        with zipfile.ZipFile(BytesIO(source) if isinstance(source, bytes) else source) as archive:
            yield from _Book(archive, most_columns, limits).rows()
    except (zipfile.BadZipFile, zlib.error, struct.error, expat.ExpatError, EOFError, LookupError, ValueError, OverflowError,
            RuntimeError, OSError):  # fmt: skip
        raise Unreadable(_BROKEN) from None


def _entries(source: bytes | Path) -> int:
    """How many entries the archive's directory may have: how often their signature occurs."""
    sign = b"PK\x01\x02"
    if isinstance(source, bytes):
        return source.count(sign)
    count, before = 0, b""
    with source.open("rb") as file:
        while chunk := file.read(CHUNK):
            count += (before + chunk).count(sign)
            before = chunk[-len(sign) + 1 :]
    return count


class _Book:
    def __init__(self, archive: zipfile.ZipFile, most_columns: int, limits: Limits) -> None:
        self._archive, self._most_columns, self._limits = archive, most_columns, limits
        self._bytes = self._elements = 0
        # Names without their namespaces, by the whole names.
        self._locals: dict[str, str] = {}

    def rows(self) -> Iterator[tuple[int, list[Cell]]]:
        book = self._target("", "officeDocument", "xl/workbook.xml")
        related = self._related(book)
        sheets: list[str] = []
        is_1904 = False

        def start(name: str, attributes: Attributes) -> None:
            nonlocal is_1904
            if name == "sheet" and attributes.get("state", "visible") == "visible":
                kind, target = related.get(attributes.get("id", ""), ("", ""))
                if kind == "worksheet":
                    sheets.append(target)
            elif name == "workbookPr":
                is_1904 = attributes.get("date1904") in ("1", "true")

        self._walk(book, start)
        if not sheets:
            raise Unreadable("The file has no visible sheet.")
        parts = {kind: target for kind, target in related.values() if kind in ("sharedStrings", "styles")}
        strings = self._strings(parts["sharedStrings"]) if "sharedStrings" in parts else []
        dates = self._dates(parts["styles"]) if "styles" in parts else []
        sheet = _Sheet(strings, dates, is_1904, self._most_columns)
        for _ in self._events(sheets[0], sheet.start, sheet.end, sheet.text):
            yield from sheet.taken()

    def _target(self, source: str, kind: str, usual: str) -> str:
        return next((target for its, target in self._related(source).values() if its == kind), usual)

    def _related(self, source: str) -> dict[str, tuple[str, str]]:
        """What a part refers to: by id, the kind and the name of the other part."""
        folder, _, name = source.rpartition("/")
        found = {}

        def start(name: str, attributes: Attributes) -> None:
            if name == "Relationship" and attributes.get("TargetMode") != "External":
                target = normpath(join("/", folder, attributes["Target"])).lstrip("/")
                found[attributes["Id"]] = (attributes["Type"].rpartition("/")[2], target)

        self._walk(join(folder, "_rels", f"{name}.rels"), start)
        return found

    def _strings(self, part: str) -> list[str]:
        found: list[str] = []
        collected = _Text()

        def end(name: str) -> None:
            collected.end(name)
            if name == "si":
                if len(found) == MOST_STRINGS:
                    raise Unreadable("The file holds too much text.")
                found.append(collected.take())

        self._walk(part, collected.start, end, collected.add)
        return found

    def _dates(self, part: str) -> list[bool]:
        """Whether numbers in cells of each style are days or times."""
        codes: dict[str, str] = {}
        found: list[bool] = []
        is_inside = False

        def start(name: str, attributes: Attributes) -> None:
            nonlocal is_inside
            if name == "numFmt":
                codes[attributes["numFmtId"]] = attributes["formatCode"]
            elif name == "cellXfs":
                is_inside = True
            elif name == "xf" and is_inside:
                id = attributes.get("numFmtId", "0")
                found.append(_is_date(codes[id]) if id in codes else int(id) in _DATES)

        def end(name: str) -> None:
            nonlocal is_inside
            if name == "cellXfs":
                is_inside = False

        self._walk(part, start, end)
        return found

    def _walk(
        self,
        part: str,
        start: Callable[[str, Attributes], None],
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> None:
        for _ in self._events(part, start, end, text):
            pass

    def _events(self, part: str, start: Any, end: Any, text: Any) -> Iterator[None]:
        """Call these functions for the events of a part; yields now and then."""
        parser, fed = self._parser(start, end, text), 0
        for chunk in self._chunks(part):
            parser.Parse(chunk, False)
            fed += len(chunk)
            # The byte where what is not complete yet begins: a tag or a comment.
            if fed - max(parser.CurrentByteIndex, 0) > LONGEST_TAG:
                raise Unreadable(_BROKEN)
            yield
        parser.Parse(b"", True)
        yield

    def _parser(self, start: Any, end: Any, text: Any) -> Any:
        parser = expat.ParserCreate(namespace_separator="\n")
        parser.buffer_text = True

        def counted(name: str, attributes: dict[str, str]) -> None:
            self._elements += 1 + len(attributes)
            if self._elements > self._limits.elements or len(attributes) > MOST_ATTRIBUTES:
                raise Unreadable("The file holds too much.")
            start(self._local(name), {self._local(one): value for one, value in attributes.items()})

        def refused(*_: Any) -> None:
            # No spreadsheet writes a DTD, and its entities can make a large text of a small file.
            raise Unreadable(_BROKEN)

        parser.StartElementHandler = counted
        parser.StartDoctypeDeclHandler = refused
        if end is not None:
            parser.EndElementHandler = lambda name: end(self._local(name))
        if text is not None:
            parser.CharacterDataHandler = text
        return parser

    def _local(self, name: str) -> str:
        found = self._locals.get(name)
        if found is None:
            found = self._locals[name] = name.rpartition("\n")[2]
            if len(self._locals) > MOST_NAMES:
                raise Unreadable(_BROKEN)
        return found

    def _chunks(self, part: str) -> Iterator[bytes]:
        entry = self._archive.getinfo(part)
        # Other methods need much memory to unpack, and no spreadsheet uses them.
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable(_BROKEN)
        with self._archive.open(entry) as file:
            while chunk := file.read(CHUNK):
                self._bytes += len(chunk)
                if self._bytes > self._limits.bytes:
                    raise Unreadable(f"The file holds more than {self._limits.bytes >> 20} MB when it is unpacked.")
                yield chunk


class _Text:
    """Collects the text of a string or of a cell: all its runs, without their phonetic forms."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = self._phonetic = 0
        self._is_inside = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "rPh":
            self._phonetic += 1
        elif name in ("t", "v"):
            self._is_inside = not self._phonetic

    def end(self, name: str) -> None:
        if name == "rPh":
            self._phonetic -= 1
        elif name in ("t", "v"):
            self._is_inside = False

    def add(self, text: str) -> None:
        if self._is_inside:
            self._length += len(text)
            if self._length > 2 * cell.LONGEST:
                raise Unreadable(f"A cell holds more than {cell.LONGEST:,} characters.")
            self._pieces.append(text)

    def take(self) -> str:
        found, self._pieces, self._length = "".join(self._pieces), [], 0
        if "_x" not in found:
            return found
        found = _ESCAPED.sub(lambda one: chr(int(one[1], 16)), found)
        # A letter beyond U+FFFF may be escaped as its two surrogates.
        return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _Sheet:
    """Puts the rows of a sheet together from the events of its XML."""

    def __init__(self, strings: list[str], dates: list[bool], is_1904: bool, most_columns: int) -> None:
        self._strings, self._dates, self._most_columns = strings, dates, most_columns
        # 1900 counts as a leap year in Excel, so that the days from 1 March 1900 on count from 30 December 1899.
        self._epoch = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30)
        self._collected = _Text()
        self._ready: list[tuple[int, list[Cell]]] = []
        self._cells: dict[int, Cell] = {}
        self._row = 0
        self._column = -1
        self._kind = self._style = ""

    def taken(self) -> list[tuple[int, list[Cell]]]:
        """The rows that have been completed since the last time."""
        found, self._ready = self._ready, []
        return found

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "0")
            place = _PLACE.fullmatch(attributes["r"]) if "r" in attributes else None
            self._column = _column(place[1]) if place else self._column + 1
        elif name == "row":
            self._row, self._column = int(attributes.get("r", self._row + 1)), -1
        else:
            self._collected.start(name, attributes)

    def end(self, name: str) -> None:
        if name == "c":
            text = self._collected.take()
            if text:
                if self._column >= self._most_columns:
                    raise Unreadable(f"The sheet has more than {self._most_columns} columns.")
                self._cells[self._column] = self._value(text)
        elif name == "row":
            if self._cells:
                width = max(self._cells) + 1
                self._ready.append((self._row, [self._cells.get(place) for place in range(width)]))
                self._cells = {}
        else:
            self._collected.end(name)

    def text(self, text: str) -> None:
        self._collected.add(text)

    def _value(self, text: str) -> Cell:
        match self._kind:
            case "s":
                return self._strings[int(text)]
            case "inlineStr" | "str":
                return text
            case "b":
                return text.strip() in ("1", "true")
            case "e":
                return Fault(text)
            case "d":
                return datetime.fromisoformat(text).replace(tzinfo=None)
        number = float(text)
        style = int(self._style)
        if style < len(self._dates) and self._dates[style] and 1 <= number < 2_958_466:
            return self._epoch + timedelta(seconds=round(number * 86400))
        try:
            return Decimal(format(number, ".15g")) if number - number == 0 else Fault(text)
        except InvalidOperation:
            return Fault(text)


def _column(letters: str) -> int:
    """A is 0, Z 25, AA 26."""
    found = 0
    for letter in letters:
        found = found * 26 + ord(letter) - 64
    return found - 1


def _is_date(code: str) -> bool:
    """Whether a format shows a number as a day or a time. A format of elapsed hours, [h], does not."""
    return re.search("[ymdhs]", _NO_CODE.sub("", code).lower()) is not None
