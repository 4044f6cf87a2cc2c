"""What an account was told by the task send_notification. docs/api/monitoring.md#notifications."""

from core.data import sql
from core.http import keyset
from core.http.declare import answers
from core.http.keyset import Column
from core.http.paging import page_of
from handlers.api import books_listing
from handlers.api.books_listing import Listing
from handlers.monitoring.queue_handler import TaskHandler

COLUMNS = {"id": Column("n.id", "bigint", keyset.is_id)}

query = sql.load("monitoring/notification")
listed = Listing(None, query.list_notifications, query.walk_notifications, COLUMNS, ("-id",))


class Notifications(TaskHandler):
    parameters = books_listing.parameters(COLUMNS)

    @answers(200, page_of("monitoring/notification"))
    async def get(self) -> None:
        """List what the caller was told, newest first. 200; 400 an invalid cursor; 404 there is no such page."""
        self.reply(await books_listing.show_page(self, listed, {}))


groups = ("Server: tasks",)
routes = [("/api/monitoring/api/notifications/", Notifications)]
