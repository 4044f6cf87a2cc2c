"""One attempt to send a delivery: the signed request, and what its outcome means. docs/api/webhooks.md#attempts"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core import product
from core.http.destination import Refused
from core.http.outbound import Outbound, Unreachable
from handlers.webhooks import secret

# Characters of an answer that the log keeps.
MOST_KEPT = 1_000
# A receiver that takes longer is slow: its lanes share the places of slow ones, so that they hold no quick receiver up.
SLOW_SECONDS = 1.0
# A Retry-After counts up to a day: a delivery is tried for three.
LONGEST_RETRY_AFTER = 86_400.0
USER_AGENT = f"{product.NAME}-Webhooks/{product.VERSION}"
# Too many requests; the receiver is to be asked again.
TOO_MANY, GONE = 429, 410

Turn = Mapping[str, Any]


async def make(client: Outbound, keys: Mapping[bytes, str], account: int, turn: Turn) -> dict[str, Any]:
    """Send what a turn of an account's lane says (webhooks.take_turns); returns its outcome, as webhooks.note_outcomes reads it. It raises nothing
    that a receiver can cause. keys: of secret.by_check."""
    started, clock = datetime.now(UTC), time.monotonic()
    outcome: dict[str, Any] = {name: turn[name] for name in ("webhook_id", "topic", "delivery_id", "attempts")}
    if turn["key_check"] not in keys:
        return {**outcome, "result": "key", "go_on": False, "is_slow": turn["is_slow"]}
    try:
        response = await client.post(turn["url"], turn["body"].encode(), _headers(keys, turn, started), account)
        result = _result(response.status)
        outcome |= {"response_status": response.status, "response_body": _text(response.body)}
        if result != "delivered":
            outcome["error"] = _error(response.status)
        if result == "failed" and response.retry_after is not None:
            outcome["retry_after"] = min(response.retry_after, LONGEST_RETRY_AFTER)
    except Unreachable as error:
        result = "failed"
        outcome["error"] = str(error)
    except Refused as error:
        result = "dead"
        outcome["error"] = str(error)
    seconds = time.monotonic() - clock
    is_slow = seconds > SLOW_SECONDS
    return {
        **outcome,
        "result": result,
        "started_at": started.isoformat(),
        "duration_ms": round(seconds * 1000),
        "is_slow": is_slow,
        # A lane that has become slow goes back, and is taken again as a slow one.
        "go_on": not is_slow,
    }


def _headers(keys: Mapping[bytes, str], turn: Turn, now: datetime) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": turn["message_id"],
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": secret.signatures(keys, turn, now),
    }


def _result(status: int) -> str:
    if 200 <= status < 300:
        return "delivered"
    if status == GONE:
        return "gone"
    return "failed" if 500 <= status < 600 or status == TOO_MANY else "dead"


def _error(status: int) -> str:
    if 300 <= status < 400:
        return f"The receiver answered {status}; redirects are not followed."
    return f"The receiver answered {status}."


def _text(body: bytes) -> str:
    """The beginning of an answer as text that Postgres holds."""
    return body[: 4 * MOST_KEPT].decode("utf-8", "replace").replace("\0", "�")[:MOST_KEPT]
