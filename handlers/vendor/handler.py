"""The bases of the vendor API's handlers: they know the vendor who calls. docs/api/vendor.md#tokens, docs/api/vendor.md#approval."""

import hashlib
import json
import time
from typing import NamedTuple

import tornado.httputil

from core import product
from core.access import Access
from core.data import sql
from core.http.application import Application
from core.problem import Problem
from handlers.api.caller import KNOWN_SECONDS, Caller
from handlers.api.dialects import VendorDialect
from handlers.api.handler import ApiHandler
from handlers.vendor import token

PENDING = "Your vendor account is pending approval. Please wait for admin approval."
NO_PROFILE = "Vendor profile not found"
# The documented 401 has no challenge, but RFC 9110 (15.5.2) asks for one.
CHALLENGE = {"WWW-Authenticate": "Token"}
# After that a vendor is read again, whatever the event log says.
REMEMBERED_SECONDS = 60
# Vendors that a process remembers: some 6 MB.
MOST_REMEMBERED = 20_000

query = sql.load("vendor/vendor")


class Vendor(NamedTuple):
    """id: a UUID, as text."""

    id: str
    business_name: str
    is_approved: bool


class Vendors:
    """The vendors that this process remembers, by account, as handlers/api/caller.py remembers callers: a change of a vendor takes effect
    in every process in less than 100 ms."""

    def __init__(self, app: Application) -> None:
        self._app = app
        # The vendor, None where the account has none, and until when that is remembered (monotonic).
        self._known: dict[int, tuple[Vendor | None, float]] = {}
        self._changes = 0

    async def find(self, account_id: int) -> Vendor | None:
        """The vendor of an account; None: the account has none. Raises Problem 503."""
        now = time.monotonic()
        if self._app.events.is_known(KNOWN_SECONDS) and account_id in self._known:
            vendor, until = self._known[account_id]
            if now < until:
                return vendor
        changes = self._changes
        row = await query.get_vendor_of_account(self._app.db, account_id=account_id)
        vendor = Vendor(**dict(row)) if row is not None else None
        # If a change arrived during the query, the row may be older than the change, and is not remembered.
        if changes == self._changes:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[account_id] = (vendor, now + REMEMBERED_SECONDS)
        return vendor

    def apply(self, payload: bytes | None) -> None:
        """Forget the vendor of the account that an event of accounts.changed names; all vendors without event."""
        changed = json.loads(payload) if payload is not None else {}
        if "session_id" in changed:
            return
        self._changes += 1
        if "account_id" in changed:
            self._known.pop(changed["account_id"], None)
        else:
            self._known.clear()


class TokenHandler(ApiHandler):
    """Knows its caller from `Authorization: Token …`; None without such a header."""

    dialect = VendorDialect()
    schemes = ("token",)

    @property
    def bearer(self) -> str | None:
        """The token of the Authorization header; None without the header, or with another scheme."""
        return _token_of(self.request)

    async def authenticate(self) -> None:
        """Set self.caller. Raises Problem 401: the token is unknown, its session has ended, or its account is inactive."""
        given = self.bearer
        if given is None:
            return
        self.caller = await token.caller_of(self.application, given)
        if self.caller is None:
            raise not_signed_in()


class VendorHandler(TokenHandler):
    """The base of handlers for approved vendors. What belongs to another vendor doesn't exist for the caller."""

    # None: the caller's account has no vendor.
    vendor: Vendor | None = None

    async def authenticate(self) -> None:
        await super().authenticate()
        if self.caller is not None:
            self.vendor = await self.application.kept(Vendors).find(self.caller.account_id)

    @property
    def vendor_id(self) -> str:
        """The id of the caller's vendor."""
        assert self.vendor is not None, "the handler's access must be `approved_vendor`"
        return self.vendor.id

    def reply_unchanged(self, *state: object) -> bool:
        """Set the ETag of a list; if the client has this state of it already, answer 304 and return True. state: what the answer shows
        beside the vendor and the query; it is read before the list, so a change in between makes the list newer than its tag."""
        # Another release may have other members.
        shown = (product.VERSION, self.vendor_id, self.request.uri, *state)
        self.set_header("ETag", f'W/"{hashlib.sha256(repr(shown).encode()).hexdigest()[:32]}"')
        # Without this a browser may show its copy for a while without asking.
        self.set_header("Cache-Control", "private, no-cache")
        if not self.check_etag_header():
            return False
        self.set_status(304)
        self.finish()
        return True


async def admits(app: Application, request: tornado.httputil.HTTPServerRequest) -> bool:
    """Whether a request, of which only the head is read, has the token of an approved vendor. Raises Problem 503."""
    given = _token_of(request)
    caller = await token.caller_of(app, given) if given is not None else None
    vendor = await app.kept(Vendors).find(caller.account_id) if caller is not None else None
    return vendor is not None and vendor.is_approved


def _token_of(request: tornado.httputil.HTTPServerRequest) -> str | None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "token" else None


def not_signed_in() -> Problem:
    """401, for every token that doesn't admit."""
    message = "Invalid or missing token. Please login to get a valid token."
    said = "Authentication required. Please login."
    return Problem(401, "not-signed-in", said, headers=CHALLENGE, extra={"message": message})


def refused(message: str, status: int = 400) -> Problem:
    """A refusal whose body is `{error}`."""
    return Problem(status, "vendor", message)


def caller_of(handler: ApiHandler) -> Caller:
    """The caller of a request. Raises Problem 401 when it has none."""
    if handler.caller is None:
        raise not_signed_in()
    return handler.caller


def _signed_in(handler: ApiHandler) -> None:
    caller_of(handler)


def _vendor(handler: VendorHandler) -> None:
    caller_of(handler)
    if handler.vendor is None:
        raise refused(NO_PROFILE, 403)
    if not handler.vendor.is_approved:
        raise refused(PENDING, 403)


signed_in = Access("signed in by a token", _signed_in, refuses=(401,))
approved_vendor = Access("signed in by a token, approved vendor", _vendor)


def _apply(app: Application, payload: bytes | None) -> None:
    app.kept(Vendors).apply(payload)


# The vendor was deleted while its request ran.
refusals = dict.fromkeys(("head_vendor_id_fkey", "app_settings_vendor_id_fkey"), refused(NO_PROFILE, 403))
listeners = {"accounts.changed": _apply}
