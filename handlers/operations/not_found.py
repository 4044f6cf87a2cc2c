"""404 for paths that no route has. docs/api/operations.md#index."""

from handlers.api.handler import NotFound

fallbacks = [("", NotFound)]
