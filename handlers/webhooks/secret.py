"""The secrets of webhooks. docs/api/webhooks.md#secrets

A secret is not stored: it is made of a random salt, which is, and of SECRET_KEY, which the database does not have. So a copy of the database
can't sign, and no library for encryption is needed. Another SECRET_KEY makes other secrets, which key_check notices.
"""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime

from standardwebhooks import Webhook

# Bytes. The salt is as long as the secret, which is an HMAC-SHA256.
SALT_BYTES = 32
CHECK_BYTES = 8
_SALT = "salt:"


def new_salt() -> bytes:
    """A salt for a new secret."""
    return secrets.token_bytes(SALT_BYTES)


def key_check(secret_key: str) -> bytes:
    """Tells one SECRET_KEY from another, and nothing else of it."""
    return _hmac(_hmac(secret_key.encode(), b"webhooks"), b"check")[:CHECK_BYTES]


def secret_of(secret_key: str, salt: bytes) -> str:
    """The secret, as receivers know it: whsec_ and the Base64 of 32 bytes."""
    made = _hmac(_hmac(secret_key.encode(), b"webhooks"), b"secret" + salt)
    return f"whsec_{base64.b64encode(made).decode()}"


def disclosed(secret_key: str, document: str) -> str:
    """The JSON of a webhook with its secret, in place of the salt."""
    members = json.loads(document)
    members["secret"] = secret_of(secret_key, bytes.fromhex(members["secret"].removeprefix(_SALT)))
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def signatures(secret_key: str, salts: list[bytes], message_id: str, moment: datetime, body: str) -> str:
    """The header webhook-signature, one signature for each salt. moment: aware, in UTC; the library drops other zones."""
    return " ".join(Webhook(secret_of(secret_key, salt)).sign(message_id, moment, body) for salt in salts)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, hashlib.sha256)
