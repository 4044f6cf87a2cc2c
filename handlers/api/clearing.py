"""What the developer options count and clear: each area declares its own tables. docs/api/operations.md#developer-options.

A module of an area may define
    tables     [Table]
    clearings  {name: Clearing}, by the table_name of the request
"""

from typing import NamedTuple

from core.data.sql import Query


class Table(NamedTuple):
    """A table as the statistics show it.

    place: its position in the documented list. relation: its name in Postgres; None: this server has no such table, which counts 0
    rows. kind: counts only the rows with this value in column `kind`, if the table holds several kinds.
    """

    place: int
    key: str
    description: str
    relation: str | None
    kind: str | None = None


class Clearing(NamedTuple):
    """One clearing, all of it in one transaction: the queries `before`, then `counts`, then those `after`.

    message: of success. counts: answers {key: rows that went}; null when other rows need these, and then `refusal` is the message.
    """

    message: str
    counts: Query
    before: tuple[Query, ...] = ()
    after: tuple[Query, ...] = ()
    refusal: str = ""
