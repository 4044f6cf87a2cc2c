"""Finding the handler of a path: literal paths are in one dict, paths with parameters are grouped by their literal prefix.

Tornado tries one regular expression after another, which takes too long with hundreds of routes. Both `/x` and `/x/` reach the
handler without a redirect, in which a POST would lose its body.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from core.http.handler import Handler

# {id} matches one segment; {id:int} only what fits a bigint, so a malformed id is 404; {path:path} any number of segments.
_KINDS = {"": r"[^/]+", "int": r"[0-9]{1,18}", "path": r".+"}
_PARAMETER = re.compile(r"\{([a-z_]+)(?::([a-z]+))?\}")


class Route(NamedTuple):
    path: str
    handler: type[Handler]


class Router:
    """routes: (path, handler) pairs. fallbacks: (path prefix, handler) pairs for all other paths; the longest prefix wins.

    Raises ValueError when two routes have the same path.
    """

    def __init__(
        self, routes: Iterable[tuple[str, type[Handler]]], fallbacks: Iterable[tuple[str, type[Handler]]]
    ) -> None:
        self.routes = [Route(*route) for route in routes]
        self._fallbacks = sorted(fallbacks, key=lambda pair: -len(pair[0]))
        self._literal: dict[str, type[Handler]] = {}
        self._grouped: dict[str, list[tuple[re.Pattern[str], type[Handler]]]] = {}
        taken: set[str] = set()
        for path, handler in self.routes:
            key = path.removesuffix("/")
            # Paths that differ only in the names of parameters are the same.
            shape = _PARAMETER.sub(r"{\2}", key)
            if shape in taken:
                raise ValueError(f"two routes for {path}")
            taken.add(shape)
            if "{" not in path:
                self._literal[key] = handler
            else:
                prefix = key[: key.index("{")]
                self._grouped.setdefault(prefix, []).append((re.compile(_expression(key)), handler))

    def find(self, path: str) -> tuple[type[Handler], dict[str, str]]:
        """The handler of `path` and its parameters, percent-decoded."""
        key = path.removesuffix("/")
        handler = self._literal.get(key)
        if handler is not None:
            return handler, {}
        cut = len(key)
        while (cut := key.rfind("/", 0, cut)) >= 0:
            for pattern, candidate in self._grouped.get(key[: cut + 1], ()):
                match = pattern.fullmatch(key)
                parameters = _decoded(match.groupdict()) if match is not None else None
                if parameters is not None:
                    return candidate, parameters
        return next(handler for prefix, handler in self._fallbacks if path.startswith(prefix)), {}


def _decoded(parameters: dict[str, str]) -> dict[str, str] | None:
    """The parameters, percent-decoded; None when one is not UTF-8 or has a NUL character, which no name has."""
    try:
        found = {name: unquote(value, errors="strict") if "%" in value else value for name, value in parameters.items()}
    except UnicodeDecodeError:
        return None
    return None if any("\0" in value for value in found.values()) else found


def _expression(path: str) -> str:
    parts, at = [], 0
    for parameter in _PARAMETER.finditer(path):
        parts += [re.escape(path[at : parameter.start()]), f"(?P<{parameter[1]}>{_KINDS[parameter[2] or '']})"]
        at = parameter.end()
    return "".join([*parts, re.escape(path[at:])])
