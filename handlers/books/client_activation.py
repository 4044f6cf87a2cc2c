"""Making a client active or inactive. docs/api/books.md#clients."""

import json
from collections.abc import Mapping
from typing import Any

from core.data import sql
from core.http.declare import answers, closed, ref
from core.http.json_text import composed
from core.problem import Problem
from handlers.api.books_handler import stale
from handlers.api.handler import ApiHandler
from handlers.books.client import ClientHandler

CHANGED = closed({"message": {"type": "string"}, "client": ref("books/client")})

query = sql.load("books/client_activation")


class Activation(ClientHandler):
    """The base of both. to: whether clients become active. action: in the audit. said, refused: the messages."""

    to: bool
    action: str
    said: str
    refused: str

    async def _set(self, id: str) -> None:
        whose = {"owner_id": self.owner_id, "id": int(id)}
        row = self.current(await set_active(self, type(self), **whose, if_match=self.if_match))
        self.set_header("ETag", row["etag"])
        self.reply(composed({"message": json.dumps(self.said), "client": row["document"]}))


class ActivateClient(Activation):
    to, action = True, "client.activate"
    said, refused = "Client activated successfully.", "The client is already active."

    @stale
    @answers(200, CHANGED, headers=("ETag",))
    async def post(self, id: str) -> None:
        """Make a client active. 200; 400 it is active already; 404; 412 the client is in another state than If-Match says."""
        await self._set(id)


class DeactivateClient(Activation):
    to, action = False, "client.deactivate"
    said, refused = "Client deactivated successfully.", "The client is already inactive."

    @stale
    @answers(200, CHANGED, headers=("ETag",))
    async def post(self, id: str) -> None:
        """Make a client inactive. 200; 400 it is inactive already; 404; 412 the client is in another state than If-Match says."""
        await self._set(id)


async def set_active(
    handler: ApiHandler, step: type[Activation], owner_id: int, id: int, if_match: list[str] | None = None
) -> Mapping[str, Any] | None:
    """Make a client active or inactive; returns its row (is_stale, document, etag), None: it doesn't exist. Raises Problem 400: it is so already."""
    row: Mapping[str, Any] | None = await query.set_active(
        handler.db,
        owner_id=owner_id,
        id=id,
        is_active=step.to,
        if_match=if_match,
        actor=handler.actor,
        action=step.action,
    )
    if row is not None and row["was_so"]:
        raise Problem(400, "client-state", step.refused)
    return row


groups = ("Books: clients",)
routes = [
    ("/api/clients/{id:int}/activate/", ActivateClient),
    ("/api/clients/{id:int}/deactivate/", DeactivateClient),
]
