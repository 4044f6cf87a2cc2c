"""What an owner's books amount to, live: dashboards, analytics, snapshots. docs/api/dashboard.md."""

from handlers.api.books_handler import NotFoundInBooks

fallbacks = [("/api/dashboard/", NotFoundInBooks)]
