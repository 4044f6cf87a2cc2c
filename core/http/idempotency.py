"""`Idempotency-Key`: a request that is repeated under the same key is done once, and gets its first answer again.

    @answers(201, "AREA/thing")
    @idempotent
    async def post(self) -> None:
        async def make(tx: sql.Runner) -> tuple[int, str]:
            return 201, await query.make_thing(tx, name=self.body["name"])

        await once(self, "account:7", make)

The answer is stored in the transaction that does the work, so a process that is killed leaves both or neither. An advisory lock of
that transaction holds the key meanwhile. docs/api/operations.md#idempotency
"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Protocol

from core.data import sql
from core.data.database import Database
from core.duties import Duty
from core.http import form
from core.http.declare import is_idempotent
from core.http.handler import LARGE_BODY, Handler
from core.problem import Message, Problem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
# Characters of a key, as many as Stripe allows.
LONGEST_KEY = 255
# Until a client repeats a request whose first one is under way.
RETRY_SECONDS = 1
# An answer is kept at least that long.
KEPT_HOURS = 24
# Between two searches for old keys.
REMOVE_SECONDS = 60
# Keys that one statement deletes, in about 10 ms.
REMOVED_AT_ONCE = 1000

_KEY = re.compile(f"[ -~]{{1,{LONGEST_KEY}}}")

query = sql.load("core/idempotency")

# Does the work on a transaction, or another runner, and returns the status and the body of the answer. It raises a refusal.
Work = Callable[[sql.Runner], Awaitable[tuple[int, str]]]
# Makes of the kept body of an answer what the client gets, such as one with links that end.
Shown = Callable[[str], Awaitable[str]]


class Counts:
    """Since the process began: the requests that came with a key, and those of them that were answered as before."""

    def __init__(self, app: object) -> None:
        self.asked = self.found = 0


class Keys(Protocol):
    """What of an application the duty uses."""

    db: Database


async def once(
    handler: Handler, caller: str, work: Work, *, is_one_statement: bool = False, shown: Shown | None = None
) -> None:
    """Do the work in one transaction, and answer with the status and body that it returns; or answer as the first request did that came
    with the same key. `work` must suit Database.transaction, which may call it again.

    caller: whose key it is; keys of two callers are independent. is_one_statement: the work is a single statement, which needs no
    transaction around it where there is no key. shown: what the client gets of the body, also when the request is repeated.

    Raises Problem: 400 a malformed key, 409 the first request is under way, 422 the first request was another one, and what `work`
    raises, after which the key is free; LookupError: the method doesn't declare that it takes a key (core/http/declare.py).
    """
    key = key_of(handler)
    if key is not None:
        status, body, is_replayed = await with_key(handler, caller, key, work)
        counts = handler.application.kept(Counts)
        counts.asked += 1
        counts.found += is_replayed
    else:
        status, body = await (work(handler.db) if is_one_statement else handler.db.transaction(work))
        is_replayed = False
    await _reply(handler, status, body, is_replayed, shown)


async def answered(handler: Handler, caller: str, *, shown: Shown | None = None) -> bool:
    """Answer as the first request did that came with the same key, if there was one that was done; returns whether it was so.

    A method asks this before it does what a repeated request needs not, such as to store files. What it would refuse because of what the
    first request has changed, it reads before it asks this and judges after: then it can't miss the answer that came with the change.
    `once` must follow, as the first request may be under way.

    Raises Problem: 400 a malformed key, 422 the first request was another one; LookupError as `once` does.
    """
    key = key_of(handler)
    first = None if key is None else await query.find_answer(handler.db, caller=caller, key=key)
    if first is None:
        return False
    _check_same(first["fingerprint"], await _fingerprint(handler))
    counts = handler.application.kept(Counts)
    counts.asked += 1
    counts.found += 1
    await _reply(handler, first["status"], first["body"], True, shown)
    return True


def key_of(handler: Handler) -> str | None:
    """The key of the request; None: it has none. Raises Problem 400, and LookupError where the method doesn't declare that it takes one."""
    if not is_idempotent(getattr(handler, (handler.request.method or "").lower())):
        raise LookupError(f"{type(handler).__name__} reads the header {HEADER}, which the method does not declare")
    key: str | None = handler.request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(400, "bad-key", Message.of("idempotency-key", limit=LONGEST_KEY))
    return key


async def _reply(handler: Handler, status: int, body: str, is_replayed: bool, shown: Shown | None) -> None:
    if is_replayed:
        handler.set_header(REPLAYED, "true")
    if status == 204:
        handler.reply_nothing()
    else:
        handler.reply(body if shown is None else await shown(body), status)


async def _fingerprint(handler: Handler) -> bytes:
    # As in Handler.read_body, other requests don't wait for a large body.
    is_large = len(handler.request.body) >= LARGE_BODY
    return await asyncio.to_thread(_digest, handler) if is_large else _digest(handler)


def _check_same(first: bytes, fingerprint: bytes) -> None:
    if first != fingerprint:
        raise Problem(422, "key-used", Message.of("idempotency-used"))


async def with_key(handler: Handler, caller: str, key: str, work: Work) -> tuple[int, str, bool]:
    """Do the work in one transaction unless it was done under the key already; the status and body of the answer, and whether it was so. Raises
    Problem 409 and 422 as `once` does."""
    fingerprint = await _fingerprint(handler)

    async def claim_and_work(tx: sql.Runner) -> tuple[int, str, bool]:
        first = await query.claim_key(tx, caller=caller, key=key)
        if first["is_taken"]:
            headers = {"Retry-After": str(RETRY_SECONDS)}
            raise Problem(409, "key-under-way", Message.of("idempotency-under-way"), headers=headers)
        if first["fingerprint"] is None:
            status, body = await work(tx)
            await query.keep_answer(tx, caller=caller, key=key, fingerprint=fingerprint, status=status, body=body)
            return status, body, False
        _check_same(first["fingerprint"], fingerprint)
        return first["status"], first["body"], True

    return await handler.db.transaction(claim_and_work)


def _digest(handler: Handler) -> bytes:
    """Tells one request of a caller from another. Where only GET reads parameters of the query, the query is not part of it."""
    request = handler.request
    # A path with its final slash is the same path. Neither a method, a path nor a query holds a line break.
    query = "" if "GET" in handler.methods() or not handler.parameters else f"?{request.query}"
    head = f"{request.method}\n{request.path.removesuffix('/')}{query}\n"
    digest = hashlib.sha256(head.encode())
    arguments, files = form.parts(request)
    if not arguments and not files:
        digest.update(request.body)
        return digest.digest()
    # A form is its parts: clients draw a new boundary for each request. The lengths tell where a part ends.
    for name, texts in arguments.items():
        for text in texts:
            digest.update(f"\n{len(name)} {len(text)} {name}".encode("utf-8", "surrogatepass"))
            digest.update(text)
    for name, found in files.items():
        for file in found:
            called = file.filename
            digest.update(
                f"\n{len(name)} {len(called)} {len(file.body)} {name}{called}".encode("utf-8", "surrogatepass")
            )
            digest.update(file.body)
    return digest.digest()


async def remove_old(app: Keys) -> None:
    """Delete the answers that are older than KEPT_HOURS, in bounded statements. Their keys are free again."""
    while await query.remove_old_keys(app.db, hours=KEPT_HOURS, most=REMOVED_AT_ONCE) == REMOVED_AT_ONCE:
        pass


duties = [Duty(REMOVE_SECONDS, remove_old)]
