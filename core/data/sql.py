"""Named queries from sql/AREA/NOUN.sql.

    -- name: get_invoice(invoice_id) -> value
    -- One sentence of why.
    SELECT … WHERE id = $1;

`load("sales/invoice").get_invoice(db, invoice_id=7)` runs it. `->` says what it returns: `value` (the first column of the first row,
or None), `row` (a record or None), `rows` (a list of records), or `none`. Loading refuses a query whose parameters don't match its $n.

The conditions of a list with many optional filters are fragments in the same file, and the list's query says where they go:

    -- filter: customer(code)
    i.customer_id = (SELECT id FROM sales.customer WHERE code = $1)

    -- name: list_invoices(most) -> rows
    SELECT … FROM sales.invoice i WHERE i.is_active /* filters */ ORDER BY i.id LIMIT $1;

`query.list_invoices.where(customer="C1")(db, most=20)` adds the conditions of the given filters with AND, in the order of the file, and
passes their values as parameters. So each combination of filters is a statement of its own, with a plan of its own. A condition that only
some queries can take names them: `-- filter: here(name) in list_invoices, walk_invoices`.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from core import traces

ROOT = Path(__file__).resolve().parents[2] / "sql"
_HEAD = re.compile(
    r"^-- (?P<what>name|filter): (?P<name>[a-z][a-z0-9_]*)\((?P<parameters>[a-z0-9_, ]*)\)"
    r"(?: -> (?P<kind>value|rows|row|none)| in (?P<queries>[a-z0-9_, ]+))?$",
    re.M,
)
# A misspelt head would otherwise be a comment of the query before it.
_LIKE_A_HEAD = re.compile(r"^\s*--\s*(name|filter)\s*:", re.M | re.I)
FILTERS = "/* filters */"
# Ordered and filtered queries that are kept: clients can combine columns and filters in any number of ways.
MOST_ORDERS = 1000
MOST_FILTERED = 1000


class Runner(Protocol):
    """Runs statements: the Database, one of its transactions, or its limited share."""

    def value(self, sql: str, *args: Any) -> Awaitable[Any]: ...
    def row(self, sql: str, *args: Any) -> Awaitable[Any]: ...
    def rows(self, sql: str, *args: Any) -> Awaitable[Any]: ...
    def none(self, sql: str, *args: Any) -> Awaitable[Any]: ...


class Filter(NamedTuple):
    """One optional condition of a list. text: SQL with parameters of its own, from `$1`. queries: the queries that can take it; empty:
    all of its file."""

    name: str
    parameters: tuple[str, ...]
    text: str
    queries: tuple[str, ...] = ()


class Query:
    """One statement. Call it with a Runner and its parameters by name."""

    def __init__(
        self, name: str, parameters: tuple[str, ...], kind: str, text: str, filters: Mapping[str, Filter] | None = None
    ) -> None:
        self.name, self.parameters, self.kind, self.text = name, parameters, kind, text
        self._of_file = filters or {}
        self._names = set(parameters)

    @cached_property
    def filters(self) -> dict[str, Filter]:
        """The filters that the query can take. Not read before the whole file is loaded."""
        return {name: one for name, one in self._of_file.items() if not one.queries or self.name in one.queries}

    def ordered(self, by: str, *, key: str | None = None, after: str | None = None) -> "Query":
        """The same query in another order. `by` replaces what stands between `ORDER BY` and `/* or as asked */`; `key` and `after` what
        stands between `/* key */` or `/* after */` and `/* or as asked */` (core/http/keyset.py). None leaves it as it is.

        All three are SQL, so they must come from an allow-list. Raises ValueError when the query has no such place.
        """
        return _in_order(self, by, key, after)

    def where(self, **given: Any) -> "FilteredQuery":
        """The same query with these filters of its file: by name a value, or a tuple for a filter of several parameters.

        Raises TypeError for an unknown filter or a wrong number of values, ValueError when the query has no place for filters.
        """
        # The order is that of the file, so that the same filters always make the same text, which has its plan already.
        names = tuple(name for name in self.filters if name in given)
        if len(names) != len(given):
            raise TypeError(f"{self.name}: there is no filter {', '.join(given.keys() - self.filters.keys())}")
        values: list[Any] = []
        for name in names:
            own = given[name] if isinstance(given[name], tuple) else (given[name],)
            if len(own) != len(self.filters[name].parameters):
                raise TypeError(f"filter {name} takes {self.filters[name].parameters}")
            values += own
        return FilteredQuery(_filtered(self, names), values)

    def __call__(self, db: Runner, **given: Any) -> Awaitable[Any]:
        return self.run(db, given, ())

    def run(self, db: Runner, given: Mapping[str, Any], beside: Sequence[Any]) -> Awaitable[Any]:
        """Run the statement. given: the query's own parameters, by name. beside: the values of its filters, which follow them."""
        if given.keys() != self._names:
            raise TypeError(f"{self.name} takes {self.parameters}, not {tuple(given)}")
        run: Callable[..., Awaitable[Any]] = getattr(db, self.kind)
        running = run(self.text, *[given[parameter] for parameter in self.parameters], *beside)
        trace = traces.current.get()
        return running if trace is None else trace.statement(self.name, running)


