"""What there is below /api/auth/."""

from handlers.accounts import AccountsDialect
from handlers.accounts.roles import signed_in
from handlers.api import ApiHandler

COLLECTIONS = ("users", "job-titles", "departments")


class StaffIndex(ApiHandler):
    dialect = AccountsDialect()
    access = signed_in

    async def get(self) -> None:
        """200 with the addresses of the collections; 401. contracts/sales.md, 4."""
        self.reply({name: f"{self.origin}/api/auth/{name}/" for name in COLLECTIONS})


routes = [("/api/auth/", StaffIndex)]
