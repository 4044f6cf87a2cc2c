"""Signed tokens (JWT, HS256): short-lived access, session-long refresh."""

import secrets
import time
from typing import Any

import jwt

MOST_KNOWN = 10_000  # tokens, of about 1 KB
LEEWAY = 5  # seconds between the clocks of two machines
_REQUIRED = ["exp", "iat", "jti", "token_type"]


class TokenError(Exception):
    """Not a token that we gave, or no longer good. `reason`: invalid, expired or wrong type."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Tokens:
    """Signs and reads tokens with one key and one algorithm."""

    def __init__(self, key: str) -> None:
        self._key = key
        # What was read, by the token: it comes with every request, and reading it costs as much as all else about its caller.
        # A token that isn't ours is never in here; the key of a process doesn't change.
        self._known: dict[str, tuple[int, dict[str, Any]]] = {}  # when it expires, and its claims

    def sign(self, kind: str, expires_at: float, claims: dict[str, Any]) -> str:
        """A token of `kind` (access, refresh) good until `expires_at` (epoch seconds)."""
        whole = {
            "token_type": kind,
            "exp": int(expires_at),
            "iat": int(time.time()),
            "jti": secrets.token_hex(16),
            **claims,
        }
        return jwt.encode(whole, self._key, algorithm="HS256")

    def read(self, kind: str | tuple[str, ...], token: str) -> dict[str, Any]:
        """Its claims, of a token of this kind, or one of these. Raises TokenError."""
        end, claims = self._known.get(token, (0, {}))
        if end + LEEWAY <= time.time():
            claims = self._verified(token)
        if claims["token_type"] not in ([kind] if isinstance(kind, str) else kind):
            raise TokenError("wrong type")
        return claims.copy()

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self._key, algorithms=["HS256"], leeway=LEEWAY, options={"require": _REQUIRED}
            )
        except jwt.ExpiredSignatureError:
            raise TokenError("expired") from None
        except (jwt.InvalidTokenError, ValueError, TypeError):
            raise TokenError("invalid") from None
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[token] = int(claims["exp"]), claims
        return claims
