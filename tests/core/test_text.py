"""Text in one form, whatever keyboard, scanner or program has sent it."""

import pytest

from core import email_address, text
from core.text import BLANKS

CHILLUS = {
    "\u0d23\u0d4d\u200d": "\u0d7a", "\u0d28\u0d4d\u200d": "\u0d7b", "\u0d30\u0d4d\u200d": "\u0d7c", "\u0d32\u0d4d\u200d": "\u0d7d",
    "\u0d33\u0d4d\u200d": "\u0d7e", "\u0d15\u0d4d\u200d": "\u0d7f",
}  # fmt: skip


def test_the_same_letters_in_several_sequences_are_one_text():
    for one, other in {"KO\u0308-1": "KÖ-1", "\u212b": "Å", "\u0915\u093c": "\u0915\u093c", **CHILLUS}.items():
        assert text.canonical(one) == text.canonical(other) == other


def test_a_joiner_that_is_part_of_a_word_stays():
    for word in ("\u0915\u094d\u200d\u0937", "\u0d15\u0d4d\u200c\u0d37", "👩\u200d🔧"):
        assert text.canonical(word) == word


def test_blanks_are_the_white_space_of_unicode_and_two_invisible_characters():
    assert set(BLANKS) == {chr(n) for n in range(0x110000) if chr(n).isspace() and not 0x1C <= n <= 0x1F} | {
        "\u200b",
        "\ufeff",
    }
    assert text.cleaned(f"{BLANKS}a{BLANKS}b{BLANKS}") == text.canonical(f"a{BLANKS}b")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("WR-10", "WR-10"), ("]C1WR-10", "WR-10"), ("]d2WR-10", "WR-10"), ("\x02WR-10\x03", "WR-10"), ("]Q3WR-10\r\n", "WR-10"),
        ("\x1d]C1\x1dWR-10", "WR-10"),
        ("]WR-10", "]WR-10"), ("INV/25-26/17", "INV/25-26/17"), ("WR]C110", "WR]C110"), ("]C1]C1WR", "]C1WR"), ("", ""), ("]C1", ""),
        ("\u00a0KO\u0308-1\ufeff", "KÖ-1"),
    ],
)  # fmt: skip
def test_what_a_scanner_adds_is_dropped(sent, code):
    assert text.scanned(sent) == code


@pytest.mark.parametrize(
    ("address", "stored"),
    [
        ("A.b+c@D-e.example", "A.b+c@D-e.example"), ("\u00a0a@b.example\ufeff", "a@b.example"), ("a@MÜNCHEN.de", "a@münchen.de"),
        ("a@xn--mnchen-3ya.de", "a@münchen.de"), ("a@XN--MNCHEN-3YA.de", "a@münchen.de"), ("a@mu\u0308nchen.de", "a@münchen.de"),
        ("shop@उदाहरण.भारत", "shop@उदाहरण.भारत"), ("shop@xn--p1b6ci4b4b3a.xn--h2brj9c", "shop@उदाहरण.भारत"), ("jose\u0301@b.example", "josé@b.example"),
        (".a@x.de", None), ("a.@x.de", None), ("a..b@x.de", None), ("a b@x.de", None), ("a\u200bb@x.de", None), ("a@x", None), ("a@-b.de", None),
        ("a@b-.de", None),
        ("a@xn--.de", None), ("a@ü..de", None), ("a@" + "ü" * 70 + ".de", None), ("a" * 65 + "@x.de", None), ("@x.de", None), ("a@b@x.de", None),
        ("", None),
        ("a@" + "b." * 126 + "de", None), ("a\0@x.de", None), ("a@x.de" + "\u00a0" * 400, None), ("\ud800@x.de", "\ud800@x.de"), ("a@\ud800.de", None),
    ],
)  # fmt: skip
def test_an_address_is_stored_in_one_form_or_refused(address, stored):
    assert email_address.normal(address) == stored
    assert email_address.is_email(address) is (stored is not None)


def test_a_long_text_is_judged_at_once():
    for long in ("a" * 1_000_000, "a." * 500_000, "a@" + "ü." * 500_000, "@" * 1_000_000):
        assert email_address.normal(long) is None
