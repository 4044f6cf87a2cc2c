"""What has changed in a vendor's catalogue since a device last asked, and the live stream of changes. docs/api/vendor.md#changes."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from core.http import json_text
from core.http.declare import answers
from core.http.openapi import EVENT_STREAM
from core.http.parameter import Parameter
from core.http.schema import is_uuid
from handlers.vendor import picture
from handlers.vendor.catalogue import query
from handlers.vendor.handler import VendorHandler, approved_vendor, caller_of, refused

TOPIC = "vendor.catalogue"
# Changes of one answer.
MOST = 500
LONGEST_TOKEN = 200
NO_ID, LAST_ID = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"
# Before the first and after the last rank of list_changes.
FIRST_RANK, LAST_RANK = -1, 3


class Token(NamedTuple):
    """How far a device has read. position, rank, id: the last change of the vendor's own rows (list_changes). global_position: the last change
    of a global category. base, global_base: up to where it needs no tombstones."""

    position: int = 0
    rank: int = FIRST_RANK
    id: str = NO_ID
    global_position: int = 0
    base: int = 0
    global_base: int = 0

    def text(self) -> str:
        """The token as clients get it."""
        sent = json.dumps(self, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(sent).decode().rstrip("=")


def read(sent: str) -> Token:
    """The token that a client sends back. Raises Problem 400."""
    try:
        padded = sent[:LONGEST_TOKEN] + "=" * (-len(sent[:LONGEST_TOKEN]) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or [type(part) for part in found] != [int, int, str, int, int, int]:
        raise refused("Invalid token")
    token = Token(*found)
    numbers = (token.position, token.global_position, token.base, token.global_base)
    if not (all(0 <= one < 2**62 for one in numbers) and FIRST_RANK <= token.rank <= LAST_RANK and is_uuid(token.id)):
        raise refused("Invalid token")
    return token


class CatalogueChanges(VendorHandler):
    access = approved_vendor
    parameters = (
        Parameter("since", "The `next` of the answer before; without it everything is sent."),
        Parameter("limit", "Changes of one answer.", {"type": "integer", "minimum": 1, "maximum": MOST}),
    )

    @answers(200, "vendor/changes")
    async def get(self) -> None:
        """List what has changed since a token, in the order of the commits: rows as they are now, inactive ones too, and what was deleted.
        `next` is the token to ask with next, at once if `more` is true. `reset` means that the token is too old: the device deletes what it
        has, and this answer begins from the start. 200; 400 a malformed token."""
        given = self.asked("limit")
        most = (
            min(int(given), MOST) if given.isascii() and given.isdecimal() and len(given) < 10 and int(given) else MOST
        )
        since = self.asked("since")
        token = read(since) if since else None
        rows = await self._changes(token or Token(), most)
        is_reset = token is not None and not _is_complete(token, rows[0])
        if token is None or is_reset:
            # A device that begins has nothing that was deleted up to now.
            token = Token(base=rows[0]["head"], global_base=rows[0]["global_head"])
            rows = await self._changes(token, most)
        changes = [row for row in rows if row["id"] is not None]
        has_more = len(changes) > most
        following = _after(token, changes[:most], rows[0], has_more)
        self.reply(await picture.linked(self, _document(changes[:most], following, has_more, is_reset)))

    async def _changes(self, token: Token, most: int) -> Sequence[asyncpg.Record]:
        rows: Sequence[asyncpg.Record] = await query.list_changes(
            self.db, vendor_id=self.vendor_id, **token._asdict(), most=most + 1
        )
        return rows


def _is_complete(token: Token, heads: asyncpg.Record) -> bool:
    """Whether everything that was deleted after the token is still known, and the token is not of a later time than the database, which
    may have been restored."""
    return bool(
        heads["forgotten"] <= max(token.base, token.position)
        and heads["global_forgotten"] <= max(token.global_base, token.global_position)
        and max(token.position, token.base) <= heads["head"]
        and max(token.global_position, token.global_base) <= heads["global_head"]
    )


def _after(token: Token, changes: Sequence[asyncpg.Record], heads: asyncpg.Record, has_more: bool) -> Token:
    """The token of a device that has read these changes after `token`."""
    if not has_more:
        head, global_head = heads["head"], heads["global_head"]
        return Token(head, LAST_RANK, LAST_ID, global_head, head, global_head)
    last = changes[-1]
    if not last["is_own"]:
        return token._replace(global_position=last["position"])
    # All global changes come before the own ones.
    token = token._replace(global_position=heads["global_head"], global_base=heads["global_head"])
    return token._replace(position=last["position"], rank=last["rank"], id=last["id"])


def _document(changes: Sequence[asyncpg.Record], following: Token, has_more: bool, is_reset: bool) -> str:
    parts: dict[str, list[str]] = {"items": [], "categories": [], "deleted": []}
    for row in changes:
        parts["deleted" if row["rank"] == 2 else "items" if row["rank"] == 1 else "categories"].append(row["document"])
    members = {name: f"[{','.join(documents)}]" for name, documents in parts.items()}
    members |= {"next": json.dumps(following.text()), "more": json.dumps(has_more), "reset": json.dumps(is_reset)}
    return json_text.composed(members)


class CatalogueStream(VendorHandler):
    """A stream that ends with the session of its reader (handlers/api/stream_session.py)."""

    access = approved_vendor
    parameters = (
        Parameter("lastEventId", "Resumes after this event, as the header Last-Event-ID does."),
        Parameter("token", "The token of the sign-in, for clients that can't send headers."),
    )

    @property
    def bearer(self) -> str | None:
        """EventSource can't send headers, so here the token may also come as ?token=."""
        return super().bearer or self.asked("token") or None

    @answers(200, {"type": "string"}, media=EVENT_STREAM)
    async def get(self) -> None:
        """Watch the changes of the catalogue live. The `data` of an event has the kind of the rows that changed together (`item` or
        `category`), the ids of those that were made or changed (`changed`), and of those that were deleted (`deleted`); the rows
        themselves are in the changes. An event named `reset` means that the reader has to ask for the changes. 200."""
        wanted = (frozenset({self.vendor_id}),)
        lease = caller_of(self).lease
        await self.application.streams.serve(self, TOPIC, self.last_event_id, lease, wanted=wanted)


groups = ("Vendor: changes",)
routes = [("/items/changes/", CatalogueChanges), ("/items/sse/", CatalogueStream)]
