"""Postgres and Redis that the program brings itself, for the demo and the tests."""
