"""Named queries: what the loader refuses, and that Postgres understands every one of them."""

import re

import pytest

from core.data import sql

FILES = sorted(
    path
    for path in sql.ROOT.rglob("*.sql")
    if path.parent.name != "migrations" and not path.name.startswith("functions")
)
# Statements that Postgres can't prepare; it parses only SELECT, INSERT, UPDATE, DELETE, MERGE and VALUES ahead.
UTILITY = re.compile(r"(VACUUM|ANALYZE|TRUNCATE|REINDEX|REFRESH|LOCK|SET|CALL)\b", re.I)


class Recorder:
    """Runs nothing; says what it was asked to run."""

    def __getattr__(self, kind):
        return lambda text, *args: (kind, text, args)


def queries(text):
    return sql.Queries("test.sql", text)


def test_a_query_is_run_by_its_kind_with_its_parameters_in_order():
    found = queries(
        "-- Header.\n\n-- name: get_it(second, first) -> row\n-- Why.\nSELECT $1, $2;\n-- name: do_it() -> none\nSELECT 1;\n"
    )
    kind, text, args = found.get_it(Recorder(), first=1, second=2)
    assert (kind, args) == ("row", (2, 1))
    assert text.endswith("SELECT $1, $2;") and "do_it" not in text
    assert found.do_it(Recorder())[0] == "none"
    assert [query.name for query in found.all] == ["get_it", "do_it"]


def test_a_malformed_head_is_refused():
    for head in (
        "-- name: get_it -> row", "-- name: get_it() -> list", "-- name: Get_it() -> row", "-- name: get it() -> row", "-- name: get_it()",
        "-- name: get_it(a b) -> row;", "-- name:get_it() -> row", "--name: get_it() -> row", "-- Name: get_it() -> row", "  -- name: get_it() -> row",
    ):  # fmt: skip
        with pytest.raises(ValueError, match="malformed"):
            queries(f"-- name: first() -> none\nSELECT 1;\n{head}\nSELECT 1;\n")


def test_declared_and_used_parameters_must_be_the_same():
    for head, body in {
        "a()": "SELECT $1", "a(x)": "SELECT 1", "a(x, y)": "SELECT $1", "b(x)": "SELECT $2", "a(x, z)": "SELECT $1, $3", "c(x)": "SELECT 1 -- $1",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match="declares"):
            queries(f"-- name: {head} -> value\n{body};\n")


def test_a_parameter_may_be_used_twice_and_spoken_of_in_a_comment():
    assert queries("-- name: a(x) -> value\n-- Not $2.\nSELECT $1 + $1;\n").a.parameters == ("x",)


def test_two_queries_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two"):
        queries("-- name: a() -> value\nSELECT 1;\n-- name: a() -> value\nSELECT 2;\n")


def test_calling_with_other_parameters_is_refused():
    found = queries("-- name: a(x) -> value\nSELECT $1;\n")
    for given in ({}, {"x": 1, "y": 2}, {"y": 1}):
        with pytest.raises(TypeError):
            found.a(Recorder(), **given)


LIST = """
-- filter: name(name)
t.name = $1
-- filter: days(first, last)
t.day >= $1 AND t.day <= $2   -- inclusive
-- name: list_it(most) -> rows
SELECT t.id FROM t WHERE t.is_active /* filters */ LIMIT $1;
"""


def test_the_filters_given_are_joined_in_the_order_of_the_file_and_their_values_follow_the_querys_own():
    found = queries(LIST)
    kind, text, args = found.list_it.where(days=(1, 2), name="x")(Recorder(), most=9)
    assert (kind, args) == ("rows", (9, "x", 1, 2))
    assert " ".join(text.split()) == (
        "SELECT t.id FROM t WHERE t.is_active AND (t.name = $2) AND (t.day >= $3 AND t.day <= $4) LIMIT $1;"
    )


def test_the_same_filters_make_the_same_text_whatever_their_order_so_that_one_plan_serves_them():
    found = queries(LIST)
    one, other = found.list_it.where(days=(1, 2), name="x"), found.list_it.where(name="y", days=(3, 4))
    assert one.query is other.query


def test_a_query_without_filters_given_is_run_without_any():
    kind, text, args = queries(LIST).list_it.where()(Recorder(), most=9)
    assert "AND" not in text and args == (9,)


