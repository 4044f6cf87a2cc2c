"""Log lines: one a record, to standard error, each with the request it belongs to. Text for people, JSON for machines."""

import json
import logging
import sys
import time
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")


class _Format(logging.Formatter):
    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json
        self._second, self._moment = 0, ""  # the last second, as written: most lines share it

    def format(self, record: logging.LogRecord) -> str:
        if int(record.created) != self._second:
            self._second = int(record.created)
            self._moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self._second))
        moment = f"{self._moment}.{int(record.msecs):03}Z"
        message = record.getMessage()
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        request = request_id.get()
        if self._as_json:
            line = {"time": moment, "level": record.levelname, "logger": record.name, "message": message}
            line |= {"request": request} if request else {}
            return json.dumps(line | ({"trace": trace} if trace else {}), ensure_ascii=False)
        # A stranger's line break must not make a second line, nor an escape sequence reach the reader's terminal.
        if "\\" in message or not message.isprintable():
            message = "".join(
                c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode() for c in message
            )
        return f"{moment} {record.levelname:7} {record.name} {message}{f' request={request}' if request else ''}{chr(10) + trace if trace else ''}"


def configure(*, debug: bool, as_json: bool) -> None:
    """Set up the root logger of this process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Format(as_json))
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, handlers=[handler], force=True)
    # What no line shows needn't be found out for each record (logging's documentation, "Optimization"): a request is a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    for noisy in ("asyncio", "tornado.access", "tornado.general", "redis"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
