"""Signed tokens (JWT, HS256): access tokens, which live for an hour or so, and refresh tokens, which live as long as a session."""

import secrets
import time
from typing import Any

import jwt

# Tokens whose claims are remembered, about 1 KB each.
MOST_KNOWN = 10_000
# Seconds by which the clocks of two machines may differ.
LEEWAY = 5
_REQUIRED = ["exp", "iat", "jti", "token_type"]


class TokenError(Exception):
    """The token can't be accepted. reason: `invalid`, `expired` or `wrong type`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Tokens:
    """Signs with the first key, and reads what any of the keys has signed. There is one algorithm, so a token can't choose another."""

    def __init__(self, key: str, *older: str) -> None:
        self._keys = (key, *older)
        # By token: when it expires (epoch), and its claims. A client sends its token with every request, and verifying it costs as
        # much as all the rest of authentication. Only valid tokens are in here, and the keys of a process never change.
        self._known: dict[str, tuple[int, dict[str, Any]]] = {}

    def sign(self, kind: str, expires_at: float, claims: dict[str, Any]) -> str:
        """A token of `kind` (access or refresh) that is valid until `expires_at` (epoch seconds)."""
        whole = {
            "token_type": kind,
            "exp": int(expires_at),
            "iat": int(time.time()),
            "jti": secrets.token_hex(16),
            **claims,
        }
        return jwt.encode(whole, self._keys[0], algorithm="HS256")

    def read(self, kind: str | tuple[str, ...], token: str) -> dict[str, Any]:
        """The claims of a token of this kind, or of one of these kinds. Raises TokenError."""
        end, claims = self._known.get(token, (0, {}))
        if end + LEEWAY <= time.time():
            claims = self._verified(token)
        if claims["token_type"] not in ([kind] if isinstance(kind, str) else kind):
            raise TokenError("wrong type")
        return claims.copy()

    def _verified(self, token: str) -> dict[str, Any]:
        claims = self._decoded(token)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[token] = int(claims["exp"]), claims
        return claims

    def _decoded(self, token: str) -> dict[str, Any]:
        for key in self._keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token, key, algorithms=["HS256"], leeway=LEEWAY, options={"require": _REQUIRED}
                )
                return claims
            except jwt.InvalidSignatureError:
                # Another key may have signed it.
                continue
            except jwt.ExpiredSignatureError:
                raise TokenError("expired") from None
            except (jwt.InvalidTokenError, ValueError, TypeError):
                break
        raise TokenError("invalid")