def test_unknown_filters_wrong_numbers_of_values_and_queries_without_a_place_for_filters_are_refused():
    found = queries(LIST + "-- name: other() -> rows\nSELECT 1;\n")
    for given in ({"nothing_like_it": 1}, {"days": 1}, {"days": (1, 2, 3)}, {"name": (1, 2)}):
        with pytest.raises(TypeError, match="filter"):
            found.list_it.where(**given)
    with pytest.raises(ValueError, match="takes no filters"):
        found.other.where(name="x")


def test_a_filter_may_be_for_some_queries_only():
    own = "-- filter: mine() in other\no.is_mine\n-- name: other() -> rows\nSELECT FROM t o WHERE true /* filters */;\n"
    found = queries(LIST + own)
    assert "AND (o.is_mine)" in found.other.where(mine=()).query.text
    assert "mine" not in found.list_it.filters and {"mine", "name", "days"} <= found.other.filters.keys()
    with pytest.raises(TypeError, match="no filter mine"):
        found.list_it.where(mine=())
    with pytest.raises(ValueError, match="nobody"):
        queries(LIST + own.replace("in other", "in nobody"))


def test_a_malformed_filter_is_refused():
    for head in ("-- filter: a(x) -> rows", "-- filter: a", "--filter: a(x)", "-- name: a(x)", "-- filter: A(x)"):
        with pytest.raises(ValueError, match="malformed"):
            queries(f"{head}\nt.x = $1\n-- name: b() -> rows\nSELECT 1;\n")
    with pytest.raises(ValueError, match="declares"):
        queries("-- filter: a(x)\nt.x = $2\n")
    with pytest.raises(ValueError, match="two"):
        queries("-- filter: a(x)\nt.x = $1\n-- filter: a(x)\nt.x = $1\n")


def test_an_unknown_query_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_like_it"):
        sql.load("operations/health").nothing_like_it  # noqa: B018


def test_every_query_file_begins_with_a_comment_that_says_what_it_holds():
    for path in [*FILES, *sql.ROOT.glob("migrations/*.sql")]:
        first = path.read_text().splitlines()[0]
        assert re.fullmatch(r"-- [A-Z].{15,}", first) and "name:" not in first, path


def test_every_query_file_has_queries_and_loads():
    assert FILES
    for path in FILES:
        assert sql.load(str(path.relative_to(sql.ROOT).with_suffix(""))).all, path


@pytest.mark.gen_test
async def test_postgres_prepares_every_query_against_the_migrated_schema(db):
    wrong = []
    for path in FILES:
        for query in sql.load(str(path.relative_to(sql.ROOT).with_suffix(""))).all:
            if UTILITY.match(re.sub(r"^--.*\n", "", query.text, flags=re.M).lstrip()):
                continue
            try:
                prepared = await db.prepare(query.text)
            except Exception as error:
                wrong.append(f"{path.name} {query.name}: {error}")
                continue
            columns = len(prepared.get_attributes())
            if len(prepared.get_parameters()) != len(query.parameters):
                wrong.append(f"{path.name} {query.name}: Postgres sees {len(prepared.get_parameters())} parameters")
            if columns == 0 if query.kind != "none" else columns > 0:
                wrong.append(f"{path.name} {query.name}: says {query.kind} and gives {columns} columns")
            beside = [column.name for column in prepared.get_attributes()[1:] if column.name != "note"]
            if query.kind == "value" and beside:  # operations.note() may run beside it, unread
                wrong.append(f"{path.name} {query.name}: a value is one column, not also {beside}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.gen_test
async def test_postgres_prepares_every_list_with_each_of_its_filters_and_with_all_of_them(db):
    lists = [
        query
        for path in FILES
        for query in sql.load(str(path.relative_to(sql.ROOT).with_suffix(""))).all
        if sql.FILTERS in query.text
    ]
    assert len(lists) > 5
    for query in lists:
        values = {name: (None,) * len(one.parameters) for name, one in query.filters.items()}
        for names in [[name] for name in values] + [list(values)]:
            found = query.where(**{name: values[name] for name in names})
            prepared = await db.prepare(found.query.text)
            assert len(prepared.get_parameters()) == len(query.parameters) + len(found.values), (query.name, names)


@pytest.mark.gen_test
async def test_preparing_finds_a_query_that_postgres_does_not_understand(db):
    with pytest.raises(Exception, match="no_such_column"):
        await db.prepare("SELECT no_such_column FROM accounts.account")
