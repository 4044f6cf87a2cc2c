"""Idempotency-Key: a request that is repeated under the same key is done once, and gets its first answer again."""

import asyncio
import itertools
import json

import asyncpg
import pytest

from core.http import idempotency
from core.http.declare import idempotent, takes
from core.http.handler import LARGE_BODY
from core.http.router import Router
from core.http.schema import Schema
from core.problem import Problem
from handlers.api.handler import NotFound, PosHandler
from handlers.api.roles import signed_in
from tests.support.deadlines import until
from tests.support.forms import by_form

pytestmark = pytest.mark.gen_test

RECEIPTS, OTHERS, MARKS, FORMS, ASKED = "/receipts/", "/others/", "/marks/", "/forms/", "/asked/"
ANYTHING = Schema({"type": "object"}, "anything")
_keys = itertools.count(1)


class Receipts(PosHandler):
    """Writes one row for each request. during: what a test does within the work."""

    access = signed_in
    json_limit = 10 * 1024 * 1024
    during = None
    tries = 0

    @idempotent
    async def post(self) -> None:
        async def work(tx):
            type(self).tries += 1
            made = await tx.value("INSERT INTO public.receipt (size) VALUES ($1) RETURNING id", len(self.request.body))
            if self.during:
                await self.during(tx)
            return 201, json.dumps({"id": made, "said": "täglich"})

        await self.once(work)

    @idempotent
    async def put(self) -> None:
        async def work(tx):
            return 200, json.dumps(await tx.value("INSERT INTO public.receipt (size) VALUES (0) RETURNING id"))

        await self.once(work, is_one_statement=True)

    async def patch(self) -> None:
        await self.once(None)


class Forms(PosHandler):
    """Counts its answers. shown: how often one was shown."""

    access = signed_in
    shown = 0

    @idempotent
    @takes(ANYTHING, files=("file",))
    async def post(self) -> None:
        async def work(tx):
            return 201, json.dumps(await tx.value("INSERT INTO public.receipt (size) VALUES (0) RETURNING id"))

        async def show(body):
            type(self).shown += 1
            return json.dumps([json.loads(body), self.shown])

        await self.read_body(ANYTHING)
        await self.once(work, shown=show)


class Marks(PosHandler):
    access = signed_in

    @idempotent
    async def post(self) -> None:
        async def work(tx):
            await tx.none("INSERT INTO public.receipt (size) VALUES (0)")
            return 204, ""

        await self.once(work)


class Asked(PosHandler):
    """Looks for an earlier answer before it works. looked: how often it found none."""

    access = signed_in
    looked = 0

    @idempotent
    async def post(self) -> None:
        async def work(tx):
            return 201, json.dumps(await tx.value("INSERT INTO public.receipt (size) VALUES (0) RETURNING id"))

        async def show(body):
            return json.dumps({"id": json.loads(body)})

        if await self.answered(show):
            return
        type(self).looked += 1
        await self.once(work, shown=show)

    async def patch(self) -> None:
        await self.answered()


@pytest.fixture(autouse=True)
def routes(app, io_loop, db, monkeypatch):
    """The handlers of this module beside those of the program, and the table that they write."""
    own = [(RECEIPTS, Receipts), (OTHERS, Receipts), (MARKS, Marks), (FORMS, Forms), (ASKED, Asked)]
    sign_in = [(route.path, route.handler) for route in app.router.routes if route.path == "/api/auth/login/"]
    monkeypatch.setattr(app, "router", Router([*own, *sign_in], [("", NotFound)]))
    monkeypatch.setattr(Receipts, "tries", 0)
    monkeypatch.setattr(Forms, "shown", 0)
    monkeypatch.setattr(Asked, "looked", 0)
    io_loop.run_sync(
        lambda: db.execute(
            "CREATE TABLE IF NOT EXISTS public.receipt (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, size integer);"
            "TRUNCATE public.receipt, core.idempotency"
        )
    )


@pytest.fixture
def token(io_loop, sign_in):
    return io_loop.run_sync(sign_in)["access"]


@pytest.fixture
def send(api, token):
    """`await send("key", {"n": 1})`: the answer to a POST under this key."""

    async def send(key, body=None, path=RECEIPTS, *, method="POST", token=token):
        headers = {} if key is None else {"Idempotency-Key": key}
        return await api.call(method, path, {} if body is None else body, token=token, headers=headers)

    return send


@pytest.fixture
def count(db):
    """`await count()`: the rows that were written, and the answers that are kept."""

    async def count():
        row = await db.fetchrow("SELECT (SELECT count(*) FROM public.receipt), (SELECT count(*) FROM core.idempotency)")
        return tuple(row)

    return count


@pytest.fixture
def during(monkeypatch):
    """`during(function)`: the work awaits function(tx) after it has written its row."""
    return lambda function: monkeypatch.setattr(Receipts, "during", staticmethod(function) if function else None)


