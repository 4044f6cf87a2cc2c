"""GET /api/auth/: the addresses of the collections below it. docs/api/accounts.md#departments-and-job-titles."""

from handlers.api.dialects import StaffDialect
from handlers.api.handler import ApiHandler
from handlers.api.roles import signed_in

COLLECTIONS = ("users", "job-titles", "departments")


class StaffIndex(ApiHandler):
    dialect = StaffDialect()
    access = signed_in

    async def get(self) -> None:
        """200 {collection: address}; 401."""
        self.reply({name: f"{self.origin}/api/auth/{name}/" for name in COLLECTIONS})


routes = [("/api/auth/", StaffIndex)]
