"""Holds each answer that a test gets to the description of the API: its status, its headers, its body."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from core.http import idempotency, openapi, rate_limit, schema
from core.http.declare import bodies_of
from core.http.json_text import Number
from handlers.api import areas, description

# An answer to a method that a route lacks, or to a question for its methods.
UNDECLARED = {204, 400, 401, 403, 405, 413, 429, 503}


class Described:
    """The description of all areas, compiled."""

    def __init__(self) -> None:
        self.router = areas.router()
        self.document = description.compose(self.router.routes)
        formats = {"date": schema.is_date, "email": schema.is_email, "uuid": schema.is_uuid}
        self._validators = jsonschema_rs.validator_map_for(self.document, formats=formats, validate_formats=True)

    def fault(
        self, method: str, path: str, sent: bytes | None, status: int, headers: Mapping[str, str], body: bytes
    ) -> str:
        """What is wrong with an answer; "" if nothing is. path: without the query. sent: the body of the request, if it was JSON."""
        route = self.router.route(path)
        if route is None or not route.handler.is_described:
            return ""
        template = openapi.template(route.path)
        # The settings of the tests have limits.
        limits = set(rate_limit.HEADERS) if route.handler.is_limited else set()
        operation = self.document["paths"][template].get("get" if method == "HEAD" else method.lower())
        if status == 400 and "Content-Type" not in headers:
            # Tornado couldn't read the head of the request.
            return ""
        if operation is None:
            wanted = limits if method != "OPTIONS" else set()
            wanted |= {"Allow"} if status == 405 else set(openapi.HEADERS_OF.get(status, ()))
            return "" if status in UNDECLARED and wanted <= _marked(headers) else f"{status} with {_marked(headers)}"
        response = operation["responses"].get(str(status))
        if response is None:
            return f"the status {status} is not described: {body[:300]!r}"
        known = response.get("headers", {})
        needed = {name for name, one in known.items() if one.get("required", True)} - rate_limit.HEADERS.keys() | limits
        if not needed <= _marked(headers) <= known.keys():
            return f"{status} is described with the headers {set(known)}, and has {_marked(headers)}"
        if (
            status < 300
            and sent is not None
            and (wrong := _refused(getattr(route.handler, method.lower(), None), sent))
        ):
            return f"{status} was answered to a body that is not described: {wrong}"
        return self._body_fault(template, method, status, response.get("content"), headers, body)

    def accepts(self, pointer: str, value: Any) -> bool:
        """Whether a value is right by the schema at this place of the document."""
        return bool(self._validators[pointer].is_valid(value))

    def _body_fault(
        self, template: str, method: str, status: int, content: Any, headers: Mapping[str, str], body: bytes
    ) -> str:
        if method == "HEAD" or not content:
            return f"{status} is described without a body, and has {body[:100]!r}" if body else ""
        sent_media = headers.get("Content-Type", "").partition(";")[0]
        media = next((one for one in content if one == sent_media or _covers(one, sent_media)), None)
        if media is None:
            return f"{status} is described as {', '.join(content)}, and is {sent_media}"
        if media != "application/json":
            return ""
        pointer = f"#/paths/{_escaped(template)}/{method.lower()}/responses/{status}/content/{_escaped(media)}/schema"
        error = next(self._validators[pointer].iter_errors(json.loads(body)), None)
        return (
            f"{status}: {error.message} at {'/'.join(map(str, error.instance_path))}: {body[:500]!r}" if error else ""
        )


@cache
def described() -> Described:
    """The one of this process."""
    return Described()


def _refused(function: object, sent: bytes) -> str:
    """What is wrong with an accepted body by all the schemas that the method declares."""
    bodies = bodies_of(function)
    if not bodies.schemas or (not sent and bodies.is_optional) or bodies.most:
        # Where no body is described, whatever is sent is ignored; of an array of independent items the wrong ones are reported.
        return ""
    literal = json.loads(sent, parse_int=Number, parse_float=Number)
    plain = json.loads(sent)
    if any(one.accepts(plain) or one.accepts(_numbers(one.conformed(literal))) for one in bodies.schemas):
        return ""
    return f"{sent[:300]!r}"


def _numbers(value: Any) -> Any:
    """The value with Python's numbers instead of their digits."""
    if isinstance(value, Number):
        return json.loads(value)
    if isinstance(value, dict):
        return {name: _numbers(inner) for name, inner in value.items()}
    return [_numbers(inner) for inner in value] if isinstance(value, list) else value


def _covers(media: str, sent_media: str) -> bool:
    """Whether a described range of media types, such as image/*, has this one."""
    return media.endswith("/*") and sent_media.startswith(media[:-1])


def _marked(headers: Mapping[str, str]) -> set[str]:
    return {name for name in (*openapi.HEADERS, *rate_limit.HEADERS, idempotency.REPLAYED) if name in headers}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
