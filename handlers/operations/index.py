"""GET /api/: what is here. Seeds 001 (API Root) and 004."""

from core import product
from core.access import public
from handlers.api.handler import OperationsHandler


class Index(OperationsHandler):
    access = public
    authenticates = False

    async def get(self) -> None:
        """200 with every area's paths and methods."""
        endpoints: dict[str, dict[str, list[str]]] = {}
        for path, handler in self.application.router.routes:
            if path.startswith("/api/") and path != "/api/":
                endpoints.setdefault(path.split("/")[2], {})[path.replace(":int", "")] = handler.methods()
        self.reply(
            {
                "message": f"{product.NAME} API",
                "version": product.VERSION,
                "endpoints": endpoints,
                "documentation": None,
            }
        )


routes = [("/api/", Index)]
