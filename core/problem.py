"""A refusal: the one exception that handlers raise. An API's dialect writes its body (core/dialect.py)."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence for the client, named by its code. Core names what is wrong; the dialect has the words (Dialect.sentences).

    details: what the sentence mentions, by the names that it has in the sentence.
    """

    code: str
    details: dict[str, Any]

    @classmethod
    def of(cls, code: str, /, **details: Any) -> "Message":
        return cls(code, details)


class Problem(Exception):
    """Refuse the request.

    status: HTTP status. slug: short stable name, for the log. message: one sentence for the client.
    fields: messages by field, nested as the body is: {"customer": {"code": ["…"]}, "items": [{}, {"mrp": ["…"]}]}.
    headers: response headers, such as Retry-After in seconds. extra: further members of this one body.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        message: str | Message,
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
    """400: the body's fields break the schema, or a rule beside it."""
    return Problem(400, "invalid", Message.of("invalid"), fields)


def unavailable(message: str, seconds: int = 2) -> Problem:
    """503: something this server needs is away; the client may try again after `seconds`."""
    return Problem(503, "unavailable", message, headers={"Retry-After": str(seconds)})


def not_signed_in() -> Problem:
    """401 without credentials (RFC 6750, 3)."""
    challenge = {"WWW-Authenticate": 'Bearer realm="api"'}
    return Problem(401, "not-signed-in", Message.of("not-signed-in"), headers=challenge)


def forbidden() -> Problem:
    """403: the caller is known and may not do this."""
    return Problem(403, "forbidden", Message.of("forbidden"))


def not_found(message: str | Message | None = None) -> Problem:
    """404."""
    return Problem(404, "not-found", message or Message.of("not-found"))
