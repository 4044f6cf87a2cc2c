"""The duty of core that removes the answers of old keys. ApiHandler.once keeps them. docs/api/operations.md#idempotency"""

from core.http import idempotency

duties = idempotency.duties
