"""GET /api/: the index of all paths. docs/api/operations.md#index."""

from core import product
from core.access import public
from core.http.declare import answers
from handlers.api.handler import OperationsHandler


class Index(OperationsHandler):
    access = public
    authenticates = False

    @answers(200, "operations/index")
    async def get(self) -> None:
        """List all paths with their methods. 200."""
        endpoints: dict[str, dict[str, list[str]]] = {}
        for path, handler in self.application.router.routes:
            if path.startswith("/api/") and path != "/api/":
                endpoints.setdefault(path.split("/")[2], {})[path.replace(":int", "")] = handler.methods()
        self.reply(
            {
                "message": f"{product.NAME} API",
                "version": product.VERSION,
                "endpoints": endpoints,
                "documentation": "/api/docs/",
            }
        )


groups = ("Server: description",)
routes = [("/api/", Index)]
