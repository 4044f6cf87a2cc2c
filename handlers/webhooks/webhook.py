"""Webhooks of an account: list, make, change, delete, rotate the secret, test. docs/api/webhooks.md"""

from typing import Any

from core.data import sql
from core.http import keyset
from core.http.declare import answers, body, idempotent
from core.http.destination import Refused
from core.http.keyset import Column
from core.http.paging import page_of
from core.http.parameter import BOOLEAN, Parameter
from core.problem import Problem, invalid, not_found
from handlers.api import books_listing
from handlers.api.books_handler import stale
from handlers.api.books_listing import Listing
from handlers.api.roles import signed_in_caller
from handlers.webhooks import delivery, secret
from handlers.webhooks.handler import INACTIVE, WebhookHandler
from handlers.webhooks.sender import Sender
from handlers.webhooks.topic import check_topics

# Webhooks of an account.
MOST = 20
# For how long the secret before a rotation signs too.
ROTATION_HOURS = 24
# To look up the host of a URL that is stored.
LOOK_UP_SECONDS = 2.0
COLUMNS = {"id": Column("w.id", "bigint", keyset.is_id)}
FULL = Problem(400, "full", f"An account has at most {MOST} webhooks. Delete one first.")

query = sql.load("webhooks/webhook")
webhooks = Listing(None, query.find_webhooks, query.walk_webhooks, COLUMNS, ("-id",))


class ChangesWebhooks(WebhookHandler):
    """Checks what a body says beside its schema, and shows secrets."""

    async def check(self) -> None:
        """Check the topics and the URL of the body. Raises Problem 400."""
        sent: dict[str, Any] = self.body
        if "topics" in sent:
            check_topics(signed_in_caller(self), sent["topics"])
        if "url" in sent:
            try:
                await self.application.kept(Sender).client.check(sent["url"], LOOK_UP_SECONDS, self.owner_id)
            except Refused as error:
                raise invalid({"url": [str(error)]}) from None

    async def disclosed(self, document: str) -> str:
        """The document with the secret in it, which nobody keeps on its way."""
        self.set_header("Cache-Control", "no-store")
        return secret.disclosed(self.config.secret_keys, document)

    def committed(self) -> None:
        super().committed()
        self.application.kept(Sender).hint()


class Webhooks(ChangesWebhooks):
    parameters = (
        *books_listing.parameters(COLUMNS),
        Parameter("is_active", "Only webhooks that are active, or only those that are not.", BOOLEAN),
    )

    @answers(200, page_of("webhooks/webhook"))
    async def get(self) -> None:
        """List the webhooks of the account, newest first. 200; 400 a wrong filter, an invalid cursor; 404 there is no such page."""
        is_active = books_listing.flag(self, "is_active")
        filters = {} if is_active is None else {"is_active": is_active}
        self.reply(await books_listing.show_page(self, webhooks, filters))

    @answers(201, "webhooks/webhook_disclosed")
    @idempotent
    @body("webhooks/webhook_create")
    async def post(self) -> None:
        """Make a webhook. The answer has its secret, which is shown only this once. 201; 400 wrong fields, a URL to which nothing is sent, a
        topic that the account may not see, or a twenty-first webhook."""
        await self.check()

        async def make(db: sql.Runner) -> tuple[int, str]:
            made = await query.create_webhook(
                db,
                owner_id=self.owner_id,
                body=self.body_text,
                salt=secret.new_salt(),
                key_check=secret.key_check(self.config.secret_key),
                most=MOST,
                actor=self.actor,
            )
            if made["is_full"]:
                raise FULL
            return 201, made["document"]

        await self.once(make, is_one_statement=True, shown=self.disclosed)


class Webhook(ChangesWebhooks):
    @answers(200, "webhooks/webhook", headers=("ETag",))
    async def get(self, id: str) -> None:
        """Show a webhook, without its secret. 200; 404."""
        self.show(await query.get_webhook(self.db, owner_id=self.owner_id, id=int(id)))

    @stale
    @answers(200, "webhooks/webhook", headers=("ETag",))
    @body("webhooks/webhook_create")
    async def put(self, id: str) -> None:
        """Replace a webhook. Fields that the body omits stay. 200; 400 wrong fields, a URL to which nothing is sent, or a topic that the
        account may not see; 404; 412 the webhook is in another state than If-Match says."""
        await self._change(id)

    @stale
    @answers(200, "webhooks/webhook", headers=("ETag",))
    @body("webhooks/webhook_patch")
    async def patch(self, id: str) -> None:
        """Change some fields of a webhook. One that is activated again goes on with the deliveries that wait. 200; 400 wrong fields, a URL to
        which nothing is sent, or a topic that the account may not see; 404; 412 the webhook is in another state than If-Match says."""
        await self._change(id)

    @stale
    async def delete(self, id: str) -> None:
        """Delete a webhook with its deliveries. 204; 404; 412 the webhook is in another state than If-Match says."""
        gone = await query.delete_webhook(
            self.db, owner_id=self.owner_id, id=int(id), if_match=self.if_match, actor=self.actor
        )
        self.current(gone)
        self.reply_nothing()

    async def _change(self, id: str) -> None:
        await self.check()
        changed = await query.change_webhook(
            self.db, owner_id=self.owner_id, id=int(id), body=self.body_text, if_match=self.if_match, actor=self.actor
        )
        self.show_changed(changed)


class Rotate(ChangesWebhooks):
    @stale
    @answers(201, "webhooks/webhook_disclosed")
    @idempotent
    async def post(self, id: str) -> None:
        """Give a webhook a new secret, which is shown only this once. For 24 hours the secret before signs too. 201; 404;
        412 the webhook is in another state than If-Match says."""

        async def rotate(db: sql.Runner) -> tuple[int, str]:
            check, *older = secret.by_check(self.config.secret_keys)
            rotated = await query.rotate_secret(
                db,
                owner_id=self.owner_id,
                id=int(id),
                salt=secret.new_salt(),
                key_check=check,
                known_checks=[check, *older],
                hours=ROTATION_HOURS,
                if_match=self.if_match,
                actor=self.actor,
            )
            return 201, self.current(rotated)["document"]

        await self.once(rotate, is_one_statement=True, shown=self.disclosed)


class Test(ChangesWebhooks):
    @answers(202, "webhooks/delivery")
    @answers(409, WebhookHandler.dialect.error)
    @idempotent
    async def post(self, id: str) -> None:
        """Send the event `webhook.test` to a webhook. What comes of it is in its deliveries. 202; 404; 409 the webhook is not active."""

        async def send(tx: sql.Runner) -> tuple[int, str]:
            queued = await query.send_test(tx, owner_id=self.owner_id, id=int(id))
            if queued is None:
                raise not_found(self.missing)
            if queued["is_inactive"]:
                raise INACTIVE
            return 202, await delivery.query.show_delivery(tx, id=queued["id"])

        await self.once(send)


groups = ("Server: webhooks",)
routes = [
    ("/api/webhooks/", Webhooks),
    ("/api/webhooks/{id:int}/", Webhook),
    ("/api/webhooks/{id:int}/rotate/", Rotate),
    ("/api/webhooks/{id:int}/test/", Test),
]