def new_key():
    return f"key-{next(_keys)}"


def is_replayed(answer):
    assert answer.headers.get("Idempotency-Replayed", "true") == "true"
    return "Idempotency-Replayed" in answer.headers


# The same request again


async def test_the_same_request_again_gets_the_same_answer_and_is_done_once(send, count):
    first, second, third = [await send("a", {"n": 1}) for _ in range(3)]
    assert first.status == second.status == third.status == 201
    assert first.body == second.body == third.body and first.json["said"] == "täglich"
    assert [is_replayed(one) for one in (first, second, third)] == [False, True, True]
    assert second.headers["Content-Type"] == "application/json"
    assert await count() == (1, 1)


async def test_a_method_that_looks_for_the_answer_first_does_nothing_before_it_repeats_it(send, count):
    first, second = [await send("asked", path=ASKED) for _ in range(2)]
    assert (first.status, first.json) == (second.status, second.json) == (201, {"id": first.json["id"]})
    assert [is_replayed(one) for one in (first, second)] == [False, True] and Asked.looked == 1
    assert (await send("asked", {"n": 2}, path=ASKED)).status == 422
    assert (await send("x" * 256, path=ASKED)).status == 400
    assert (await send("asked", path=ASKED, method="PATCH")).status == 500
    assert [(await send(None, path=ASKED)).status for _ in range(2)] == [201, 201]
    assert await count() == (3, 1)


async def test_without_a_key_each_request_is_done_and_nothing_is_kept(send, count):
    answers = [await send(None) for _ in range(2)] + [await send(None, method="PUT") for _ in range(2)]
    assert [one.status for one in answers] == [201, 201, 200, 200]
    assert not any(is_replayed(one) for one in answers)
    assert await count() == (4, 0)


async def test_work_of_one_statement_is_done_once_too(send, count):
    first, second = [await send("one", method="PUT") for _ in range(2)]
    assert (first.status, first.body) == (second.status, second.body) and is_replayed(second)
    assert await count() == (1, 1)


async def test_an_answer_without_a_body_is_repeated_too(send, count):
    first, second = [await send("mark", path=MARKS) for _ in range(2)]
    assert (first.status, first.body, second.status, second.body) == (204, b"", 204, b"")
    assert "Content-Type" not in second.headers and is_replayed(second)
    assert await count() == (1, 1)


async def test_the_answer_of_a_client_that_has_left_is_there_for_its_next_attempt(
    send, count, token, base_url, during, db
):
    is_in_work, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold(tx):
        is_in_work.set()
        await may_go_on.wait()

    during(hold)
    host, port = base_url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {RECEIPTS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: left\r\nContent-Length: 2\r\n\r\n{{}}"
    writer.write(head.encode())
    await is_in_work.wait()
    writer.transport.abort()
    may_go_on.set()
    await until(count, lambda found: found == (1, 1))
    answer = await send("left")
    assert answer.status == 201 and is_replayed(answer)
    assert answer.json["id"] == await db.fetchval("SELECT id FROM public.receipt")
    assert await count() == (1, 1)


# Another request under the same key


async def test_another_body_under_the_same_key_is_422(send, count):
    assert (await send("b", b'{"n": 1}')).status == 201
    for body in (b'{"n": 2}', b'{"n":1}', b'{"n": 1} ', b""):
        answer = await send("b", body)
        assert answer.status == 422, body
        assert answer.json == {"detail": "This Idempotency-Key was used for another request."}
    assert is_replayed(await send("b", b'{"n": 1}'))
    assert await count() == (1, 1)


async def test_another_path_or_method_under_the_same_key_is_422_and_a_final_slash_makes_no_difference(send, count):
    assert (await send("c")).status == 201
    assert (await send("c", path=OTHERS)).status == 422
    assert (await send("c", method="PUT")).status == 422
    assert is_replayed(await send("c", path=RECEIPTS.removesuffix("/")))
    assert await count() == (1, 1)


async def test_the_keys_of_two_accounts_and_two_keys_of_one_are_independent(send, sign_in, count):
    other = (await sign_in("PICKER"))["access"]
    answers = [await send("d"), await send("d", token=other), await send("D"), await send("e", {"n": 2})]
    assert [one.status for one in answers] == [201] * 4 and len({one.json["id"] for one in answers}) == 4
    assert not any(is_replayed(one) for one in answers)
    again = await send("d", token=other)
    assert again.body == answers[1].body and is_replayed(again)
    assert await count() == (4, 4)


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "schlüssel", "a\tb"])
async def test_a_malformed_key_is_400(send, count, key):
    answer = await send(key)
    assert answer.status == 400
    assert answer.json == {"detail": "The Idempotency-Key must have 1 to 255 printable ASCII characters."}
    assert await count() == (0, 0)


