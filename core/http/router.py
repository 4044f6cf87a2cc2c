"""Finding the handler of a path: literal paths are in one dict, paths with parameters are grouped by their literal prefix.

Tornado tries one regular expression after another, which takes too long with hundreds of routes. Both `/x` and `/x/` reach the
handler without a redirect, in which a POST would lose its body.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

from core.http.handler import Handler

# {id} matches one segment; {id:int} only what fits a bigint and {id:uuid} only a UUID, so a malformed id is 404; {path:path} any number
# of segments.
_HEX = "[0-9A-Fa-f]"
_KINDS = {
    "": r"[^/]+",
    "int": r"[0-9]{1,18}",
    "uuid": f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}",
    "path": r".+",
}
# The same for what is no parameter of that kind, but stands in the place of one.
_LOOSE_KINDS = {**_KINDS, "int": _KINDS[""], "uuid": _KINDS[""]}
PARAMETER = re.compile(r"\{([a-z_]+)(?::([a-z]+))?\}")


class Route(NamedTuple):
    path: str
    handler: type[Handler]


class Found(NamedTuple):
    """The handler of a path, its parameters, percent-decoded, and the template of its route; "": the path has no route."""

    handler: type[Handler]
    parameters: dict[str, str]
    template: str


class _Pattern(NamedTuple):
    strict: re.Pattern[str]
    loose: re.Pattern[str]
    route: Route
    template: str


class Router:
    """routes: (path, handler) pairs. fallbacks: (path prefix, handler) pairs for all other paths; the longest prefix wins, and answers in
    the dialect of the route, and with its `missing`, if only a parameter of the path is malformed.

    Raises ValueError when two routes have the same path.
    """

    def __init__(
        self, routes: Iterable[tuple[str, type[Handler]]], fallbacks: Iterable[tuple[str, type[Handler]]]
    ) -> None:
        self.routes = [Route(*route) for route in routes]
        self._fallbacks = sorted(fallbacks, key=lambda pair: -len(pair[0]))
        self._misses: dict[tuple[type[Handler], type[Handler]], type[Handler]] = {}
        self._literal: dict[str, Route] = {}
        self._grouped: dict[str, list[_Pattern]] = {}
        taken: set[str] = set()
        for route in self.routes:
            key = route.path.removesuffix("/")
            # Paths that differ only in the names of parameters are the same.
            shape = PARAMETER.sub(r"{\2}", key)
            if shape in taken:
                raise ValueError(f"two routes for {route.path}")
            taken.add(shape)
            if "{" not in route.path:
                self._literal[key] = route
            else:
                pattern = _Pattern(
                    _expression(key, _KINDS), _expression(key, _LOOSE_KINDS), route, template(route.path)
                )
                self._grouped.setdefault(key[: key.index("{")], []).append(pattern)

    def find(self, path: str) -> Found:
        """What is found for `path`: its route, or the fallback."""
        key = path.removesuffix("/")
        literal = self._literal.get(key)
        if literal is not None:
            return Found(literal.handler, {}, literal.path)
        for pattern in self._candidates(key):
            match = pattern.strict.fullmatch(key)
            parameters = _decoded(match.groupdict()) if match is not None else None
            if parameters is not None:
                return Found(pattern.route.handler, parameters, pattern.template)
        fallback = next(handler for prefix, handler in self._fallbacks if path.startswith(prefix))
        for pattern in self._candidates(key):
            if pattern.loose.fullmatch(key):
                return Found(self._in_dialect_of(pattern.route.handler, fallback), {}, "")
        return Found(fallback, {}, "")

    def route(self, path: str) -> Route | None:
        """The route that `path` reaches; None: it has none."""
        key = path.removesuffix("/")
        if key in self._literal:
            return self._literal[key]
        found = (
            pattern.route
            for pattern in self._candidates(key)
            if (match := pattern.strict.fullmatch(key)) and _decoded(match.groupdict()) is not None
        )
        return next(found, None)

    def _candidates(self, key: str) -> Iterator[_Pattern]:
        """The patterns whose literal prefix the path has, the longest prefixes first."""
        cut = len(key)
        while (cut := key.rfind("/", 0, cut)) >= 0:
            yield from self._grouped.get(key[: cut + 1], ())

    def _in_dialect_of(self, handler: type[Handler], fallback: type[Handler]) -> type[Handler]:
        if type(handler.dialect) is type(fallback.dialect) and handler.missing == fallback.missing:
            return fallback
        pair = handler, fallback
        if pair not in self._misses:
            self._misses[pair] = type(
                fallback.__name__, (fallback,), {"dialect": handler.dialect, "missing": handler.missing}
            )
        return self._misses[pair]


def template(path: str) -> str:
    """The path of a route as OpenAPI writes it: /invoices/{id}/."""
    return PARAMETER.sub(r"{\1}", path)


def _decoded(parameters: dict[str, str]) -> dict[str, str] | None:
    """The parameters, percent-decoded; None when one is not UTF-8 or has a NUL character, which no name has."""
    try:
        found = {name: unquote(value, errors="strict") if "%" in value else value for name, value in parameters.items()}
    except UnicodeDecodeError:
        return None
    return None if any("\0" in value for value in found.values()) else found


def _expression(path: str, kinds: dict[str, str]) -> re.Pattern[str]:
    parts, at = [], 0
    for parameter in PARAMETER.finditer(path):
        parts += [re.escape(path[at : parameter.start()]), f"(?P<{parameter[1]}>{kinds[parameter[2] or '']})"]
        at = parameter.end()
    return re.compile("".join([*parts, re.escape(path[at:])]))
