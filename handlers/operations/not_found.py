"""Paths that no route has."""

from handlers.api.handler import NotFound

fallbacks = [("", NotFound)]
