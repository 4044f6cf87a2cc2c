"""`server.py import FILE`: sends the invoices of a file to a server, in batches, and goes on where it was if it is killed.
docs/api/sales.md#import-command.

What has been done is in a state file beside the file, which is written after each batch. A batch that was sent, but not noted, is sent again under
the same Idempotency-Key, and the server answers as it did.
"""

import fcntl
import hashlib
import http.client
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from core.http.pieces import Items, Lines, Piece
from core.problem import Problem
from core.sheets.cell import Unreadable
from core.sheets.xlsx_reader import Limits
from handlers.api.dialects import SalesDialect
from handlers.sales.bulk_lines import LONGEST_LINE, worded
from handlers.sales.bulk_rejects import Rejects
from handlers.sales.bulk_table import pieces as table_pieces

URL = "http://127.0.0.1:8000"
PATH = "/api/sales/import/invoices/"
# Invoices and bytes of one request. The server answers so many at once, without a job.
BATCH, BATCH_BYTES = 500, 4 * 1024 * 1024
CHUNK = 1 << 16
# Of an XLSX: a million rows with twenty columns. The file is the user's own, so there is no reason for less.
LIMITS = Limits(4 << 30, 200_000_000)
# Seconds for one answer.
ANSWER_SECONDS = 120
# Seconds between two attempts at a server that is away: at first, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
KINDS = {
    ".ndjson": "lines", ".jsonl": "lines", ".json": "items", ".csv": "table", ".txt": "table", ".tsv": "table", ".xlsx": "table",
}  # fmt: skip
# What a request can carry in its first line and in a header.
_HEADER = re.compile(r"[\x21-\x7e]+")
# What the command returns: all lines are stored or were there already; some were rejected; it could not finish, and can be run again.
DONE, REJECTED, FAILED = 0, 1, 2


class ImportFailed(Exception):
    """The import can't go on now. The message says why, and what to do."""


class Options(NamedTuple):
    """patience: seconds to wait for a server that is away. lists_duplicates: whether a line whose invoice_no is taken counts as rejected."""

    url: str
    key: str
    patience: float
    lists_duplicates: bool


@dataclass
class State:
    """What was done of a file. file: the hash of its content. run: a random part of the keys. pieces: how many were sent, or rejected here.
    rejects: bytes of the rejects file."""

    file: str
    run: str = field(default_factory=lambda: secrets.token_hex(8))
    pieces: int = 0
    rejects: int = 0
    created: int = 0
    duplicates: int = 0
    invalid: int = 0


