"""Numbers as people write them: with a decimal point or comma, and signs between thousands. A text that may mean two
numbers is refused."""

import re

from core.text import cleaned

# 1234, 1234.5, 1234,56, .5
_PLAIN = re.compile(r"([0-9]*)[.,]([0-9]+)|([0-9]+)")
# 1,234.50  1.234,50  1 234,50  1'234.50  1,234,567
_GROUPED = re.compile(
    r"[0-9]{1,3}(?P<by>[.,'\u2019 \u00a0\u202f])[0-9]{3}(?:(?P=by)[0-9]{3})*(?P<rest>(?!(?P=by))[.,][0-9]+)?"
)
# 12,34,567.50: thousands, and then lakhs and crores
_INDIAN = re.compile(r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?P<rest>\.[0-9]+)?")
# A zero or more than three digits at the begin are no group of thousands.
_ONE_GROUP = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
# Characters of a number: none that fits any column has more.
LONGEST = 60


class Ambiguous(ValueError):
    """A text may mean two numbers: 1,234 is a thousand for some, and one and a bit for others."""


def digits(text: str) -> str | None:
    """The number as JSON writes it; None: the text is not a number. Raises Ambiguous."""
    sent = cleaned(text)
    sign, sent = ("-", sent[1:]) if sent.startswith("-") else ("", sent.removeprefix("+"))
    if len(sent) > LONGEST:
        return None
    if _ONE_GROUP.fullmatch(sent):
        raise Ambiguous(text)
    if plain := _PLAIN.fullmatch(sent):
        whole, fraction = plain[3] or plain[1] or "0", plain[2]
    elif grouped := _GROUPED.fullmatch(sent) or _INDIAN.fullmatch(sent):
        rest = grouped["rest"] or ""
        whole, fraction = re.sub("[^0-9]", "", sent.removesuffix(rest)), rest[1:]
    else:
        return None
    return f"{sign}{whole.lstrip('0') or '0'}{'.' + fraction if fraction else ''}"
