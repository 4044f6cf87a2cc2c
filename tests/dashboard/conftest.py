"""Fixtures of the dashboards' tests."""

from tests.support.deadlocks import deadlocks
from tests.support.owners import open_books, owner

__all__ = ["deadlocks", "open_books", "owner"]
