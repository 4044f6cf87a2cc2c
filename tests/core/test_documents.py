"""What is kept as a document: pictures, PDFs and plain text, by their content."""

import pytest

from core.files.documents import KINDS, DocumentRefused, check_document, display_name
from core.files.storage import CONTENT_TYPES
from tests.core.test_images import picture

pytestmark = pytest.mark.gen_test

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + b"x" * 5000 + b"\nstartxref\n5015\n%%EOF"


async def kind(data):
    """The extension of a document; the code of a refusal."""
    try:
        found = await check_document(data)
    except DocumentRefused as refused:
        return refused.message.code
    assert found.data == data and found.content_type == KINDS[found.extension][0]
    return found.extension


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (PDF, "pdf"),
        (PDF + b"\r\n", "pdf"),
        (PDF + b"\n" * 1000, "pdf"),
        (PDF + b"\n" * 1024, "file.broken-pdf"),
        (PDF.replace(b"startxref", b"startxxxx"), "file.broken-pdf"),
        (PDF.replace(b"5015", b"none"), "file.broken-pdf"),
        (b"\n" + PDF, "file.kind"),
        (b"a", "txt"),
        (b"\xef\xbb\xbfa\tb\r\n\x0c", "txt"),
        ("3 < 4, \u0d30\u0d4d\u200d, \U0001f34e".encode(), "txt"),
        (b"<- 3", "txt"),
        (b"<a", "file.kind"),
        (b"<!--", "file.kind"),
        (b"\xed\xa0\x80", "file.kind"),
        (b"\x7f", "file.kind"),
        (b"", "file.empty"),
        (picture("PNG"), "png"),
        (b"\x89PNG\r\n\x1a\n", "image.broken"),
        (picture("BMP"), "file.kind"),
        (picture("TIFF"), "file.kind"),
    ],
)
async def test_a_document_is_what_its_content_says(data, found):
    assert await kind(data) == found


@pytest.mark.parametrize("extension", KINDS)
def test_every_kind_is_served_and_its_names_stay(extension):
    assert CONTENT_TYPES[extension].partition(";")[0] == KINDS[extension][0]
    for ending in (extension, *KINDS[extension][1]):
        assert display_name(f"a.{ending.upper()}", extension) == f"a.{ending.upper()}"
    assert display_name("a.exe", extension) == f"a.exe.{extension}"


@pytest.mark.parametrize(
    "sent", ["", "/", "..", "a/b/", "\0", "\u202e", "\ud800", "a" * 5000, " . ", "con.txt", "\u200d.txt"]
)
def test_a_name_made_of_anything_is_short_printable_and_no_path(sent):
    name = display_name(sent, "txt")
    assert 5 <= len(name) <= 255 and name.endswith(".txt")
    assert not set(name) & set("/\\\0\u202e\ud800") and not name.startswith(".")
    assert display_name(name, "txt") == name
