"""Keyset cursors: what one page's `next` says, the next page's `cursor` understands, and nothing else is one."""

import base64
import json
from types import SimpleNamespace

import pytest

from core.data.sql import Queries
from core.http import keyset
from core.problem import Problem


def request(**arguments):
    """As much of a handler as paging looks at."""
    return SimpleNamespace(
        asked=lambda name, strip: arguments.get(name, ""),
        sent_parameters=lambda: list(arguments.items()),
        request=SimpleNamespace(path="/list/"),
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


@pytest.mark.parametrize("digits", ["90071992547409.93", "99999999999999999999.99", "-0.10", "0.00000001"])
def test_a_fraction_comes_back_digit_by_digit(digits):
    page = json.loads(keyset.envelope(request(), [], keyset.read(f"[{digits}]")))
    key = keyset.given(request(cursor=page["next"].partition("cursor=")[2]), keyset.is_number)
    assert keyset.written(key) == f"[{digits}]"


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "1e3", "1E-999999999", "1.5e99999999999999999999", "0." + "1" * 39]
)
def test_no_number_that_postgres_would_not_write_is_a_part_of_a_cursor(number):
    cursor = base64.urlsafe_b64encode(f"[{number}]".encode()).decode().rstrip("=")
    with pytest.raises(Problem, match="bad-cursor"):
        keyset.given(request(cursor=cursor), keyset.is_number)


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
    with pytest.raises(Problem, match="bad-cursor"):
        keyset.given(request(cursor=cursor), keyset.is_id)


@pytest.mark.parametrize(("test", "good", "bad"), [
    (keyset.is_id, (0, 1, 2**63 - 1), (-1, 2**63, True, 1.0, "1", None, [])),
    (keyset.is_text, ("", "a", "\u00e9\U0001f600", "\x01\\\""), ("\0", "a\ud800", "\udfff", None, 1, True, [])),
    (keyset.is_flag, (True, False), (0, 1, None, "true", "")),
    (keyset.is_instant,
     ("2026-01-02T03:04:05+00:00", "2024-02-29T23:59:59.999999-03:30", "0001-01-01T00:00:00.5+14:00", "infinity"),
     ("2026-02-29T00:00:00+00:00", "2026-01-01T00:00:00", "2026-01-01T00:00:00+24:00", "2026-01-01 00:00:00+00:00", "-infinity",
      "20260101T000000+00:00", "2026-01-01T00:00:00.1234567+00:00", "2026-01-01T00:00:00+00:00\n", "", None, 0, True)),
    (keyset.is_moment, (0, -1, 1_780_000_000_000_000, 253_402_300_799_999_999), (2**58, -(2**56), True, 1.5, "0", None)),
])  # fmt: skip
def test_a_part_of_a_key_is_what_its_test_lets_through(test, good, bad):
    assert all(map(test, good)) and not any(map(test, bad))


COLUMNS = {
    "name": keyset.Column("t.name", "text", keyset.is_text),
    "is_new": keyset.Column("t.is_new", "boolean", keyset.is_flag),
    "id": keyset.Column("t.id", "bigint", keyset.is_id),
}
QUERY = """-- name: list_them(after) -> rows
SELECT /* key */ jsonb_build_array(t.id) /* or as asked */ AS key FROM t
 WHERE /* after */ $1::jsonb IS NULL /* or as asked */ ORDER BY t.id /* or as asked */
"""
A, B, C = "($1::jsonb ->> 0)::text", "($1::jsonb ->> 1)::boolean", "($1::jsonb ->> 2)::bigint"


@pytest.mark.parametrize(("terms", "by", "after"), [
    (["name", "is_new", "id"], "t.name ASC, t.is_new ASC, t.id ASC", f"(t.name, t.is_new, t.id) > ({A}, {B}, {C})"),
    (["-name", "-is_new", "-id"], "t.name DESC, t.is_new DESC, t.id DESC", f"(t.name, t.is_new, t.id) < ({A}, {B}, {C})"),
    (["name", "-is_new", "-id"], "t.name ASC, t.is_new DESC, t.id DESC",
     f"((t.name) >= ({A}) AND ((t.name) > ({A}) OR (t.is_new, t.id) < ({B}, {C})))"),
    (["-name", "is_new", "-id"], "t.name DESC, t.is_new ASC, t.id DESC",
     f"((t.name) <= ({A}) AND ((t.name) < ({A}) OR ((t.is_new) >= ({B}) AND ((t.is_new) > ({B}) OR (t.id) < ({C})))))"),
])  # fmt: skip
def test_an_order_compares_with_the_key_as_it_sorts(terms, by, after):
    order, query = keyset.Order(COLUMNS, terms), Queries("test.sql", QUERY).list_them
    key = "SELECT jsonb_build_array(t.name, t.is_new, t.id) AS key FROM t"
    assert order.walk(query, "[]").text == f"{key}\n WHERE {after} ORDER BY {by}"
    assert (
        order.walk(query, None).text == f"{key}\n WHERE /* after */ $1::jsonb IS NULL /* or as asked */ ORDER BY {by}"
    )


def test_a_cursor_is_of_the_order_it_was_made_for():
    order = keyset.Order(COLUMNS, ["-name", "id"])
    page = json.loads(keyset.envelope(request(), [], [order.name, "a", 7]))
    made = request(cursor=page["next"].partition("cursor=")[2])
    assert json.loads(order.given(made)) == ["a", 7] and order.given(request(cursor="")) is None
    for terms in (["name", "id"], ["-name", "-id"], ["-name"], ["id"], ["-name", "is_new", "id"]):
        with pytest.raises(Problem, match="bad-cursor"):
            keyset.Order(COLUMNS, terms).given(made)


def test_a_key_of_long_texts_makes_a_cursor_that_is_understood():
    for letter in ("\U0001f600", "\x01", '"', "\u00e9"):
        page = json.loads(keyset.envelope(request(), [], [letter * 600]))
        assert keyset.given(request(cursor=page["next"].partition("cursor=")[2]), keyset.is_text) == [letter * 600]
