"""The shop's point of sale (seed 003)."""

from core.dialect import Dialect
from handlers.api import ApiHandler


class PosHandler(ApiHandler):
    dialect = Dialect()  # seed 003 writes the plainest: field errors bare, everything else `{detail}`