@pytest.mark.parametrize("key", ["x" * 255, "a b", "~!'\"\\;--%s{}$1", "0"])
async def test_every_printable_key_is_good(send, count, key):
    assert (await send(key)).status == 201
    assert is_replayed(await send(key))
    assert await count() == (1, 1)


async def test_a_body_of_ten_megabytes_is_told_from_another(send, count):
    body = b'"' + b"x" * (10 * 1024 * 1024 - 2) + b'"'
    assert len(body) > LARGE_BODY
    assert (await send("large", body)).status == 201
    assert is_replayed(await send("large", body))
    assert (await send("large", body[:-2] + b'y"')).status == 422
    assert await count() == (1, 1)


async def test_a_method_that_does_not_declare_the_key_cannot_use_it(send):
    assert (await send("f", method="PATCH")).status == 500


# At the same time


async def test_while_the_first_request_is_under_way_others_are_409(send, count, during):
    is_in_work, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold(tx):
        is_in_work.set()
        await may_go_on.wait()

    during(hold)
    first = asyncio.ensure_future(send("g", {"n": 1}))
    await is_in_work.wait()
    during(None)
    others = await asyncio.gather(*[send("g", {"n": n % 2}) for n in range(5)])
    assert {one.status for one in others} == {409}
    assert {one.headers["Retry-After"] for one in others} == {"1"}
    assert others[0].json == {"detail": "A request with this Idempotency-Key is under way. Try again in a moment."}
    assert (await send("another", {"n": 1})).status == 201
    may_go_on.set()
    assert (await first).status == 201
    again = await send("g", {"n": 1})
    assert again.body == (await first).body and is_replayed(again)
    assert await count() == (2, 2)


@pytest.mark.parametrize("many", [2, 20])
async def test_of_many_at_once_one_is_done_and_the_others_are_409_or_get_its_answer(send, count, many):
    rounds = int(by_form(short=20, long=500))
    for done in range(1, rounds + 1):
        key = new_key()
        answers = await asyncio.gather(*[send(key, {"n": 1}) for _ in range(many)])
        assert {one.status for one in answers} <= {201, 409}
        made = [one for one in answers if one.status == 201]
        assert len({one.body for one in made}) == 1
        assert [is_replayed(one) for one in made].count(False) == 1
        assert await count() == (done, done)


async def test_an_answer_that_was_committed_just_before_the_lock_was_taken_is_seen(db, settings):
    # In place of Postgres's own function, one that waits for the test before it takes the lock.
    await db.execute(
        "CREATE FUNCTION public.pg_try_advisory_xact_lock(key bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_advisory_xact_lock(1, 1); RETURN pg_catalog.pg_try_advisory_xact_lock(key); END $$"
    )
    late = await asyncpg.connect(settings.database_url, server_settings={"search_path": "public, pg_catalog"})
    try:
        await db.execute("SELECT pg_advisory_lock(1, 1)")
        claim = asyncio.ensure_future(late.fetchrow(idempotency.query.claim_key.text, "account:1", "late"))
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        await until(lambda: db.fetchval(waiting))
        await db.execute(idempotency.query.keep_answer.text, "account:1", "late", b"f", 201, "{}")
        await db.execute("SELECT pg_advisory_unlock(1, 1)")
        found = await claim
        assert (found["is_taken"], found["fingerprint"], found["status"]) == (False, b"f", 201)
    finally:
        await late.close()
        await db.execute("DROP FUNCTION public.pg_try_advisory_xact_lock")


async def test_repetitions_of_a_finished_request_are_not_in_each_others_way(send, count):
    await send("h")
    answers = await asyncio.gather(*[send("h") for _ in range(20)])
    assert {one.status for one in answers} == {201} and all(is_replayed(one) for one in answers)
    assert await count() == (1, 1)


# What keeps nothing


async def test_a_refusal_keeps_nothing_so_that_the_client_can_correct_it(send, count, during):
    async def refuse(tx):
        raise Problem(400, "no", "Too little stock.")

    during(refuse)
    for _ in range(2):
        answer = await send("i", {"n": 99})
        assert (answer.status, is_replayed(answer)) == (400, False)
    assert await count() == (0, 0)
    during(None)
    answer = await send("i", {"n": 1})
    assert answer.status == 201 and not is_replayed(answer)
    assert await count() == (1, 1)


async def test_a_failure_keeps_nothing_and_no_row(send, count, during):
    async def fail(tx):
        raise ZeroDivisionError

    during(fail)
    assert (await send("j")).status == 500
    assert await count() == (0, 0)
    during(None)
    assert (await send("j")).status == 201
    assert await count() == (1, 1)


