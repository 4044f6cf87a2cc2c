"""The product: its name, its version, and what is named after it. A server for another trade changes this one file of core."""

import logging

NAME = "Tradepost"
DESCRIPTION = "a trading business's back office on one address"
# Of the server and of its APIs, which report it (docs/api/operations.md#health).
VERSION = "1.0.0"
# Begins the names of loggers, folders, system accounts, databases and keys in Redis.
SLUG = "tradepost"


def logger(part: str) -> logging.Logger:
    """The logger of one part of the server, such as `tradepost.database`."""
    return logging.getLogger(f"{SLUG}.{part}")
