"""The base of the vendor API's handlers. docs/api/vendor.md#tokens."""

from core.access import Access
from core.problem import Problem
from handlers.api.caller import Caller
from handlers.api.dialects import VendorDialect
from handlers.api.handler import ApiHandler
from handlers.vendor import token

# The documented 401 has no challenge, but RFC 9110 (15.5.2) asks for one.
CHALLENGE = {"WWW-Authenticate": "Token"}


class TokenHandler(ApiHandler):
    """Knows its caller from `Authorization: Token …`; None without such a header."""

    dialect = VendorDialect()
    schemes = ("token",)

    @property
    def bearer(self) -> str | None:
        """The token of the Authorization header; None without the header, or with another scheme."""
        scheme, _, given = self.request.headers.get("Authorization", "").partition(" ")
        return given.strip() if scheme.lower() == "token" else None

    async def authenticate(self) -> None:
        """Set self.caller. Raises Problem 401: the token is unknown, its session has ended, or its account is inactive."""
        given = self.bearer
        if given is None:
            return
        self.caller = await token.caller_of(self.application, given)
        if self.caller is None:
            raise not_signed_in()


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


signed_in = Access("signed in by a token", _signed_in, refuses=(401,))
