"""What the developer options may count and clear; each area says so of its own tables. docs/api/operations.md#developer-options.

A module of an area may define
    tables     [Table]
    clearings  {name: Clearing}, by the table_name of the request
"""

from typing import NamedTuple

from core.data.sql import Query


class Table(NamedTuple):
    """A table as the statistics show it. place: in the order of the document. kind: only rows with this `kind`, where one table
    holds several. relation None: there is no such table in this server, which then has 0 rows."""

    place: int
    key: str
    description: str
    relation: str | None
    kind: str | None = None


class Clearing(NamedTuple):
    """message: of success. steps: run in one transaction; `counts` is one of them, and answers {key: rows that went}, or null: it
    is refused, as other rows need these."""

    message: str
    counts: Query
    before: tuple[Query, ...] = ()
    after: tuple[Query, ...] = ()
