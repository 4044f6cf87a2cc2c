"""The metrics of a process that serves nothing else: server.py worker with METRICS_LISTEN."""

import tornado.httpserver
import tornado.web

from core.http import network, scraper
from core.run.process import HEADER_LIMIT, listener
from core.run.scrape import Scrape
from core.settings import CoreSettings

# Nobody sends a body.
BODY_LIMIT = 1024


class _Exposed(tornado.web.RequestHandler):
    def initialize(self, scrape: Scrape, config: CoreSettings) -> None:
        self._scrape, self._config = scrape, config

    async def get(self) -> None:
        """200; 401: neither METRICS_TOKEN nor METRICS_ALLOW admits."""
        address = network.address(self.request.remote_ip or "") or ""
        if not scraper.admits(self.request, address, self._config):
            self.set_header("WWW-Authenticate", "Bearer")
            raise tornado.web.HTTPError(401)
        text, kind = await self._scrape.text(self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", kind)
        self.set_header("Cache-Control", "no-store")
        self.finish(text)

    def compute_etag(self) -> None:
        """None: no two texts are the same."""

    def set_default_headers(self) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")

    def write_error(self, status_code: int, **kwargs: object) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code}\n")


def expose(scrape: Scrape, config: CoreSettings) -> tornado.httpserver.HTTPServer | None:
    """Serve /metrics at METRICS_LISTEN; None: it is not set. Raises OSError."""
    if config.metrics_listen is None:
        return None
    app = tornado.web.Application([(r"/metrics/?", _Exposed, {"scrape": scrape, "config": config})])
    server = tornado.httpserver.HTTPServer(app, max_body_size=BODY_LIMIT, max_header_size=HEADER_LIMIT)
    socket = listener(*config.metrics_listen, shared=False)
    socket.listen()
    server.add_sockets([socket])
    return server
