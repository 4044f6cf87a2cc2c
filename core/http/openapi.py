"""The description of the API, an OpenAPI 3.1 document, composed from what the code says of itself.

path, path parameters       the router's table
operation, its statuses     the docstring of the method (`Docstring`), its answers (core/http/declare.py), what its handler's bases
                            and its access may refuse, and the limits of all bodies
query parameters            Handler.parameters
Idempotency-Key             the declaration `@idempotent`, with what it may be refused with
bodies                      the schemas below schemas/, each once, as a component; their examples below schemas/AREA/examples/
bodies of refusals          Dialect.error and Dialect.field_errors
security                    Access, and Handler.schemes
"""

import http.client
import inspect
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urljoin

from core.http import idempotency, rate_limit, schema
from core.http.declare import JSON, Answer, Bodies, answers_of, bodies_of, is_idempotent, ref
from core.http.parameter import ID, TEXT, UUID, Parameter
from core.http.router import PARAMETER, Route, template

# Headers that go with a status wherever it is answered.
HEADERS_OF = {
    302: ("Location",),
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
# The headers that an answer has only if it is described with them.
HEADERS = {
    "Allow": "The methods of the path.",
    "ETag": "Names this state of what is shown; for If-Match and If-None-Match.",
    "Location": "The address to go to.",
    "Retry-After": "Seconds after which to try again.",
    "WWW-Authenticate": "The scheme by which to sign in.",
}
# The headers of a request that go with an answer.
CONDITIONS = {
    304: ("If-None-Match", "The ETag of the state that the client has: 304 while it is still current."),
    412: ("If-Match", "The ETag of the state that the client has seen: 412 if there is another one by now."),
}
# Of a method that takes an Idempotency-Key: the header, what its refusals mean, and the headers that its answers may have, by status.
KEY = (
    idempotency.HEADER,
    "A name for this request, such as a UUID. The request is done once, however often it is sent under the same key within 24 hours, "
    "and gets the same answer each time. After a refusal the key is free again.",
)
KEY_REFUSALS = {
    409: "a request with the same Idempotency-Key is under way: try again after the seconds of Retry-After",
    422: "the Idempotency-Key was used for another request",
}
_REPLAYED = {idempotency.REPLAYED: "`true` where the request was done before: this is its first answer."}
KEY_HEADERS = {409: {"Retry-After": HEADERS["Retry-After"]}, **dict.fromkeys(range(200, 300), _REPLAYED)}
EVENT_STREAM = "text/event-stream"
RESUMES = ("Last-Event-ID", "Resumes the stream after this event.")
# The parameter of streams that can be resumed, which takes the place of that header.
RESUMING = "lastEventId"
# What each status says where a docstring says nothing more.
SAYS = {
    200: "Done.",
    201: "Made.",
    204: "Done; there is no body.",
    304: "Not changed since the state that If-None-Match names.",
    400: "The request can't be read, or breaks a rule.",
    401: "There is no access token, or it is not good.",
    403: "The caller may not do this.",
    404: "There is no such thing, or the caller may not see it.",
    413: "The body is too long.",
    415: "The body is of a type or encoding that is not read here.",
    429: "There were too many requests; try again after the seconds of Retry-After.",
    503: "The server can't answer at the moment.",
}
# Of a method with a body.
BODY_REFUSALS = (400, 413, 415)
PATH_SCHEMAS = {"": UUID, "uuid": UUID, "int": ID, "path": TEXT}
FORM = "multipart/form-data"

_SENTENCE = re.compile(r"(?<=[.:])\s+(?=[A-Z0-9`{])")
_STATUS = re.compile(r"([2-5]\d\d)\b[ ,:]*(.*)", re.S)
_LOCAL = "#/$defs/"
# Where the schema of a body refers to a page of docs/, which clients don't have.
_DOCS = re.compile(r"\.? \(?docs/api/\S+")


class Docstring(NamedTuple):
    """What the docstring of a method says. A sentence that begins with a status lists answers, with semicolons between them:

    List the departments, by name. With a cursor nothing is counted. 200; 400 a cursor of another list; 404 there is no such page.

    The first sentence is the summary, the other ones are the details. answers: what is said of each status, which may be nothing.
    """

    summary: str
    details: str
    answers: dict[int, str]

    @classmethod
    def read(cls, text: str) -> "Docstring":
        """Read the text of a docstring. Raises ValueError when it lists no answers, or has no summary."""
        prose: list[str] = []
        answers: dict[int, str] = {}
        for sentence in _SENTENCE.split(" ".join(text.split())):
            if not _STATUS.match(sentence):
                prose.append(sentence)
                continue
            last = 0
            for part in sentence.removesuffix(".").split("; "):
                found = _STATUS.fullmatch(part)
                if found:
                    last = int(found[1])
                answers[last] = found[2] if found else f"{answers[last]}; {part}"
        if not prose or not answers:
            raise ValueError(f"a docstring without a summary or without answers: {text!r}")
        return cls(prose[0].rstrip("."), " ".join(prose[1:]), answers)


class Described(NamedTuple):
    """A route whose handler is part of the description, and the names of its groups."""

    route: Route
    groups: tuple[str, ...]


class Operation:
    """One method of one route."""

    def __init__(self, described: Described, method: str) -> None:
        self.route, self.groups, self.method = described.route, described.groups, method
        self.handler = described.route.handler
        self._function = getattr(self.handler, method.lower())
        self.said = Docstring.read(inspect.getdoc(self._function) or "")
        self.bodies: Bodies = bodies_of(self._function)
        self.access = self.handler.access_to(method)
        self.takes_key = is_idempotent(self._function)
        self.answers = self._answers()

    def _answers(self) -> dict[int, list[Answer]]:
        """The answers by status, in order, each with all its headers. Of a status there are several if it has several media types."""
        declared: dict[int, list[Answer]] = {}
        for answer in answers_of(self._function):
            declared.setdefault(answer.status, []).append(answer)
        if unsaid := declared.keys() - self.said.answers.keys():
            raise ValueError(
                f"{self.handler.__name__}: the docstring of {self.method} does not mention {sorted(unsaid)}"
            )
        statuses = {*self.said.answers, *self.access.refuses, *self.handler.refuses}
        if self.handler.schemes and self.handler.authenticates:
            statuses.add(401)
        if self.handler.is_limited:
            statuses.add(429)
        if self.bodies.schemas:
            statuses.update(BODY_REFUSALS)
        if self.takes_key:
            statuses.update(KEY_REFUSALS)
        return {
            status: [
                answer._replace(headers=(*HEADERS_OF.get(status, ()), *answer.headers))
                for answer in declared.get(status) or [self._undeclared(status)]
            ]
            for status in sorted(statuses)
        }

    def _undeclared(self, status: int) -> Answer:
        if status < 400 and status not in (204, 302, 304):
            raise ValueError(f"{self.handler.__name__}: {self.method} does not declare its answer {status}")
        return Answer(status, self._refusal(status) if status >= 400 else None, JSON, ())

    def _refusal(self, status: int) -> Mapping[str, Any]:
        dialect = self.handler.dialect
        if status == 400:
            return {"anyOf": [ref(dialect.error), ref(dialect.field_errors)]}
        return ref(dialect.error)

    @property
    def id(self) -> str:
        """A name for clients that are generated from the description."""
        return f"{_words(self.handler.__name__)}_{self.method.lower()}"

    def says(self, status: int) -> str:
        """What is said of an answer."""
        said = self.said.answers.get(status, "")
        if self.takes_key and status in KEY_REFUSALS:
            said = f"{said}; {KEY_REFUSALS[status]}" if said else KEY_REFUSALS[status]
        return f"{said[0].upper()}{said[1:]}." if said else SAYS.get(status, http.client.responses[status])

    def parameters(self) -> list[dict[str, Any]]:
        """Of the path, of the query and of the headers."""
        named = {parameter.name: parameter for parameter in self.handler.path_parameters}
        found = []
        for name, kind in PARAMETER.findall(self.route.path):
            parameter = named.get(name) or Parameter(
                name, f"Its {'number' if kind == 'int' else 'uuid'}.", PATH_SCHEMAS[kind]
            )
            found.append(
                {
                    "name": name,
                    "in": "path",
                    "required": True,
                    "description": parameter.says,
                    "schema": parameter.schema,
                }
            )
        # Those of a handler without a GET are read by its other methods.
        if self.method == "GET" or "GET" not in self.handler.methods():
            for name, says, one, repeats in self.handler.parameters:
                kind = {"type": "array", "items": one} if repeats else one
                found.append({"name": name, "in": "query", "description": says, "schema": kind})
        headers = [CONDITIONS[status] for status in CONDITIONS.keys() & self.answers.keys()]
        if any(parameter.name == RESUMING for parameter in self.handler.parameters):
            headers.append(RESUMES)
        if self.takes_key:
            headers.append(KEY)
        found += [{"name": name, "in": "header", "description": says, "schema": TEXT} for name, says in headers]
        return found

    def security(self) -> list[dict[str, list[str]]]:
        """The security requirements, any of which admits."""
        names = (*(self.handler.schemes if self.handler.authenticates else ()), *self.access.schemes)
        required: list[dict[str, list[str]]] = [{name: []} for name in names]
        return [{}, *required] if self.access.is_open else required


class Components:
    """The schemas that a document refers to, each once."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {}

    def named(self, name: str) -> dict[str, Any]:
        """A reference to schemas/NAME.json as a component."""
        key = "".join(part.capitalize() for part in re.split("[/_]", name))
        if key not in self.schemas:
            # A shape may refer to itself.
            self.schemas[key] = {}
            self.schemas[key] = self._component(schema.read(name), name)
        return {"$ref": f"#/components/schemas/{key}"}

    def body(self, one: schema.Schema) -> dict[str, Any]:
        """A reference to the component of a body that is taken."""
        key = "".join(part.capitalize() for part in re.split("[/_]", one.name))
        self.schemas[key] = self._component(one.described, one.name)
        return {"$ref": f"#/components/schemas/{key}"}

    def _component(self, document: Mapping[str, Any], name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.inline({key: value for key, value in document.items() if key != "$schema"}, name)
        if "description" in found:
            found["description"] = _DOCS.sub("", found["description"])
        found = _whole_alternatives(found)
        example = schema.ROOT / name.replace("/", "/examples/", 1)
        if (path := example.with_suffix(".json")).exists():
            found["examples"] = [json.loads(path.read_text(encoding="utf-8"))]
        return found

    def inline(self, node: Any, base: str = "", definitions: Mapping[str, Any] | None = None) -> Any:
        """The same schema; its references lead to components, and its own definitions stand where they are referred to. base: the name
        of the file, to which references are relative."""
        if isinstance(node, list):
            return [self.inline(inner, base, definitions) for inner in node]
        if not isinstance(node, Mapping):
            return node
        definitions = node.get("$defs", definitions) or {}
        more = {
            key: self.inline(value, base, definitions) for key, value in node.items() if key not in ("$ref", "$defs")
        }
        target = node.get("$ref")
        if target is None:
            return more
        if target.startswith(_LOCAL):
            return {**self.inline(definitions[target.removeprefix(_LOCAL)], base, definitions), **more}
        return {**self.named(urljoin(base, target).removesuffix(".json")), **more}


def document(
    described: Iterable[Described], *, info: Mapping[str, Any], groups: Iterable[str], schemes: Mapping[str, Any]
) -> dict[str, Any]:
    """The OpenAPI document of these routes. groups: their names, in the order of the page. schemes: the security schemes.

    Raises ValueError: a route says too little.
    """
    components = Components()
    paths: dict[str, Any] = {}
    ids: set[str] = set()
    for one in sorted(described, key=lambda one: one.route.path):
        path = template(one.route.path)
        for method in one.route.handler.methods():
            operation = Operation(one, method)
            name = operation.id
            if name in ids:
                # The same handler at another path.
                name = f"{name}_{_words(path.split('/')[2])}"
            ids.add(name)
            paths.setdefault(path, {})[method.lower()] = _operation(operation, name, components)
    return {
        "openapi": "3.1.0",
        "info": dict(info),
        "tags": [{"name": name} for name in groups],
        "paths": paths,
        "components": {
            "securitySchemes": dict(schemes),
            "headers": {
                **{name: _header(says) for name, says in HEADERS.items()},
                # An administrator may switch the limits off.
                **{name: _header(says, is_required=False) for name, says in rate_limit.HEADERS.items()},
            },
            "schemas": dict(sorted(components.schemas.items())),
        },
    }


def _header(says: str, *, is_required: bool = True) -> dict[str, Any]:
    return {"description": says, "required": is_required, "schema": {"type": "string"}}


def _operation(operation: Operation, name: str, components: Components) -> dict[str, Any]:
    who = f"Who may call: {operation.access.says}."
    found: dict[str, Any] = {
        "operationId": name,
        "summary": operation.said.summary,
        "description": f"{operation.said.details}\n\n{who}".strip(),
        "tags": list(operation.groups),
        "security": operation.security(),
    }
    if parameters := operation.parameters():
        found["parameters"] = parameters
    if operation.bodies.schemas:
        found["requestBody"] = _request_body(operation.bodies, components)
    found["responses"] = {
        str(status): _response(operation, status, answers, components) for status, answers in operation.answers.items()
    }
    return found


def _request_body(bodies: Bodies, components: Components) -> dict[str, Any]:
    refs = [components.body(one) for one in bodies.schemas]
    if bodies.most:
        # Wrong items are reported one by one in the answer, so no item makes the whole body wrong.
        items = {"anyOf": [*refs, {}]}
        refs.append({"type": "array", "maxItems": bodies.most, "items": items})
    shape = refs[0] if len(refs) == 1 else {"anyOf": refs}
    content: dict[str, Any] = {JSON: {"schema": shape}}
    content |= {media: {"schema": {"type": "string"}} for media in bodies.media}
    if bodies.files:
        files = {name: {"type": "string", "format": "binary"} for name in bodies.files}
        [first, *_] = bodies.schemas
        whole = components.inline(first.described, first.name)
        properties = {**whole["properties"], **files}
        content[FORM] = {"schema": {"type": "object", "properties": properties, "required": whole.get("required", [])}}
    return {"required": not bodies.is_optional, "content": content}


def _response(operation: Operation, status: int, answers: list[Answer], components: Components) -> dict[str, Any]:
    found: dict[str, Any] = {"description": operation.says(status)}
    always = rate_limit.HEADERS if operation.handler.is_limited else ()
    headers: dict[str, Any] = {
        name: {"$ref": f"#/components/headers/{name}"} for answer in answers for name in (*answer.headers, *always)
    }
    if operation.takes_key:
        for name, says in KEY_HEADERS.get(status, {}).items():
            headers.setdefault(name, {"description": says, "required": False, "schema": TEXT})
    if headers:
        found["headers"] = headers
    content = {
        answer.media: {"schema": components.inline(answer.body)} for answer in answers if answer.body is not None
    }
    if content:
        found["content"] = content
    return found


def _whole_alternatives(node: dict[str, Any]) -> dict[str, Any]:
    """The same schema, where an object that requires one of several members is one of several objects: generators of clients know
    only these."""
    if "properties" not in node or any(one.keys() != {"required"} for one in node.get("anyOf", [{}])):
        return node
    shared = {name: value for name, value in node.items() if name not in ("anyOf", "description")}
    required = node.get("required", [])
    wholes = [{**shared, "required": [*one["required"], *required]} for one in node["anyOf"]]
    return {"description": node["description"], "anyOf": wholes}


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace("-", "_")
