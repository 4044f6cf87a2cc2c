"""What the server does beside its requests, and how it is: jobs, health, alerts, metrics. docs/api/monitoring.md."""

from handlers.api.books_handler import NotFoundInBooks

fallbacks = [("/api/monitoring/", NotFoundInBooks)]