class FilteredQuery:
    """A query with filters and their values. Call it like the query itself."""

    def __init__(self, query: Query, values: Sequence[Any]) -> None:
        self.query, self.values = query, values

    def __call__(self, db: Runner, **given: Any) -> Awaitable[Any]:
        return self.query.run(db, given, self.values)


@lru_cache(MOST_FILTERED)
def _filtered(query: Query, names: tuple[str, ...]) -> Query:
    if FILTERS not in query.text:
        raise ValueError(f"{query.name} takes no filters")
    conditions, first = [], len(query.parameters)
    for name in names:
        one = query.filters[name]
        conditions.append("AND (" + _renumbered(one.text, first) + ")")
        first += len(one.parameters)
    return Query(query.name, query.parameters, query.kind, query.text.replace(FILTERS, "\n   ".join(conditions)))


def _renumbered(text: str, first: int) -> str:
    return re.sub(r"\$([0-9]+)", lambda found: f"${int(found[1]) + first}", text)


@lru_cache(MOST_ORDERS)
def _in_order(query: Query, by: str, key: str | None, after: str | None) -> Query:
    text = query.text
    for head, asked in (("ORDER BY", f"ORDER BY {by}"), ("/* key */", key), ("/* after */", after)):
        if asked is not None:
            part = rf"{re.escape(head)} .*? /\* or as asked \*/"
            # A backslash in the replacement stands for itself.
            text, replaced = re.subn(part, asked.replace("\\", "\\\\"), text)
            if not replaced:
                raise ValueError(f"{query.name} is in one order only")
    return Query(query.name, query.parameters, query.kind, text, query.filters)


class Queries:
    """The queries of one file, as attributes."""

    def __init__(self, source: str, text: str) -> None:
        heads = [head for head in _HEAD.finditer(text) if (head["kind"] is None) == (head["what"] == "filter")]
        if len(_LIKE_A_HEAD.findall(text)) != len(heads):
            raise ValueError(f"{source}: a `-- name:` or `-- filter:` line is malformed")
        self.all: list[Query] = []
        self.filters: dict[str, Filter] = {}
        for head, following in zip(heads, [*heads[1:], None], strict=True):
            body = text[head.end() : following.start() if following else None].strip()
            self._add(source, head, body)
        for one in self.filters.values():
            if unknown := set(one.queries) - {query.name for query in self.all}:
                raise ValueError(f"{source}: filter {one.name} is for {', '.join(unknown)}, which is no query")

    def _add(self, source: str, head: re.Match[str], body: str) -> None:
        name, parameters = head["name"], tuple(p for p in re.split(r", *", head["parameters"]) if p)
        without_comments = re.sub(r"--.*", "", body)
        used = {int(n) for n in re.findall(r"\$([0-9]+)", without_comments)}
        if used != set(range(1, len(parameters) + 1)):
            raise ValueError(f"{source}: {name} declares {len(parameters)} parameters and uses {sorted(used)}")
        if name in self.filters or name in self.__dict__:
            raise ValueError(f"{source}: two queries or filters are named {name}")
        if head["what"] == "filter":
            queries = tuple(re.split(r", *", head["queries"])) if head["queries"] else ()
            self.filters[name] = Filter(name, parameters, without_comments.strip(), queries)
        else:
            query = Query(name, parameters, head["kind"], body, self.filters)
            self.all.append(query)
            setattr(self, name, query)

    # Python calls this only for a missing name. Its type tells mypy that all other attributes are queries.
    def __getattr__(self, name: str) -> Query:
        raise AttributeError(f"no query named {name}")


@cache
def load(name: str) -> Queries:
    """The queries of sql/NAME.sql. Raises ValueError at start when the file is malformed."""
    path = ROOT / f"{name}.sql"
    return Queries(str(path.relative_to(ROOT.parent)), path.read_text(encoding="utf-8"))
