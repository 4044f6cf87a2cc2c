"""Cursors: what was given comes back, whatever its length; everything else is none."""

import pytest

from core import keyset
from core.problem import Problem


class Asked:
    """A handler, as far as keyset needs one."""

    def __init__(self, cursor=""):
        self.cursor = cursor

    def get_query_argument(self, name, default):
        return self.cursor


def is_number(value):
    return type(value) is int


@pytest.mark.parametrize("digits", range(1, 20))
def test_a_key_of_any_length_comes_back(monkeypatch, digits):
    monkeypatch.setattr(keyset.paging, "link", lambda handler, cursor: cursor)
    for key in ([int("9" * digits), 1], [1, int("1" * digits)]):
        given = keyset.envelope(Asked(), [], key)[len('{"next":') :].partition(",")[0]
        assert keyset.given(Asked(given), is_number, is_number) == key


@pytest.mark.parametrize("cursor", ["x", "====", "W10", "WzFd", "é", "AAAA" * 200, "W251bGwsMV0", "bnVsbA", "Ww" * 40])
def test_what_is_no_cursor_of_ours_is_400(cursor):
    with pytest.raises(Problem) as refused:
        keyset.given(Asked(cursor), is_number, is_number)
    assert refused.value.status == 400


def test_without_one_it_begins_at_the_beginning():
    assert keyset.given(Asked(), is_number) is None
