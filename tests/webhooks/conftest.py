"""Fixtures of the tests of webhooks."""

from tests.support.owners import open_books, owner

__all__ = ["open_books", "owner"]
