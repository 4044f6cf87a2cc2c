"""Numbers of a body exactly as they were sent. Handler.body has floats, which round them."""

import json
from decimal import Decimal

from core.http.handler import Handler
from core.problem import invalid


def sent_number(handler: Handler, name: str) -> Decimal | None:
    """The number that a member of the validated body has; None: the member is absent, or is no number."""
    members = json.loads(handler.body_text, parse_int=Decimal, parse_float=Decimal)
    found = members.get(name)
    return found if isinstance(found, Decimal) else None


def check_cents(name: str, amount: Decimal) -> None:
    """Raises Problem 400: the amount that a member has is not a whole number of cents."""
    if round(amount, 2) != amount:
        raise invalid({name: ["Ensure that there are no more than 2 decimal places."]})
