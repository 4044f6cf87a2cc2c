"""Reading JSON from strangers: what must not come in, and how it is told."""

import json

import pytest

from core.http import body, json_text
from core.http.schema import Schema
from core.problem import Problem
from handlers.api.dialects import ApiDialect

ANYTHING = Schema({})


def read(sent):
    """What a body is read as, where the schema takes anything."""
    return body.read(sent if isinstance(sent, bytes) else sent.encode(), ANYTHING)


def refusal(sent):
    with pytest.raises(Problem) as caught:
        read(sent)
    assert caught.value.status == 400
    return ApiDialect().worded(caught.value)


def test_the_value_comes_with_its_text_as_it_was_sent():
    text = '{"a": [1, 2.50, "é😀", null, true]}'
    assert read(text) == (json.loads(text), text)


def test_numbers_that_no_column_holds_are_refused_wherever_they_stand():
    beyond = [
        "1e999",
        "1E400",
        "1e-99999",
        "5e-400",
        "0.0000001e-320",
        "9" * 19,
        "0." + "1" * 400,
        "-1e999",
        "-" + "9" * 5000,
    ]
    told = ["A valid number is required."]
    for digits in ["NaN", "Infinity", "-Infinity", *beyond]:
        assert refusal(digits).fields == {"non_field_errors": told}, digits
        assert refusal(f'{{"any": {{"thing": [1, {digits}]}}}}').fields == {"any": {"thing": [{}, told]}}, digits


def test_ordinary_numbers_stay_what_they_are():
    for digits, value in {
        "0": 0,
        "-0": 0,
        "0.0": 0,
        "-0.0": 0,
        "20.0": 20,
        "1e2": 100,
        "0.00000": 0,
        "1e-7": 1e-7,
        "9" * 18: 10**18 - 1,
        "3.50": 3.5,
    }.items():
        assert read(digits)[0] == value, digits


def test_a_huge_integer_is_not_converted_at_all():
    assert refusal(b"9" * 1_000_000)  # int() would refuse it with an error, or take seconds


def test_a_repeated_key_is_named_at_any_depth():
    repeated = ["This field is repeated."]
    assert refusal('{"a":1,"b":2,"a":1}').fields == {"a": repeated}
    assert refusal('{"a":{"b":[{}, {"c":1,"c":2}]}}').fields == {"a": {"b": [{}, {"c": repeated}]}}
    assert refusal('[{"a":1,"a":1}]').fields == {"non_field_errors": [{"a": repeated}]}
    assert refusal('{"a":1,"\\u0061":2}').fields == {"a": repeated}
    assert refusal('{"a":{"x":1},"a":{"y":1},"a":3}').fields == {"a": repeated}


def test_the_same_key_in_two_objects_is_no_repetition():
    assert read(b'{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}')[0]["b"] == [{"a": 1}, {"a": 1}]


def test_nul_is_refused_in_values_and_in_keys():
    null = ["Null characters are not allowed."]
    assert refusal('{"a":{"b":"x\\u0000y"}}').fields == {"a": {"b": null}}
    assert refusal('{"a\\u0000":1}').fields == {"a\\0": null}
    assert refusal('["", "\\u0000"]').fields == {"non_field_errors": [{}, null]}
    assert refusal('"\\u0000"').fields == {"non_field_errors": null}
    assert refusal(b'{"a":"\0"}').slug == "not-json"


def test_lone_surrogates_are_refused_in_values_and_in_keys_and_named_in_plain_text():
    assert refusal('{"a":"\\ud800"}').fields == {"a": ["Surrogate characters are not allowed: U+D800."]}
    assert refusal('{"a":["ok", "\\udc00\\ud800"]}').fields == {
        "a": [{}, ["Surrogate characters are not allowed: U+DC00."]]
    }
    told = refusal('{"x\\udfff":1}').fields
    assert list(told.values()) == [["Surrogate characters are not allowed: U+DFFF."]]
    json.dumps(told, ensure_ascii=False).encode()  # the refusal itself can be sent


def test_surrogates_in_pairs_are_the_letter_they_mean():
    assert read(b'"\\ud83d\\ude00"')[0] == "😀"


def test_a_byte_order_mark_before_the_json_is_skipped():
    assert read(b'\xef\xbb\xbf{"a": 1}') == ({"a": 1}, '{"a": 1}')
    assert refusal(b"\xef\xbb\xbf\xef\xbb\xbf{}").message.startswith("JSON parse error - ")


def test_bytes_that_are_not_utf_8_are_not_json():
    for sent in (b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', '{"a":1}'.encode("utf-16")):
        problem = refusal(sent)
        assert (problem.slug, problem.fields) == ("not-json", None), sent


def test_broken_json_is_located_in_the_documents_words():
    assert refusal("").message == "JSON parse error - Expecting value: line 1 column 1 (char 0)"
    for sent in (
        "{",
        '{"a":}',
        "[1,]",
        "{'a':1}",
        "01",
        "1 2",
        '{"a":"\n"}',
        "nul",
        '"\\x41"',
        "+1",
        ".5",
        "1.",
        "0x10",
    ):
        assert refusal(sent).message.startswith("JSON parse error - "), sent


def test_nesting_without_end_is_refused_and_not_crashed_on():
    for opening in ("[", '{"a":'):
        assert refusal(opening * 100_000).message == "JSON parse error - nested too deeply"


def test_ordinary_nesting_is_read():
    assert read(b"[" * 100 + b"]" * 100)


def test_a_million_wrong_texts_get_no_more_than_a_hundred_messages():
    for sent in (
        {"a": ["\0"] * 50_000},
        {f"\0{n}": 1 for n in range(50_000)},
        {"a": [1] * 50_000 + ["\0"]},
        [["\0"] * 10] * 5_000,
        {"k" * 50_000 + "\0": 1},
    ):
        assert len(json.dumps(refusal(json.dumps(sent)).fields)) < 20_000


def test_a_place_far_down_a_list_is_named_by_its_number():
    told = refusal(json.dumps({"items": [1] * 5000 + ["\0"]})).fields
    assert told == {"items": {"non_field_errors": ["Item 5001 holds what is not allowed in text."]}}


@pytest.mark.parametrize(
    "text",
    ["[]", " [ ] ", "[1]", '[1, {"a": [2]} ,"x"]', "7", '"a"', " {} ", "null", "[[]]", "[[],[1]]", "",
     "[", "]", "[1", "[1,", "[1,]", "[,]", "[1 2]", "[1] 2", "[1]]", "[}", "{", "[1,,2]", "[" * 100_000],
)  # fmt: skip
def test_the_items_of_an_array_are_those_of_the_array(text):
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        with pytest.raises(Problem):
            list(json_text.each(text))
    else:
        items = list(json_text.each(text))
        assert [value for value, _ in items] == (whole if isinstance(whole, list) else [whole])
        assert [json.loads(its_text) for _, its_text in items] == [value for value, _ in items]
