"""Named queries from sql/AREA/NOUN.sql.

    -- name: get_invoice(invoice_id) -> value
    -- One sentence of why.
    SELECT … WHERE id = $1;

`load("sales/invoice").get_invoice(db, invoice_id=7)` runs it. `->` says what it returns: `value` (the first column of the first row,
or None), `row` (a record or None), `rows` (a list of records), or `none`. Loading refuses a query whose parameters don't match its $n.
"""

import re
from collections.abc import Awaitable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parents[2] / "sql"
_HEAD = re.compile(
    r"^-- name: (?P<name>[a-z][a-z0-9_]*)\((?P<parameters>[a-z0-9_, ]*)\) -> (?P<kind>value|rows|row|none)$", re.M
)
# A misspelt head would otherwise be a comment of the query before it.
_LIKE_A_HEAD = re.compile(r"^\s*--\s*name\s*:", re.M | re.I)
# Ordered queries that are kept: clients can combine columns in any number of ways.
MOST_ORDERS = 1000


class Runner(Protocol):
    """Runs statements: the Database, one of its transactions, or its limited share."""

    def value(self, sql: str, *args: Any) -> Awaitable[Any]: ...
    def row(self, sql: str, *args: Any) -> Awaitable[Any]: ...
    def rows(self, sql: str, *args: Any) -> Awaitable[Any]: ...
    def none(self, sql: str, *args: Any) -> Awaitable[Any]: ...


class Query:
    """One statement. Call it with a Runner and its parameters by name."""

    def __init__(self, name: str, parameters: tuple[str, ...], kind: str, text: str) -> None:
        self.name, self.parameters, self.kind, self.text = name, parameters, kind, text
        self._names = set(parameters)

    def ordered(self, by: str, *, key: str | None = None, after: str | None = None) -> "Query":
        """The same query in another order. `by` replaces what stands between `ORDER BY` and `/* or as asked */`; `key` and `after` what
        stands between `/* key */` or `/* after */` and `/* or as asked */` (core/http/keyset.py). None leaves it as it is.

        All three are SQL, so they must come from an allow-list. Raises ValueError when the query has no such place.
        """
        return _in_order(self, by, key, after)

    def __call__(self, db: Runner, **given: Any) -> Awaitable[Any]:
        if given.keys() != self._names:
            raise TypeError(f"{self.name} takes {self.parameters}, not {tuple(given)}")
        run = getattr(db, self.kind)
        return run(self.text, *[given[parameter] for parameter in self.parameters])


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
    return Query(query.name, query.parameters, query.kind, text)


class Queries:
    """The queries of one file, as attributes."""

    def __init__(self, source: str, text: str) -> None:
        heads = list(_HEAD.finditer(text))
        if len(_LIKE_A_HEAD.findall(text)) != len(heads):
            raise ValueError(f"{source}: a `-- name:` line is malformed")
        self.all: list[Query] = []
        for head, following in zip(heads, [*heads[1:], None], strict=True):
            body = text[head.end() : following.start() if following else None].strip()
            parameters = tuple(p for p in re.split(r", *", head["parameters"]) if p)
            used = {int(n) for n in re.findall(r"\$([0-9]+)", re.sub(r"--.*", "", body))}
            if used != set(range(1, len(parameters) + 1)):
                raise ValueError(
                    f"{source}: {head['name']} declares {len(parameters)} parameters and uses {sorted(used)}"
                )
            if hasattr(self, head["name"]):
                raise ValueError(f"{source}: two queries are named {head['name']}")
            query = Query(head["name"], parameters, head["kind"], body)
            self.all.append(query)
            setattr(self, query.name, query)

    def __getattr__(self, name: str) -> Query:
        # Python calls this only for a missing name; its type tells mypy that all attributes are queries.
        raise AttributeError(f"no query named {name}")


@cache
def load(name: str) -> Queries:
    """The queries of sql/NAME.sql. Raises ValueError at start when the file is malformed."""
    path = ROOT / f"{name}.sql"
    return Queries(str(path.relative_to(ROOT.parent)), path.read_text(encoding="utf-8"))
