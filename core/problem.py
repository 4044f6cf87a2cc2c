"""A refusal: the one exception that handlers raise. An API's dialect writes it (core/dialect.py)."""

from typing import Any


class Problem(Exception):
    """Refuse the request.

    status: HTTP status. slug: short stable name, for the log. message: English, one sentence, for the client.
    fields: messages by field, nested as the body is: {"customer": {"code": ["…"]}, "items": [{}, {"mrp": ["…"]}]}.
    headers: response headers, such as Retry-After in seconds. extra: members that the documents add to this one body.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        message: str,
        fields: Any = None,
        *,
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.slug = slug
        self.message = message
        self.fields = fields
        self.headers = headers or {}
        self.extra = extra or {}


def invalid(fields: Any) -> Problem:
    """400: the body's fields are not as the schema says."""
    return Problem(400, "invalid", "Validation failed", fields)


def unavailable(message: str, seconds: int = 2) -> Problem:
    """503: something this server needs is away; worth trying again after `seconds`."""
    return Problem(503, "unavailable", message, headers={"Retry-After": str(seconds)})


NOT_SIGNED_IN = "Authentication credentials were not provided."
FORBIDDEN = "You do not have permission to perform this action."


def not_signed_in() -> Problem:
    """401 without credentials (RFC 6750, 3)."""
    return Problem(401, "not-signed-in", NOT_SIGNED_IN, headers={"WWW-Authenticate": 'Bearer realm="api"'})


def forbidden() -> Problem:
    return Problem(403, "forbidden", FORBIDDEN)


def not_found(message: str = "Not found.") -> Problem:
    return Problem(404, "not-found", message)
