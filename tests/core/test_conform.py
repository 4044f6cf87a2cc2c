"""What clients send for texts and numbers, and what it is read as."""

import json

import pytest

from core.http import body
from core.http.schema import Schema
from core.problem import Problem
from handlers.api.dialects import ApiDialect

FIELDS = {
    "code": {"type": "string", "maxLength": 30},
    "note": {"type": ["string", "null"], "maxLength": 30},
    "born": {"type": ["string", "null"], "format": "date"},
    "role": {"enum": ["USER", "ADMIN"]},
    "mail": {"anyOf": [{"type": "string", "maxLength": 254, "format": "email"}, {"type": "string", "const": ""}]},
    "scan": {"$ref": "#/$defs/name", "format": "scan", "maxLength": 30},
    "worker": {"type": "string", "format": "scanned-email", "maxLength": 255},
    "password": {"type": "string", "format": "password", "maxLength": 30},
    "count": {"type": "integer", "minimum": -100, "maximum": 10**15},
    "price": {"type": ["number", "null"], "minimum": -100, "maximum": 10**9},
    "flag": {"type": "boolean"},
}
DOCUMENT = {
    "type": "object",
    "properties": {
        **FIELDS,
        "items": {"type": "array", "maxItems": 5, "items": {"type": "object", "properties": FIELDS}},
    },
    "$defs": {"name": {"type": "string", "pattern": "[^ \\t\\n\\r\\f\\v]"}},
}
# A schema with scans is always read literally.
SCHEMAS = [
    Schema(DOCUMENT),
    Schema(
        {
            **DOCUMENT,
            "properties": {
                name: field for name, field in DOCUMENT["properties"].items() if name not in ("scan", "worker")
            },
        }
    ),
]


def read(sent, expected):
    value, text = body.read(sent.encode(), expected)
    assert json.loads(text) == value
    return value, text


@pytest.mark.parametrize("expected", SCHEMAS)
@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        # A number where a text is expected is its text, digit by digit.
        ('{"code": 77001}', '{"code":"77001"}'), ('{"code": 1.50}', '{"code":"1.50"}'), ('{"code": 1e2}', '{"code":"1e2"}'),
        ('{"code": -0}', '{"code":"-0"}'),
        ('{"code": 98765432109876543210}', '{"code":"98765432109876543210"}'), ('{"note": 5}', '{"note":"5"}'),
        ('{"password": 12345678}', '{"password":"12345678"}'),
        ('{"items": [{"code": 650}, {"code": "x"}]}', '{"items":[{"code":"650"},{"code":"x"}]}'),
        # A text where a number is expected is the number that it stands for exactly.
        ('{"count": "20.00"}', '{"count":20}'), ('{"count": "5.0"}', '{"count":5}'), ('{"count": " 5 "}', '{"count":5}'),
        ('{"count": "+5"}', '{"count":5}'),
        ('{"count": "-007"}', '{"count":-7}'), ('{"count": "0"}', '{"count":0}'), ('{"count": "\u00a05\u00a0"}', '{"count":5}'),
        ('{"count": "1.0000"}', '{"count":1}'),
        ('{"price": "20.00"}', '{"price":20.00}'), ('{"price": ".5"}', '{"price":0.5}'), ('{"price": "5."}', '{"price":5}'),
        ('{"price": "1e2"}', '{"price":1e2}'),
        ('{"price": "+1.50"}', '{"price":1.50}'), ('{"price": "-.5"}', '{"price":-0.5}'), ('{"price": "1.000"}', '{"price":1.000}'),
        ('{"price": "0"}', '{"price":0}'),
        ('{"price": "0.10000000000000000000000001"}', '{"price":0.10000000000000000000000001}'), ('{"price": "007.10"}', '{"price":7.10}'),
        # Texts of any alphabet have one form, and no blanks around them.
        ('{"code": "KO\u0308-1"}', '{"code":"KÖ-1"}'), ('{"code": "KO\\u0308-1"}', '{"code":"KÖ-1"}'), ('{"code": "\u00a0WR-1\ufeff"}', '{"code":"WR-1"}'),
        ('{"note": "\u0d28\u0d4d\u200d"}', '{"note":"\u0d7b"}'), ('{"born": "\u200b2025-01-18 "}', '{"born":"2025-01-18"}'),
        ('{"role": " ADMIN "}', '{"role":"ADMIN"}'),
        ('{"mail": "a@xn--mnchen-3ya.de"}', '{"mail":"a@münchen.de"}'), ('{"mail": "\u00a0"}', '{"mail":""}'),
        ('{"items": [{"mail": "A@MÜNCHEN.de", "price": "1e1"}]}', '{"items":[{"mail":"A@münchen.de","price":1e1}]}'),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_read_as_what_it_means(expected, sent, meant):
    assert read(sent, expected)[1] == meant


