"""From a path to its handler: literal paths in one dict, parameterised ones grouped by their literal prefix.

Tornado tries one regex after another; with hundreds of routes the last would wait for all the others. Both `/x` and `/x/` reach
the handler, without a redirect (which would lose a POST's body).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from core.handler import Handler

# {id} is one segment; {id:int} matches nothing that isn't a bigint, so a malformed id is simply not found.
_KINDS = {"": r"[^/]+", "int": r"[0-9]{1,18}", "path": r".+"}
_PARAMETER = re.compile(r"\{([a-z_]+)(?::([a-z]+))?\}")


class Route(NamedTuple):
    path: str
    handler: type[Handler]


class Router:
    """routes: (path, handler) pairs. fallbacks: (path prefix, handler) for paths that no route has, longest prefix first."""

    def __init__(self, routes: Iterable[tuple[str, type[Handler]]], fallbacks: Iterable[tuple[str, type[Handler]]]) -> None:
        self.routes = [Route(*route) for route in routes]
        self._fallbacks = sorted(fallbacks, key=lambda pair: -len(pair[0]))
        self._literal: dict[str, type[Handler]] = {}
        self._grouped: dict[str, list[tuple[re.Pattern[str], type[Handler]]]] = {}
        for path, handler in self.routes:
            key = path.rstrip("/")
            if "{" not in path:
                if key in self._literal:
                    raise ValueError(f"two routes for {path}")
                self._literal[key] = handler
            else:
                prefix = key[: key.index("{")]
                self._grouped.setdefault(prefix, []).append((re.compile(_expression(key)), handler))

    def find(self, path: str) -> tuple[type[Handler], dict[str, str]]:
        """The handler of `path` and its parameters (percent-decoding is left to Tornado)."""
        key = path.rstrip("/") if len(path) > 1 and path[-1] == "/" else path
        handler = self._literal.get("" if key == "/" else key)
        if handler is not None:
            return handler, {}
        cut = len(key)
        while (cut := key.rfind("/", 0, cut)) >= 0:
            for pattern, candidate in self._grouped.get(key[: cut + 1], ()):
                match = pattern.fullmatch(key)
                if match is not None:
                    return candidate, match.groupdict()
        return next(handler for prefix, handler in self._fallbacks if path.startswith(prefix)), {}


def _expression(path: str) -> str:
    parts, at = [], 0
    for parameter in _PARAMETER.finditer(path):
        parts += [re.escape(path[at : parameter.start()]), f"(?P<{parameter[1]}>{_KINDS[parameter[2] or '']})"]
        at = parameter.end()
    return "".join([*parts, re.escape(path[at:])])
