"""Log lines on standard error: one for each record, with the id of its request; as text for people, or as JSON for programs."""

import json
import logging
import sys
import time
from contextvars import ContextVar

# The id of the request that the current task answers; "" outside of a request.
request_id: ContextVar[str] = ContextVar("request_id", default="")


class _Format(logging.Formatter):
    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json
        # The last second, and its text: most lines share it with the line before.
        self._second, self._moment = 0, ""

    def format(self, record: logging.LogRecord) -> str:
        if int(record.created) != self._second:
            self._second = int(record.created)
            self._moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self._second))
        moment = f"{self._moment}.{int(record.msecs):03}Z"
        message = record.getMessage()
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        request = request_id.get()
        if self._as_json:
            members = {"time": moment, "level": record.levelname, "logger": record.name, "message": message}
            members |= {"request": request} if request else {}
            members |= {"trace": trace} if trace else {}
            # JSON escapes line breaks itself, but neither the line ends that only Unicode knows nor the controls beyond ASCII.
            return json.dumps(members, ensure_ascii=not message.isprintable())
        # Messages contain what clients send: a line break must not begin a second line, and no escape sequence may reach a terminal.
        if "\\" in message or not message.isprintable():
            message = "".join(
                c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode() for c in message
            )
        line = f"{moment} {record.levelname:7} {record.name} {message}"
        return line + (f" request={request}" if request else "") + (f"\n{trace}" if trace else "")


def configure(*, debug: bool, as_json: bool) -> None:
    """Configure the root logger of this process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Format(as_json))
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, handlers=[handler], force=True)
    # Each request writes a line, so logging doesn't look up what no line shows (logging's documentation, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    for noisy in ("asyncio", "tornado.access", "tornado.general", "redis"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
