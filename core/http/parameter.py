"""The query parameters that handlers read. A handler declares its own in `parameters`, so that the description of the API is complete."""

from collections.abc import Mapping
from typing import Any, NamedTuple

TEXT: Mapping[str, Any] = {"type": "string"}
DATE: Mapping[str, Any] = {"type": "string", "format": "date"}
BOOLEAN: Mapping[str, Any] = {"type": "boolean"}
INTEGER: Mapping[str, Any] = {"type": "integer"}
UUID: Mapping[str, Any] = {"type": "string", "format": "uuid"}
# What {id:int} of a path takes (core/http/router.py).
ID: Mapping[str, Any] = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}
EMAIL: Mapping[str, Any] = {"type": "string", "format": "email"}


class Parameter(NamedTuple):
    """says: what it means, in a sentence for the clients' authors. schema: of a right value (JSON Schema); many handlers ignore a wrong
    one, as their documents do. repeats: it may be given several times."""

    name: str
    says: str
    schema: Mapping[str, Any] = TEXT
    repeats: bool = False