async def test_when_postgres_goes_away_within_the_work_nothing_is_kept(send, count, during):
    async def die(tx):
        await tx.value("SELECT pg_terminate_backend(pg_backend_pid())")

    during(die)
    answer = await send("k")
    assert answer.status == 503 and "Retry-After" in answer.headers
    assert await count() == (0, 0)
    during(None)
    answer = await until(lambda: send("k"), lambda one: one.status == 201, every=0.1)
    assert not is_replayed(answer)
    assert await count() == (1, 1)


async def test_work_that_postgres_asks_to_repeat_is_done_once(send, count, during):
    async def conflict(tx):
        if Receipts.tries == 1:
            await tx.none("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")

    during(conflict)
    answer = await send("l")
    assert (answer.status, is_replayed(answer), Receipts.tries) == (201, False, 2)
    assert is_replayed(await send("l"))
    assert await count() == (1, 1)


# For a day


async def test_a_key_is_free_again_once_its_answer_was_removed_after_a_day(send, count, app, db):
    first = await send("m")
    await db.execute("UPDATE core.idempotency SET created_at = now() - interval '23 hours 59 minutes'")
    await idempotency.remove_old(app)
    assert is_replayed(await send("m"))
    await db.execute("UPDATE core.idempotency SET created_at = now() - interval '24 hours 1 second'")
    await idempotency.remove_old(app)
    assert await count() == (1, 0)
    again = await send("m", {"another": "body"})
    assert again.status == 201 and again.json["id"] != first.json["id"]


async def test_old_answers_are_removed_in_bounded_statements_also_by_two_processes_at_once(app, db, count, monkeypatch):
    await db.execute(
        "INSERT INTO core.idempotency (caller, key, fingerprint, status, body, created_at)"
        " SELECT 'account:1', n::text, '', 201, '{}', now() - n * interval '1 hour' FROM generate_series(1, 3000) n"
    )
    most = idempotency.REMOVED_AT_ONCE
    assert await idempotency.query.remove_old_keys(app.db, hours=24, most=most) == most
    # The oldest go first.
    assert await db.fetchval("SELECT max(now() - created_at) <= interval '2000 hours 1 minute' FROM core.idempotency")
    await asyncio.gather(idempotency.remove_old(app), idempotency.remove_old(app))
    # What one process skipped, because the other held it, that one has removed.
    assert await db.fetchval("SELECT count(*) FROM core.idempotency") == 23


async def test_removing_reads_no_more_than_it_removes(db):
    await db.execute(
        "INSERT INTO core.idempotency (caller, key, fingerprint, status, body, created_at)"
        " SELECT 'account:1', n::text, '', 201, '{}', now() - interval '1 hour' - n * interval '1 minute' FROM generate_series(1, 20000) n"
    )
    await db.execute("ANALYZE core.idempotency")
    text = idempotency.query.remove_old_keys.text
    async with db.transaction():
        # As core/data/database.py sets it.
        await db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        plan = "\n".join(row[0] for row in await db.fetch(f"EXPLAIN (ANALYZE, COSTS OFF) {inlined(text, 24, 100)}"))
    assert "Index Scan using idempotency_created_at" in plan and "Tid Scan" in plan, plan
    assert "Seq Scan" not in plan


def inlined(text, *values):
    for number, value in enumerate(values, 1):
        text = text.replace(f"${number}", str(value))
    return text


# Forms, and answers that are shown anew


def form(boundary, *parts):
    """A form's body: of each part the head behind form-data, and the content."""
    written = "".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{data}\r\n" for head, data in parts
    )
    return f"{written}--{boundary}--\r\n".encode()


async def test_a_form_is_the_same_under_another_boundary_and_another_with_another_part(api, token):
    field, file = ('name="a"', "1"), ('name="file"; filename="a.txt"', "Text")

    async def send(boundary, *parts):
        headers = {"Idempotency-Key": "form", "Content-Type": f"multipart/form-data; boundary={boundary}"}
        return await api.call("POST", FORMS, form(boundary, *parts), token=token, headers=headers)

    first = await send("one", field, file)
    again = await send("two", field, file)
    assert (first.status, again.status, again.headers["Idempotency-Replayed"]) == (201, 201, "true")
    for parts in (
        [field],
        [file],
        [field, file, file],
        [('name="b"', "1"), file],
        [('name="a"', "2"), file],
        [field, field, file],
        [field, ('name="file"; filename="b.txt"', "Text")],
        [field, ('name="file"; filename="a.txt"', "Texts")],
        [field, ('name="files"; filename="a.txt"', "Text")],
    ):
        assert (await send("one", *parts)).status == 422, parts


async def test_a_repeated_request_is_shown_its_answer_anew(send):
    first, again = [await send("shown", path=FORMS) for _ in range(2)]
    assert (first.json[1], again.json) == (1, [first.json[0], 2])
