"""Log lines on standard error: one for each record, with the id of its request; as text for people, or as JSON for programs."""

import json
import logging
import sys
import time
from collections.abc import Iterable
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
        """The line of a record. All handlers of the root logger write the same one, so it is composed once."""
        line = record.__dict__.get("line")
        if line is None:
            line = record.__dict__["line"] = self._line(record)
        return str(line)

    def _line(self, record: logging.LogRecord) -> str:
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
        if "\\" in message:
            message = message.replace("\\", "\\\\")
        line = f"{moment} {record.levelname:7} {record.name} {printable(message)}"
        if trace:
            # The text of an exception may be a client's too. Indented, none of its lines looks like one of the log.
            trace = "".join(f"\n  {printable(part)}" for part in trace.split("\n"))
        return line + (f" request={request}" if request else "") + trace


def printable(text: str) -> str:
    """The text with escapes in place of all that no terminal shows, such as line breaks and controls."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def configure(*, debug: bool, as_json: bool, beside: Iterable[logging.Handler] = ()) -> None:
    """Configure the root logger of this process. beside: handlers that get each record too, such as core/log_files.py."""
    handlers = [logging.StreamHandler(sys.stderr), *beside]
    formatter = _Format(as_json)
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, handlers=handlers, force=True)
    # Each request writes a line, so logging doesn't look up what no line shows (logging's documentation, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    for noisy in ("asyncio", "tornado.access", "tornado.general", "redis"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
