"""What a client prefers, by Accept and Accept-Language."""

import pytest

from core.http import negotiate

MEDIA = ("text/plain", "application/pdf", "image/png")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("application/pdf", "application/pdf"),
        ("Application/PDF ; Q=0.5", "application/pdf"),
        ("image/*", "image/png"),
        ("text/plain;q=0.2, application/pdf;q=0.9", "application/pdf"),
        ("text/plain;charset=utf-8;q=0.2, application/pdf;q=0.3", "application/pdf"),
        ("text/plain;q=0.20, application/pdf;q=.9", "text/plain"),
        # Equal weights: what is named more closely, then what is named earlier.
        ("*/*, application/pdf", "application/pdf"),
        ("image/png, application/pdf", "image/png"),
        ("application/json, text/plain, */*", "text/plain"),
        # The closest range decides, not the one with most weight.
        ("text/*;q=0, */*;q=0.1", "application/pdf"),
        ("text/plain;q=0.1, text/*, image/png;q=0.5", "image/png"),
        ("text/plain;q=0", None),
        ("text/html", None),
        ("*/*;q=0", None),
        # Nothing of it can be read, so it says nothing.
        (",;,/;q=,text/plain;q=7,*/pdf", "text/plain"),
    ],
)
def test_the_media_type_with_the_greatest_weight_is_preferred(header, expected):
    assert negotiate.media_type(header, MEDIA) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "es"),
        ("en", "en"),
        ("en-GB,en;q=0.9,es;q=0.8", "en"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("en;q=0.1, es;q=0.05, es-MX;q=0.9", "es"),
        ("fr, en;q=0.1", "en"),
        ("fr", "es"),
        ("*", "es"),
        ("es;q=0, *", "en"),
        ("english!", "es"),
    ],
)
def test_a_language_is_preferred_by_its_primary_tag_and_the_first_one_serves_everybody_else(header, expected):
    assert negotiate.language(header, ("es", "en")) == expected


def test_ranges_beyond_the_hundredth_are_not_read():
    assert negotiate.media_type("x/y," * 99 + "image/png", MEDIA) == "image/png"
    assert negotiate.media_type("x/y," * 100 + "image/png", MEDIA) is None
