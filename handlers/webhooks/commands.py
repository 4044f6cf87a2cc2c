"""What server.py rotate-secret asks of webhooks. docs/api/webhooks.md#secrets"""

from handlers.api.command_database import opened
from handlers.settings import Settings
from handlers.webhooks import secret, webhook


async def count_made_of(config: Settings, secret_key: str) -> int:
    """How many webhooks sign with secrets that are made of this key."""
    async with opened(config) as db:
        found: int = await webhook.query.count_made_of(db, key_check=secret.key_check(secret_key))
    return found
