"""Names of files in the header Content-Disposition. RFC 6266."""

from email.message import Message

import pytest

from core.http.disposition import attachment, inline


def read(header):
    """The name as a client finds it."""
    message = Message()
    message["Content-Disposition"] = header
    return message.get_filename()


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("bill-INV-2024-001.pdf", 'inline; filename="bill-INV-2024-001.pdf"'),
        ("bill-A/1 b.pdf", "inline; filename=\"bill-A-1-b.pdf\"; filename*=UTF-8''bill-A-1%20b.pdf"),
        ("bill-बिल.pdf", "inline; filename=\"bill--.pdf\"; filename*=UTF-8''bill-%E0%A4%AC%E0%A4%BF%E0%A4%B2.pdf"),
    ],
)
def test_a_name_is_sent_as_ascii_and_if_it_has_more_as_utf_8_too(name, header):
    assert inline(name) == header
    assert attachment(name) == header.replace("inline", "attachment")


@pytest.mark.parametrize(
    "text",
    [
        '"; filename="x.exe',
        "a\r\nSet-Cookie: x=1",
        "../../etc/passwd",
        "a\\b",
        "%2e%2e%2f",
        "\u202efdp.exe",
        "\x00",
        "🍎" * 300,
        "",
    ],
)
def test_no_name_leaves_the_header_or_its_folder(text):
    header = inline(f"bill-{text}.pdf")
    assert header.isascii() and header.isprintable() and header.count('"') == 2
    shown = read(header)
    assert shown.startswith("bill-") and shown.endswith(".pdf") and len(shown) < 100
    assert not set(shown) & set('/\\:*?"<>|%\u202e\x00')
