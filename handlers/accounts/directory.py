"""What there is below /api/auth/."""

from handlers.api.dialects import StaffDialect
from handlers.api.handler import ApiHandler
from handlers.api.roles import signed_in

COLLECTIONS = ("users", "job-titles", "departments")


class StaffIndex(ApiHandler):
    dialect = StaffDialect()
    access = signed_in

    async def get(self) -> None:
        """200 with the addresses of the collections; 401. contracts/sales.md, 4."""
        self.reply({name: f"{self.origin}/api/auth/{name}/" for name in COLLECTIONS})


routes = [("/api/auth/", StaffIndex)]
