"""Badges on paper: a card with a person's name, picture and the codes of their e-mail. docs/api/accounts.md#badges."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.paper.codes import bars, code_rows, qr
from core.paper.fonts import writing
from core.paper.labels import Label, LabelSheet, fitted, labels_pdf
from core.paper.pages import POINTS_OF_MILLIMETRE
from core.paper.picture import Picture
from core.paper.rows import CENTRE, LEFT, Drawing, Ink, Row, Rows, beside, height

# Of a card, in millimetres (ISO/IEC 7810, ID-1).
WIDTH, HEIGHT, PADDING = 85.6, 54, 4
SHEETS = {
    "card": LabelSheet(WIDTH, HEIGHT, 1, 1, WIDTH, HEIGHT, padding=PADDING),
    "a4": LabelSheet(210, 297, 2, 4, WIDTH, HEIGHT, (10, 10), PADDING),
}
LANGUAGE = "en"
# Of letters, in points; and of the name, which is as large as fits, the role and the header, in sizes of it.
SIZE, NAMES, ROLE, HEADER = 8, (1.75, 1.4, 1.1), 1.15, 0.9
# Characters of one text, and rows of a name.
MOST, NAME_ROWS = 300, 3
# In millimetres: of the picture, of the QR code, of the bars, and between what stands beside one another.
PICTURE_WIDTH, PICTURE_HEIGHT, CODE_SIDE, BARS_HEIGHT, GUTTER = 20, 25, 27, 7.5, 2
GREY: Ink = (0.35, 0.35, 0.35)


class Badge(NamedTuple):
    """person: a row of list_badges (sql/accounts/badge.sql). picture: None without one."""

    person: Mapping[str, Any]
    picture: Picture | None


def badges_pdf(badges: Sequence[Badge], sheet: str, header: Sequence[str]) -> bytes:
    """The badges as a PDF. sheet: a key of SHEETS. header: the firm, in lines, of which the first is shown."""
    with writing:
        title = f"Badge {badges[0].person['name']}" if len(badges) == 1 else "Badges"
        found = SHEETS[sheet]
        cards = (_card(one, found.room, next(iter(header), "")) for one in badges)
        return labels_pdf(cards, found, title=title, language=LANGUAGE, is_cut=found.labels > 1)


def _card(badge: Badge, room: tuple[float, float], header: str) -> Label:
    person, picture = badge.person, badge.picture
    width, its_height = room
    side, gutter = CODE_SIDE * POINTS_OF_MILLIMETRE, GUTTER * POINTS_OF_MILLIMETRE
    square = qr(person["email"], side)
    start = PICTURE_WIDTH * POINTS_OF_MILLIMETRE + gutter if picture else 0.0
    texts = Rows(width - start - (side + gutter if square else 0), SIZE, MOST)
    whole = Rows(width, SIZE, MOST)
    found = bars(person["email"], width, BARS_HEIGHT * POINTS_OF_MILLIMETRE)
    foot = code_rows(found, person["email"], width, SIZE, CENTRE) or whole.text(person["email"], most_rows=2)
    top = whole.text(header, is_bold=True, scale=HEADER, ink=GREY, most_rows=1) if header else []
    about = [
        *_name(person["name"], texts),
        *texts.text(person["role"].title(), scale=ROLE),
        *(texts.text(person["job_title"], ink=GREY, most_rows=2) if person["job_title"] else []),
    ]
    parts: list[tuple[float, Sequence[Row]]] = [(start, fitted(about, its_height - height([*top, *foot])))]
    parts += [(0.0, _drawn(picture))] if picture else []
    parts += [(width - side, _drawn(square))] if square else []
    return Label([*top, beside(*parts)], foot)


def _name(name: str, rows: Rows) -> list[Row]:
    """The name in letters as large as fit."""
    for scale in NAMES:
        found = rows.text(name, is_bold=True, scale=scale)
        if len(found) <= NAME_ROWS:
            return found
    return rows.text(name, is_bold=True, scale=NAMES[-1], most_rows=NAME_ROWS)


def _drawn(drawing: Drawing) -> list[Row]:
    return [Row(drawing.height, picture=(LEFT, drawing))]
