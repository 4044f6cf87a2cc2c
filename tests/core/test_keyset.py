"""Keyset cursors: what one page's `next` says, the next page's `cursor` understands, and nothing else is one."""

import json
from types import SimpleNamespace

import pytest

from core import keyset
from core.problem import Problem


def request(**arguments):
    """As much of a handler as paging looks at."""
    return SimpleNamespace(
        get_query_argument=lambda name, default: arguments.get(name, default),
        get_query_arguments=lambda name: [arguments[name]],
        request=SimpleNamespace(query_arguments=arguments, path="/list/"),
        origin="http://here",
    )


def any_value(value):
    return True


@pytest.mark.parametrize(
    "key",
    [
        [0],
        [7],
        [10**n for n in range(5)],
        ["a"],
        ["ab"],
        ["abc"],
        ["\u00e9\u4e2d\U0001f600"],
        [1.5, None, -1],
        [2**60, 2**63 - 1],
    ],
)
def test_a_key_comes_back_as_it_was_given_whatever_its_length(key):
    page = json.loads(keyset.envelope(request(page_size="5", page="3", token="hush"), ['{"id":1}'], key))
    address, _, cursor = page["next"].partition("?cursor=")
    cursor, _, rest = cursor.partition("&")
    assert (address, rest, "=" in cursor, "%" in cursor) == ("http://here/list/", "page_size=5", False, False)
    assert keyset.given(request(cursor=cursor), *[any_value] * len(key)) == key


def test_every_length_of_a_number_makes_a_cursor_that_is_understood():
    for id in (10**n for n in range(18)):
        page = json.loads(keyset.envelope(request(), [], [id]))
        assert keyset.given(request(cursor=page["next"].partition("cursor=")[2]), keyset.is_id) == [id]


def test_the_last_page_has_no_next_and_none_has_a_previous():
    assert json.loads(keyset.envelope(request(), ["1", "2"], None)) == {
        "next": None,
        "previous": None,
        "results": [1, 2],
    }


def test_no_cursor_and_an_empty_one_mean_from_the_beginning():
    assert keyset.given(request(), keyset.is_id) is keyset.given(request(cursor=""), keyset.is_id) is None


@pytest.mark.parametrize("cursor", [
    "x", "W10", "WzEsMl0", "WyJhIl0", "W3RydWVd", "Wy0xXQ", "WzEuNV0", "e30", "MQ", "bnVsbA", "W05hTl0", "Wz Fd", "W" * 5000, "\u00e9", "\0",
    "WzkyMjMzNzIwMzY4NTQ3NzU4MDhd",
])  # fmt: skip
def test_what_is_no_cursor_of_ours_is_400(cursor):
    with pytest.raises(Problem, match="Invalid cursor"):
        keyset.given(request(cursor=cursor), keyset.is_id)


@pytest.mark.parametrize(("test", "good", "bad"), [
    (keyset.is_id, (0, 1, 2**63 - 1), (-1, 2**63, True, 1.0, "1", None, [])),
    (keyset.is_moment, (0, -1, 1_780_000_000_000_000, 253_402_300_799_999_999), (2**58, -(2**56), True, 1.5, "0", None)),
])  # fmt: skip
def test_a_part_of_a_key_is_what_its_test_lets_through(test, good, bad):
    assert all(map(test, good)) and not any(map(test, bad))
