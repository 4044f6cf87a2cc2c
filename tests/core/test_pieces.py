"""Bodies that are cut into pieces while they arrive: the same pieces wherever the chunks end."""

import json
import random

import pytest

from core.http.pieces import Items, Lines, Piece
from core.problem import Problem

LONGEST = 1000


def cut(cutter, body, size):
    found = []
    for at in range(0, len(body), size):
        found += cutter.feed(body[at : at + size])
    return found + cutter.end()


def refusal(body, size):
    with pytest.raises(Problem) as refused:
        cut(Items(LONGEST), body, size)
    assert (refused.value.status, refused.value.slug) == (400, "not-json")
    return refused.value.message.details["reason"]


def value(chosen, depth=0):
    kinds = ["text", "number", "null"] + (["object", "array"] if depth < 3 else [])
    match chosen.choice(kinds):
        case "text":
            return "".join(chosen.choice('ab"\\,[]{}\n\t é😀/') for _ in range(chosen.randint(0, 8)))
        case "number":
            return chosen.choice([0, -1.5, 1e30, 7])
        case "null":
            return chosen.choice([None, True])
        case "array":
            return [value(chosen, depth + 1) for _ in range(chosen.randint(0, 3))]
    names = [f"k{n}" + chosen.choice('"[,') for n in range(chosen.randint(0, 3))]
    return {name: value(chosen, depth + 1) for name in names}


@pytest.mark.parametrize("seed", range(20))
def test_an_array_is_cut_into_its_items_wherever_chunks_end(seed):
    chosen = random.Random(seed)
    items = [value(chosen) for _ in range(chosen.randint(1, 8))]
    body = json.dumps(items, indent=chosen.choice([None, 1]), ensure_ascii=chosen.random() < 0.5).encode()
    for size in (1, 2, 3, 7, len(body)):
        found = cut(Items(LONGEST), body, size)
        assert [json.loads(piece.sent) for piece in found] == items
        assert [piece.number for piece in found] == list(range(1, len(items) + 1))


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_value_that_is_no_array_is_the_only_item_and_nothing_is_none(size):
    assert cut(Items(LONGEST), b'\xef\xbb\xbf {"a": [1, 2]} ', size) == [Piece(1, b'{"a": [1, 2]} ')]
    assert cut(Items(LONGEST), b" [ \n] ", size) == []
    assert cut(Items(LONGEST), b"\xef\xbb\xbf[1]", size) == [Piece(1, b"1")]


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value"),
        (b"  ", "Expecting value"),
        (b"[1", "no end"),
        (b'[{"a": "x]', "no end"),
        (b"[1,]", "trailing comma"),
        (b"[,1]", "Expecting value"),
        (b"[1,,2]", "Expecting value"),
        (b"[1] 2", "Extra data"),
        (b"[1][", "Extra data"),
        (b"[}]", "closing brace"),
        (b"[" * 200, "nested too deeply"),
    ],
)
def test_what_is_wrong_around_the_items_refuses_the_whole(body, reason, size):
    assert reason in refusal(body, size)


def test_what_is_wrong_within_an_item_is_left_to_the_item():
    assert [piece.sent for piece in cut(Items(LONGEST), b'[tru, {"a" 1}, [1}, "ok"]', 3)] == [
        b"tru",
        b'{"a" 1}',
        b"[1}",
        b'"ok"',
    ]


@pytest.mark.parametrize("size", [1, 50, 5000])
def test_a_piece_that_is_too_long_is_dropped_and_the_next_ones_are_found(size):
    long = json.dumps({"a": "x" * 3000, "b": ["]"] * 3})
    array = f'[1, {long}, "two", {long}]'.encode()
    assert cut(Items(LONGEST), array, size) == [Piece(1, b"1"), Piece(2, None), Piece(3, b'"two"'), Piece(4, None)]
    lines = f"1\n{long}\n2\n{long}".encode()
    assert cut(Lines(LONGEST), lines, size) == [Piece(1, b"1"), Piece(2, None), Piece(3, b"2"), Piece(4, None)]
    assert cut(Items(LONGEST), long.encode(), size) == [Piece(1, None)]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_blank_lines_are_counted_and_left_out(size):
    assert cut(Lines(LONGEST), b"1\r\n\n \t\n2", size) == [Piece(1, b"1"), Piece(4, b"2")]
    assert cut(Lines(LONGEST), b"", size) == []


def test_a_cutter_keeps_no_more_than_one_piece():
    items, lines = Items(LONGEST), Lines(LONGEST)
    items.feed(b"[")
    for _ in range(200):
        items.feed(b'{"a": "' + b"x" * 400 + b'"},')
        lines.feed(b"x" * 400)
        assert len(items._rest) < 2 * LONGEST
        assert sum(map(len, lines._kept)) <= LONGEST
