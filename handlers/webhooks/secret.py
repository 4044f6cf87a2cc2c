"""The secrets of webhooks. docs/api/webhooks.md#secrets

A secret is not stored: it is made of a random salt, which is, and of SECRET_KEY, which the database does not have. So a copy of the database
can't sign, and no library for encryption is needed. Another SECRET_KEY makes other secrets. key_check tells of which key a webhook's secret is
made: of SECRET_KEY, or of one of SECRET_KEY_FALLBACKS, with which it goes on signing until its owner rotates.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

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


def by_check(secret_keys: Sequence[str]) -> dict[bytes, str]:
    """The keys by their key_check. The first one makes new secrets."""
    return {key_check(key): key for key in secret_keys}


def secret_of(secret_key: str, salt: bytes) -> str:
    """The secret, as receivers know it: whsec_ and the Base64 of 32 bytes."""
    made = _hmac(_hmac(secret_key.encode(), b"webhooks"), b"secret" + salt)
    return f"whsec_{base64.b64encode(made).decode()}"


def disclosed(secret_keys: Sequence[str], document: str) -> str:
    """The JSON of a webhook with its secret, in place of the salt and of the check of the key."""
    members = json.loads(document)
    salt, _, check = members["secret"].removeprefix(_SALT).partition(":")
    # The first key also stands in for one that is not known any more: the webhook is switched off then, and its secret signs nothing.
    key = by_check(secret_keys).get(bytes.fromhex(check), secret_keys[0])
    members["secret"] = secret_of(key, bytes.fromhex(salt))
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def signatures(keys: Mapping[bytes, str], turn: Mapping[str, Any], moment: datetime) -> str:
    """The header webhook-signature of a turn of a lane: one signature by its secret, and while the secret before a rotation is valid, others by
    that. keys: of by_check. moment: aware, in UTC; the library drops other zones."""
    made_of = [secret_of(keys[turn["key_check"]], turn["salt"])]
    if turn["previous_salt"] is not None:
        # The database does not say of which key it was made, and a receiver needs only one signature that is right.
        made_of += [secret_of(key, turn["previous_salt"]) for key in keys.values()]
    return " ".join(Webhook(one).sign(turn["message_id"], moment, turn["body"]) for one in made_of)


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, hashlib.sha256)