def import_file(path: Path, options: Options) -> int:
    """Import a file; the exit status. Messages and progress go to standard error, totals to standard output."""
    try:
        kind = KINDS.get(path.suffix.lower())
        if kind is None:
            raise ImportFailed(f"{path.name}: the name must end in one of {', '.join(KINDS)}.")
        with held(path) as file:
            state = _run(path, kind, file, options)
    except (ImportFailed, Unreadable) as error:
        print(f"import: {error}", file=sys.stderr)
        return FAILED
    except Problem as problem:
        # What is wrong around the items of a JSON array.
        print(f"import: {path.name}: {SalesDialect().worded(problem).message}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"import: {error.filename or path}: {error.strerror or error}", file=sys.stderr)
        return FAILED
    rejected = state.invalid + (state.duplicates if options.lists_duplicates else 0)
    print(f"{state.created} created, {state.duplicates} there already, {state.invalid} refused", end="")
    print(f": see {Rejects.path_of(path, kind == 'table').name}" if rejected else "")
    return REJECTED if rejected else DONE


@contextmanager
def held(path: Path) -> Iterator[IO[bytes]]:
    """The open file; another process that imports it is refused."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ImportFailed(f"{path.name} is being imported by another process.") from None
        yield file


def _run(path: Path, kind: str, file: IO[bytes], options: Options) -> State:
    sender = Sender(options)
    digest, lines = _look_at(file)
    kept = path.with_name(f"{path.name}.import-state")
    state = _state(kept, digest)
    with ExitStack() as ending:
        rejects = ending.enter_context(Rejects(path, kind == "table", state.rejects))
        bar = ending.enter_context(_bar(None if kind == "items" or path.suffix.lower() == ".xlsx" else lines))
        found = islice(_pieces(path, kind), state.pieces, None)
        while batch := _batch(found):
            if state.pieces == 0:
                # Before anything is sent: its key is in the state.
                _keep(kept, state)
            _note(state, batch, sender.send(batch, state), rejects, options.lists_duplicates)
            state.rejects = rejects.flush()
            _keep(kept, state)
            bar.update(batch[-1].number - bar.n)
    kept.unlink(missing_ok=True)
    return state


def _look_at(file: IO[bytes]) -> tuple[str, int]:
    """The hash of a file's content, and how many lines it has."""
    digest, lines = hashlib.sha256(), 0
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        lines += chunk.count(b"\n")
    return digest.hexdigest(), lines


def _state(kept: Path, digest: str) -> State:
    """What was done of the file; nothing, if it has changed since."""
    try:
        found = State(**json.loads(kept.read_text(encoding="utf-8")))
        if found.file == digest:
            if found.pieces:
                print(f"import: goes on after {found.pieces} invoices", file=sys.stderr)
            return found
        print("import: the file has changed, so it begins anew", file=sys.stderr)
    except FileNotFoundError:
        pass
    except (ValueError, TypeError):
        print(f"import: {kept.name} can't be read, so it begins anew", file=sys.stderr)
    return State(digest)


def _keep(kept: Path, state: State) -> None:
    new = kept.with_name(f"{kept.name}.new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(asdict(state), file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(kept)


def _pieces(path: Path, kind: str) -> Iterator[Piece]:
    """The invoices of a file. Raises Unreadable; Problem 400: what is around them is no JSON."""
    if kind == "table":
        yield from table_pieces(path, LIMITS, _tell_ignored)
        return
    cutter = Lines(LONGEST_LINE) if kind == "lines" else Items(LONGEST_LINE)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield from cutter.feed(chunk)
    yield from cutter.end()


def _tell_ignored(headers: list[str]) -> None:
    if headers:
        print(f"import: these columns are ignored: {', '.join(headers)}", file=sys.stderr)


def _batch(pieces: Iterator[Piece]) -> list[Piece]:
    found: list[Piece] = []
    size = 0
    for piece in pieces:
        found.append(piece)
        size += len(piece.sent or b"")
        if len(found) == BATCH or size >= BATCH_BYTES:
            break
    return found


def _is_sendable(piece: Piece) -> bool:
    return piece.sent is not None and piece.wrong is None


def _note(state: State, batch: list[Piece], results: list[Any], rejects: Rejects, lists_duplicates: bool) -> None:
    """Count what became of a batch, and write down what was rejected."""
    answered = iter(results)
    for piece in batch:
        if _is_sendable(piece):
            result = next(answered)
        else:
            said = piece.wrong or {"non_field_errors": [f"It is longer than {LONGEST_LINE >> 20} MB."]}
            result = {"invoice_no": None, "status": "invalid", "errors": json.loads(worded(said, SalesDialect()))}
        name = {"created": "created", "duplicate": "duplicates", "invalid": "invalid"}[result["status"]]
        setattr(state, name, getattr(state, name) + 1)
        if name == "invalid" or (name == "duplicates" and lists_duplicates):
            rejects.add(piece, result)
    state.pieces += len(batch)


def _bar(total: int | None) -> Any:
    """A progress bar; nothing where standard error is no terminal."""
    # Its import takes longer than most commands.
    from tqdm import tqdm  # type: ignore[import-untyped]

    return tqdm(total=total, unit=" lines", disable=None, file=sys.stderr)


class Sender:
    """Sends batches over one connection."""

    def __init__(self, options: Options) -> None:
        self._options = options
        found = _address(options.url)
        if not _HEADER.fullmatch(options.key):
            raise ImportFailed("the key has characters that no key of a server has: blanks, or others than ASCII.")
        kind = http.client.HTTPSConnection if found.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(found.hostname or "", found.port, timeout=ANSWER_SECONDS)
        self._path = found.path.rstrip("/") + PATH

    def send(self, batch: list[Piece], state: State) -> list[Any]:
        """The results of the pieces that can be sent. Raises ImportFailed."""
        # A line break within an item stands between two of its signs, where another blank means the same.
        sent = [(piece.sent or b"").replace(b"\n", b"\r") for piece in batch if _is_sendable(piece)]
        if not sent:
            return []
        body = b"\n".join(sent)
        name = hashlib.sha256(f"{state.file}\n{state.run}\n{state.pieces}\n".encode() + body).hexdigest()
        try:
            results: list[Any] = self._answer(body, f"import-{name}")["data"]["results"]
        except (LookupError, TypeError):
            raise self._stranger() from None
        if len(results) != len(sent):
            raise ImportFailed("The server has answered with another number of results than invoices were sent.")
        return results

    def _stranger(self) -> ImportFailed:
        return ImportFailed(f"{self._options.url} answers something else than this server would.")

    def _answer(self, body: bytes, name: str) -> Any:
        headers = {"X-API-KEY": self._options.key, "Content-Type": "application/x-ndjson", "Idempotency-Key": name}
        end, pause, why = time.monotonic() + self._options.patience, FIRST_PAUSE, ""
        while True:
            try:
                self._connection.request("POST", self._path, body, headers)
                response = self._connection.getresponse()
                text = response.read()
                if response.status == 200:
                    return json.loads(text)
                why = f"{response.status} {_said(text) or response.reason}"
                if response.status not in (409, 429, 500, 502, 503, 504):
                    raise ImportFailed(f"{self._options.url} refuses it: {why}")
            except (OSError, http.client.HTTPException) as error:
                why = str(error) or type(error).__name__
            except ValueError:
                raise self._stranger() from None
            self._connection.close()
            if time.monotonic() + pause > end:
                raise ImportFailed(f"{self._options.url} does not take it now ({why}). Run the command again to go on.")
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


def _address(url: str) -> SplitResult:
    """Raises ImportFailed: it is no address of a server."""
    wrong = f"{url!r} is no address of a server, such as {URL}."
    try:
        found = urlsplit(url)
        # Reading a port that is no number raises ValueError, and so does the encoding of a name that no host can have.
        is_address = (
            found.scheme in ("http", "https") and found.hostname and found.port != 0 and found.hostname.encode("idna")
        )
    except ValueError:
        raise ImportFailed(wrong) from None
    if not is_address or not _HEADER.fullmatch(found.path or "/"):
        raise ImportFailed(wrong)
    return found


def _said(text: bytes) -> str:
    """The sentence of a refusal."""
    try:
        found = json.loads(text)
        return str(found.get("detail") or found.get("message") or "")
    except (ValueError, AttributeError):
        return ""
