"""What a client prefers of what is offered, by the headers Accept and Accept-Language (RFC 9110, 12.5).

Malformed ranges are ignored. A header without a range that is right counts as absent, which accepts everything.
"""

import re
from collections.abc import Callable, Sequence

# Ranges of a header that are read. Clients send about ten; each one costs time on the event loop.
MOST_RANGES = 100
_MEDIA = re.compile(r"\*/\*|[a-z0-9!#$&^_.+-]+/(?:\*|[a-z0-9!#$&^_.+-]+)")
_LANGUAGE = re.compile(r"\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*")
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")

# How closely a range means what is offered; the closest range decides. Negative: it does not.
Closeness = Callable[[str, str], int]


def media_type(header: str, offered: Sequence[str]) -> str | None:
    """The media type that Accept prefers; None: none is acceptable. Of equal ones the one that is named more closely, or else earlier,
    and without any preference the first one that is offered."""
    return _preferred(_ranges(header, _MEDIA), offered, _closeness_of_media)


def language(header: str, offered: Sequence[str]) -> str:
    """The language that Accept-Language prefers, or else the first one that is offered. offered: primary tags, such as `es`, which
    `es-MX` means too."""
    return _preferred(_ranges(header, _LANGUAGE), offered, _closeness_of_language) or offered[0]


def _ranges(header: str, form: re.Pattern[str]) -> list[tuple[str, float]]:
    """The ranges with their weights."""
    found = []
    for element in header.lower().split(",", MOST_RANGES)[:MOST_RANGES]:
        name, *parameters = (part.strip() for part in element.split(";"))
        weights = [value.strip() for key, _, value in (one.partition("=") for one in parameters) if key.strip() == "q"]
        if form.fullmatch(name) and all(_WEIGHT.fullmatch(weight) for weight in weights):
            found.append((name, float(weights[0]) if weights else 1.0))
    return found


def _preferred(ranges: Sequence[tuple[str, float]], offered: Sequence[str], closeness: Closeness) -> str | None:
    if not ranges:
        return offered[0]
    acceptable = []
    for one in offered:
        meant = [
            (close, weight, -place)
            for place, (name, weight) in enumerate(ranges)
            if (close := closeness(name, one)) >= 0
        ]
        close, weight, place = max(meant, default=(0, 0.0, 0))
        if weight > 0:
            acceptable.append(((weight, close, place), one))
    # Of equal ones max() returns the first.
    return max(acceptable, key=lambda found: found[0], default=(None, None))[1]


def _closeness_of_media(name: str, offered: str) -> int:
    if name == offered:
        return 2
    if name == "*/*":
        return 0
    return 1 if name.endswith("/*") and offered.startswith(name[:-1]) else -1


def _closeness_of_language(name: str, offered: str) -> int:
    if name == "*":
        return 0
    return 1 if name.partition("-")[0] == offered else -1
