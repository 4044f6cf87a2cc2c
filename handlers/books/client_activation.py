"""Making a client active or inactive. docs/api/books.md#clients."""

import json

from core.data import sql
from core.http.declare import answers, closed, ref
from core.http.json_text import composed
from core.problem import Problem
from handlers.api.books_handler import stale
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
        found = await query.set_active(
            self.db,
            owner_id=self.owner_id,
            id=int(id),
            is_active=self.to,
            if_match=self.if_match,
            actor=self.actor,
            action=self.action,
        )
        row = self.found(found)
        if row["was_so"]:
            raise Problem(400, "client-state", self.refused)
        row = self.current(row)
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


groups = ("Books: clients",)
routes = [
    ("/api/clients/{id:int}/activate/", ActivateClient),
    ("/api/clients/{id:int}/deactivate/", DeactivateClient),
]
