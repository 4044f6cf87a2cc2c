"""What the methods of a handler declare of themselves: the bodies that they take, what they answer, and whether they take a key.

core/http/openapi.py describes the API from these declarations and the methods' docstrings; the tests hold every answer to them.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from core.http import schema
from core.http.handler import Handler

Method = Callable[..., Awaitable[None]]
JSON = "application/json"


class Answer(NamedTuple):
    """One answer of a method. body: the JSON Schema of its body, whose references are `{"$ref": "AREA/NOUN.json"}`; None: no body.
    media: the media type. headers: names that each such answer has, beside those that go with its status."""

    status: int
    body: Mapping[str, Any] | None
    media: str
    headers: tuple[str, ...]


class Bodies(NamedTuple):
    """The bodies that a method takes: any of the schemas. files: fields of a form that hold a file. is_optional: it may have none.
    most: it may also be an array of at most so many of them, of which wrong ones are reported in the answer; 0: no array. media: further
    media types in which it may come."""

    schemas: tuple[schema.Schema, ...] = ()
    files: tuple[str, ...] = ()
    is_optional: bool = False
    most: int = 0
    media: tuple[str, ...] = ()


def ref(name: str) -> dict[str, Any]:
    """A reference to schemas/NAME.json within the body of an answer."""
    return {"$ref": f"{name}.json"}


def closed(properties: Mapping[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """The schema of an object with these members and no others. properties: the schema of each one."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": dict(properties), "additionalProperties": False}


def answers(
    status: int,
    shape: str | Mapping[str, Any] | None,
    *,
    media: str = JSON,
    headers: tuple[str, ...] = (),
) -> Callable[[Method], Method]:
    """Declare one answer; of several with the same status, each has a media type of its own.

    shape: the name of its schema below schemas/, or a schema; None: it has no body.
    """

    def decorate(method: Method) -> Method:
        answer = Answer(status, ref(shape) if isinstance(shape, str) else shape, media, headers)
        method.answers = (answer, *answers_of(method))  # type: ignore[attr-defined]
        return method

    return decorate


def takes(
    *names: str | schema.Schema,
    files: tuple[str, ...] = (),
    is_optional: bool = False,
    most: int = 0,
    media: tuple[str, ...] = (),
) -> Callable[[Method], Method]:
    """Declare the bodies that a method reads with read_body, or with read_items: the names of their schemas below schemas/, or the
    schemas. most: the most items that read_items takes. media: further media types that the method reads itself."""
    schemas = tuple(schema.load(name) if isinstance(name, str) else name for name in names)

    def decorate(method: Method) -> Method:
        method.bodies = Bodies(schemas, files, is_optional, most, media)  # type: ignore[attr-defined]
        return method

    return decorate


def body(name: str, *, files: tuple[str, ...] = ()) -> Callable[[Method], Method]:
    """Validate the request's body against schemas/NAME.json before the method runs."""
    expected = schema.load(name)

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        async def with_body(self: Handler, **parameters: str) -> None:
            await self.read_body(expected)
            await method(self, **parameters)

        return takes(expected, files=files)(with_body)

    return decorate


def idempotent(method: Method) -> Method:
    """Declare that a method takes an Idempotency-Key: it answers by core.http.idempotency.once."""
    method.is_idempotent = True  # type: ignore[attr-defined]
    return method


def answers_of(method: object) -> tuple[Answer, ...]:
    """The answers that a method declares."""
    found: tuple[Answer, ...] = getattr(method, "answers", ())
    return found


def bodies_of(method: object) -> Bodies:
    """The bodies that a method declares."""
    found: Bodies = getattr(method, "bodies", NO_BODIES)
    return found


def is_idempotent(method: object) -> bool:
    """Whether a method declares that it takes an Idempotency-Key."""
    return getattr(method, "is_idempotent", False)


NO_BODIES = Bodies()