@pytest.mark.parametrize("expected", SCHEMAS)
@pytest.mark.parametrize(
    "sent",
    [
        '{ "code": "x",  "price": 1.50, "count": 7 }', '{"code": "KÖ-1", "note": null}', '{"code": "\\u00d6"}', '{"password": "\u00a0KO\u0308 "}',
        '{"unknown": {"a": ["\u00a0x\u00a0", 1e2, 1.0]}, "code": "Ö"}', '{"code": "--"}',
    ],
)  # fmt: skip
def test_what_needs_no_reading_stays_byte_for_byte(expected, sent):
    assert read(sent, expected) == (json.loads(sent), sent)


def test_a_flag_may_be_sent_as_a_word_or_a_digit():
    expected = Schema({"type": "object", "properties": {"flag": {"type": "boolean", "format": "flag"}}})
    for words, meant in (
        (("true", "True", "t", "yes", "Y", "on", "1", " ON ", 1, True), True),
        (("false", "FALSE", "f", "no", "n", "Off", "0", 0, False), False),
    ):
        for sent in words:
            value, text = body.read(json.dumps({"flag": sent}).encode(), expected)
            assert value["flag"] is meant and json.loads(text)["flag"] is meant, sent
    for sent in ("", "maybe", "2", "1.0", 2, 1.0, None, [], {}, "x" * 1000):
        with pytest.raises(Problem):
            body.read(json.dumps({"flag": sent}).encode(), expected)


def test_a_scan_loses_what_the_scanner_adds_to_it():
    for sent in ("]C1WR-10", "\u0002WR-10\r\n", "\u001d]d2WR-10\t"):
        assert read(json.dumps({"scan": sent}), SCHEMAS[0])[0] == {"scan": "WR-10"}
        assert read(json.dumps({"worker": sent.replace("WR-10", "a@b.example")}), SCHEMAS[0])[0] == {
            "worker": "a@b.example"
        }
    assert read('{"scan": 77001}', SCHEMAS[0])[0] == {"scan": "77001"}


@pytest.mark.parametrize("expected", SCHEMAS)
@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("code", True, "Not a valid string."), ("code", [], "Not a valid string."), ("code", {}, "Not a valid string."),
        ("count", "1.000", 'A valid integer is required. "1.000" is not one.'), ("count", "1,000", 'A valid integer is required. "1,000" is not one.'),
        ("count", "1.5", 'A valid integer is required. "1.5" is not one.'), ("count", "1e2", 'A valid integer is required. "1e2" is not one.'),
        ("count", "", "A valid integer is required."), ("count", "\u00a0", "A valid integer is required."),
        ("count", "٣", 'A valid integer is required. "٣" is not one.'),
        ("count", "1 000", 'A valid integer is required. "1 000" is not one.'), ("count", True, "A valid integer is required."),
        ("price", "3,50", 'A valid number is required. "3,50" is not one.'), ("price", "1,000", 'A valid number is required. "1,000" is not one.'),
        ("price", ".", 'A valid number is required. "." is not one.'), ("price", "1e", 'A valid number is required. "1e" is not one.'),
        ("price", "0x10", 'A valid number is required. "0x10" is not one.'), ("price", "1_000", 'A valid number is required. "1_000" is not one.'),
        ("price", "NaN", 'A valid number is required. "NaN" is not one.'), ("price", "1e999", "A valid number is required."),
        ("price", "1" * 500, f'A valid number is required. "{"1" * 60}" is not one.'),
        ("price", "-101", "Ensure this value is greater than or equal to -100."),
        ("code", "x" * 31, "Ensure this field has no more than 30 characters."), ("code", 10**31, "Ensure this field has no more than 30 characters."),
        ("mail", "a..b@x.de", "Enter a valid email address."), ("mail", 5, "Enter a valid email address."),
        ("born", 20250118, "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."), ("role", 5, '"5" is not a valid choice.'),
        ("flag", "true", "Must be a valid boolean."),
    ],
)  # fmt: skip
def test_what_stands_for_nothing_is_refused_and_named(expected, field, value, told):
    for sent, place in (
        ({field: value}, lambda fields: fields[field]),
        ({"items": [{field: value}]}, lambda fields: fields["items"][0][field]),
    ):
        with pytest.raises(Problem) as refused:
            body.read(json.dumps(sent, ensure_ascii=False).encode(), expected)
        assert place(ApiDialect().worded(refused.value).fields) == [told]


def test_a_long_text_for_a_number_is_refused_at_once():
    for digits in ("0" * 1_000_000 + "x", "1" * 1_000_000, " " * 1_000_000):
        with pytest.raises(Problem):
            body.read(json.dumps({"price": digits}).encode(), SCHEMAS[1])
