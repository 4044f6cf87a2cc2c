"""GET /api/auth/: the addresses of the collections below it. docs/api/accounts.md#departments-and-job-titles."""

from core.http.declare import answers
from handlers.api.dialects import StaffDialect
from handlers.api.handler import ApiHandler
from handlers.api.roles import signed_in

COLLECTIONS = ("users", "job-titles", "departments")


class StaffIndex(ApiHandler):
    dialect = StaffDialect()
    access = signed_in

    @answers(200, "accounts/collections")
    async def get(self) -> None:
        """Show the addresses of the collections. 200."""
        self.reply({name: f"{self.origin}/api/auth/{name}/" for name in COLLECTIONS})


groups = ("Staff: departments and job titles",)
routes = [("/api/auth/", StaffIndex)]
