"""Bodies that are lists of independent items: what is wrong with one of them spoils no other."""

import json

import pytest

from core.http import body
from core.http.schema import Schema
from core.problem import Problem

OPERATION = Schema(
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 5},
            "price": {"type": "number", "minimum": 0, "maximum": 99},
            "data": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}}},
        },
        "required": ["name"],
    }
)
MOST = 4


def read(sent):
    items, text = body.read_items(sent.encode(), OPERATION, MOST)
    assert len(json.loads(text)) == len(items)
    return items, json.loads(text)


def test_an_array_of_right_items_goes_on_as_it_was_sent():
    sent = '[{"name": "a", "price": 1.50}, {"name":"b","other":7}]'
    items, text = body.read_items(sent.encode(), OPERATION, MOST)
    assert text == sent
    assert [item.wrong for item in items] == [None, None]


def test_one_item_alone_is_a_list_of_one():
    items, text = read('{"name": "a"}')
    assert [item.wrong for item in items] == [None] and text == [{"name": "a"}]
    items, text = read("7")
    assert items[0].wrong and text == [None]


def test_an_empty_array_has_no_items():
    assert read("[]") == ([], [])


@pytest.mark.parametrize(
    "wrong",
    ['{"price": 1}', '{"name": true}', '{"name": "a\\u0000"}', '{"name": "abcdef"}', '{"name": "a", "price": 100}',
     "null", "[]", '"a"', "1", "NaN", '{"name": "\\ud800"}',
     '{"name": "a", "name": "b"}', '{ "name" : [ "]" , "," ] }'],
)  # fmt: skip
def test_a_wrong_item_is_named_and_its_neighbours_are_right(wrong):
    items, text = read(f'[{{"name": "é"}}, {wrong}, {{"name": "b", "price": "2.50"}}]')
    assert [bool(item.wrong) for item in items] == [False, True, False]
    assert text == [{"name": "é"}, None, {"name": "b", "price": 2.5}]
    assert items[1].sent == wrong


def test_the_messages_of_an_item_are_those_of_a_body_with_this_item_alone():
    for wrong in ('{"price": 100}', '{"name": "a", "data": {"name": "abcdef"}}', "[1]"):
        with pytest.raises(Problem) as refused:
            body.read(wrong.encode(), OPERATION)
        [item] = read(f"[{wrong}]")[0]
        assert item.wrong == refused.value.fields


def test_an_item_means_what_it_means_alone():
    meant = read('[{"name": 7, "price": " 2.00 "}]')[1]
    assert meant == [json.loads(body.read(b'{"name": 7, "price": " 2.00 "}', OPERATION)[1])]


def test_more_items_than_are_allowed_and_what_is_no_json_are_refused_as_a_whole():
    for sent in ("[" + ",".join(["{}"] * (MOST + 1)) + "]", "[{]", "", "[{},]", "[" * 100_000):
        with pytest.raises(Problem) as refused:
            read(sent)
        assert refused.value.status == 400
