"""Nobody reaches another owner's books: every route of the area with every id of another owner, in its path, its body and its query.

The routes are those of the application, and their bodies the examples of the description. So a new route is tried without being named here.
"""

import copy
import io
import itertools
import json
import re
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from PIL import Image

from core.http import openapi
from core.http.declare import bodies_of
from handlers.api import areas
from handlers.api.books_handler import BooksHandler
from tests.support.described import described

pytestmark = pytest.mark.gen_test

# Stands in every text of the other owner, beside a word that is searched for.
SECRET, BAIT = "Zanzibar", "Ledger"
# Members and parameters that name a row, with its noun.
REFERENCES = {
    name: noun
    for noun in ("client", "quote", "invoice", "payment", "expense", "attachment")
    for name in (noun, f"{noun}_id", f"{noun}s", f"{noun}_ids", f"source_{noun}", f"source_{noun}_id")
}
SEARCHES = ("search", "q")
PARAMETER = re.compile(r"\{([a-z_]+)(?::([a-z]+))?\}")
# WebSockets are not described; tests/dashboard/test_live_socket.py tries to enter those of others.
ROUTES = [
    route for route in areas.router().routes if issubclass(route.handler, BooksHandler) and route.handler.is_described
]
UUID = "00000000-0000-4000-8000-000000000000"
# The statements that make one row of each noun. $1: the owner, $2: the text, $3: the row that it belongs to. Numbers are of a year in which
# the server gives none.
ROWS = {
    "client": """INSERT INTO books.client (owner_id, name, email, phone, address, company, tax_number, notes, is_active)
        VALUES ($1, $2::text, '', $2::text, $2::text, $2::text, $2::text, $2::text, true) RETURNING id""",
    "quote": """INSERT INTO books.quote (owner_id, year, number, client_id, status, issue_date, expiry_date, title, terms, notes,
                                         line_items, subtotal, tax_amount, total_amount)
        SELECT $1, 2001, coalesce(max(q.number), 0) + 1, $3::bigint, 'draft', '2024-01-01', '2999-01-01', $2::text, $2::text, $2::text, json_build_array(
               json_build_object('description', $2::text, 'quantity', 1, 'unit_price', '7.00', 'total', '7.00')), 7, 0, 7
          FROM books.quote q WHERE q.owner_id = $1 RETURNING id""",
    "invoice": """INSERT INTO books.invoice (owner_id, year, number, client_id, status, issue_date, due_date, title, terms, notes,
                                             line_items, subtotal, tax_amount, total_amount, paid_amount, sent_at)
        SELECT $1, 2001, coalesce(max(i.number), 0) + 1, $3::bigint, 'partial', '2024-01-01', '2999-01-01', $2::text, $2::text, $2::text, json_build_array(
               json_build_object('description', $2::text, 'quantity', 1, 'unit_price', '7.00', 'total', '7.00')), 7, 0, 7, 3, now()
          FROM books.invoice i WHERE i.owner_id = $1 RETURNING id""",
    "payment": """INSERT INTO books.payment (owner_id, invoice_id, amount, payment_date, payment_method, reference)
        VALUES ($1, $3::bigint, 3, '2024-01-02', $2::text, $2::text) RETURNING id""",
    "expense": """INSERT INTO books.expense (owner_id, description, amount, category, expense_date, receipt_number, vendor, tax_amount,
                                             is_billable, client_id, status, notes)
        VALUES ($1, $2::text, 5, 'travel', '2024-01-03', $2::text, $2::text, 0, true, $3::bigint, 'pending', $2::text) RETURNING id""",
    "attachment": """INSERT INTO books.attachment (owner_id, expense_id, key, filename, content_type, size)
        VALUES ($1, $3::bigint, 'books/' || replace(lower($2::text), ' ', '-') || '.png', $2::text || '.png', 'image/png', 100) RETURNING id""",
}
BELONGS_TO = {
    "quote": "client",
    "invoice": "client",
    "payment": "invoice",
    "expense": "client",
    "attachment": "expense",
}


class Call(NamedTuple):
    """One request and its answer."""

    method: str
    path: str
    answer: Any

    def leak(self) -> str:
        """Where the secret word is in the answer, in any case of letters; "" if nowhere."""
        head = "\n".join(f"{name}: {value}" for name, value in self.answer.headers.items())
        whole = head.encode() + b"\n" + self.answer.body
        # JSON may write letters as escapes, and a file name may be percent-encoded; those of this word are never.
        return f"{self} tells the secret" if SECRET.lower().encode() in whole.lower() else ""

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.answer.status}"


@pytest.fixture
def keep(db):
    """`await keep(owner_id, text)`: the ids of new rows of an owner, one of each noun, by noun."""

    async def keep(owner_id, text):
        ids = {}
        for noun, statement in ROWS.items():
            whole = [ids[BELONGS_TO[noun]]] if noun in BELONGS_TO else []
            ids[noun] = await db.fetchval(statement, owner_id, text, *whole)
        return ids

    return keep


@pytest.fixture
def foreign(io_loop, open_books, keep, db):
    """The ids of another owner's rows, by noun. No row of another noun has one of them, whoever's it is."""

    async def make():
        for place, noun in enumerate(ROWS, 1):
            await db.execute(f"ALTER TABLE books.{noun} ALTER COLUMN id RESTART WITH {place * 100_000}")
        owner = await open_books()
        return await keep(owner.id, f"{SECRET} {BAIT}"), owner

    return io_loop.run_sync(make)


async def state(db, owner_id):
    """All rows of an owner."""
    return [
        await db.fetch(f"SELECT to_jsonb(t)::text FROM books.{noun} t WHERE owner_id = $1 ORDER BY id", owner_id)
        for noun in ROWS
    ]


def is_stream(route, method):
    """Whether its answer never ends."""
    operation = described().document["paths"][openapi.template(route.path)][method.lower()]
    return any("text/event-stream" in one.get("content", {}) for one in operation["responses"].values())


def methods():
    """Every route with each of its methods."""
    return [(route, method) for route in ROUTES for method in route.handler.methods() if not is_stream(route, method)]


def names_of(path):
    """The parameters of a path, in order: their kinds, and the nouns that their places name."""
    return [
        (found[2] or "", path[: found.start()].rstrip("/").rpartition("/")[2].removesuffix("s"))
        for found in PARAMETER.finditer(path)
    ]


def filled(path, values):
    """The path with these values for its parameters, in order."""
    left = iter(values)
    return PARAMETER.sub(lambda found: UUID if found[2] == "uuid" else str(next(left)), path)


def resolved(shape):
    while "$ref" in shape:
        shape = described().document["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    return shape


def body_shapes(route, method):
    """The schemas of the JSON bodies that a method takes."""
    operation = described().document["paths"][openapi.template(route.path)][method.lower()]
    content = operation.get("requestBody", {}).get("content", {})
    shape = resolved(content.get("application/json", {}).get("schema", {}))
    return [resolved(one) for one in shape.get("anyOf", [shape])] if shape else []


def references(shape, way=()):
    """Where a body of this schema names rows: (the way to the member, its noun, whether it is an array of ids)."""
    for name, member in resolved(shape).get("properties", {}).items():
        member = resolved(member)
        items = resolved(member.get("items", {}))
        if "properties" in items:
            yield from references(items, (*way, name, 0))
        elif "properties" in member:
            yield from references(member, (*way, name))
        elif name in REFERENCES:
            yield (*way, name), REFERENCES[name], bool(items)


def put(body, way, value):
    """Set the value of a member, making what lies on the way to it."""
    for step, following in itertools.pairwise(way):
        if isinstance(step, int):
            continue
        body = body.setdefault(step, [{}] if following == 0 else {})
        body = body[0] if following == 0 else body
    body[way[-1]] = value


def example(shape, own):
    """The example of a body, in which every row that it names is one's own; `own`: ids by noun."""
    body = copy.deepcopy(shape.get("examples", [{}])[0])
    for way, noun, is_many in references(shape):
        named = body
        for step in way[:-1]:
            named = named.get(step) if isinstance(named, dict) else named[0] if named else None
        if isinstance(named, dict) and named.get(way[-1]) is not None:
            put(body, way, [own[noun]] if is_many else own[noun])
    return body


def image():
    found = io.BytesIO()
    Image.new("RGB", (2, 2)).save(found, "PNG")
    return found.getvalue()


async def call(caller, route, method, path, body=None):
    """The call. body: of a method that takes files, its form. The test's client holds the answer to the description."""
    files = bodies_of(getattr(route.handler, method.lower())).files
    if files:
        sent = {"form": body or {}, "files": {name: ("receipt.png", image()) for name in files}}
        return Call(method, path, await caller.call(method, path, **sent))
    return Call(method, path, await caller.call(method, path, None if method in ("GET", "DELETE") else body or {}))


@pytest.mark.parametrize("role", ["MEMBER", "SUPERADMIN"])
async def test_no_path_with_an_id_of_another_owner_is_found(open_books, keep, foreign, db, role):
    """Of a path with several ids some may be the caller's own: an own invoice with a foreign payment."""
    theirs, victim = foreign
    caller = await open_books(role)
    own = await keep(caller.id, "Own")
    before, wrong, tried = [await state(db, one.id) for one in (victim, caller)], [], 0
    for route, method in methods():
        count = len([kind for kind, _ in names_of(route.path) if kind != "uuid"])
        # A DELETE names in its query what another method names in its body.
        named = [one.name for one in route.handler.parameters if one.name in REFERENCES] if method == "DELETE" else []
        shapes = body_shapes(route, method)
        for values in itertools.product([*theirs.values(), *own.values()], repeat=count + len(named)):
            if not set(values) & set(theirs.values()):
                continue
            query = urlencode(dict(zip(named, values[count:], strict=True)))
            path = filled(route.path, values) + (f"?{query}" if query else "")
            for body in [example(shape, own) for shape in shapes] or [None]:
                found = await call(caller, route, method, path, body)
                tried += 1
                # Without an example the body may be refused before the row is looked for.
                allowed = (400, 404) if shapes else (404,)
                if found.answer.status not in allowed or found.leak():
                    wrong.append(f"{found} {found.leak()}")
    assert not wrong, "\n".join(wrong)
    assert [await state(db, one.id) for one in (victim, caller)] == before
    assert tried >= len(theirs) * 4


@pytest.mark.parametrize("role", ["MEMBER", "SUPERADMIN"])
async def test_no_body_can_name_a_row_of_another_owner(open_books, keep, foreign, db, role):
    theirs, victim = foreign
    caller = await open_books(role)
    before, wrong = await state(db, victim.id), []
    for route, method in methods():
        for shape in body_shapes(route, method):
            for way, noun, is_many in references(shape):
                own = await keep(caller.id, "Own")
                path = filled(route.path, [own.get(named, own[noun]) for _, named in names_of(route.path)])
                for id in theirs.values():
                    body = example(shape, own)
                    put(body, way, [id] if is_many else id)
                    found = await call(caller, route, method, path, body)
                    if found.answer.status not in (400, 404) or found.leak():
                        wrong.append(f"{found} {json.dumps(body)} {found.leak()}")
    assert not wrong, "\n".join(wrong)
    assert await state(db, victim.id) == before


async def test_a_body_that_names_ones_own_rows_is_taken_so_the_refusals_above_are_of_foreign_ones(open_books, keep):
    """What makes a row beside others, such as an invoice of a client; changes may be refused for a row's state."""
    caller, wrong = await open_books(), []
    own = await keep(caller.id, "Own")
    for route, method in methods():
        for shape in body_shapes(route, method):
            if method == "POST" and not names_of(route.path) and shape.get("examples") and list(references(shape)):
                found = await call(caller, route, method, route.path, example(shape, own))
                if found.answer.status >= 300:
                    wrong.append(f"{found} {found.answer.text}")
    assert not wrong, "\n".join(wrong)


async def test_members_that_name_rows_and_are_not_described_are_ignored(open_books, keep, foreign, db):
    theirs, victim = foreign
    caller = await open_books()
    before, wrong = await state(db, victim.id), []
    named = {name: theirs[noun] for name, noun in REFERENCES.items()}
    for route, method in methods():
        own = await keep(caller.id, "Own")
        path = filled(route.path, [own.get(noun, own["client"]) for _, noun in names_of(route.path)])
        for shape in body_shapes(route, method) or [{}]:
            known = {way[0] for way, _, _ in references(shape)}
            more = {name: id for name, id in named.items() if name not in known}
            more |= {"owner": victim.id, "owner_id": victim.id}
            found = await call(caller, route, method, path, {**example(shape, own), **more})
            if found.answer.status >= 500 or found.leak():
                wrong.append(f"{found} {found.leak()}")
    assert not wrong, "\n".join(wrong)
    assert await state(db, victim.id) == before


@pytest.mark.parametrize("role", ["MEMBER", "SUPERADMIN"])
async def test_no_list_report_or_search_shows_a_row_of_another_owner(open_books, keep, foreign, role):
    theirs, _ = foreign
    caller = await open_books(role)
    own, wrong = await keep(caller.id, BAIT), []
    for route, method in methods():
        if method != "GET" or "{" in route.path:
            continue
        asked = {parameter.name for parameter in route.handler.parameters}
        queries = ["", *(f"?{name}={BAIT}" for name in SEARCHES if name in asked)]
        queries += [f"?{name}={id}" for name in REFERENCES if name in asked for id in theirs.values()]
        queries += [f"?{name}={own[REFERENCES[name]]}" for name in REFERENCES if name in asked]
        for query in queries:
            found = await call(caller, route, method, route.path + query)
            # 202: what is asked for is made later.
            if found.answer.status not in (200, 202, 400, 404) or found.leak():
                wrong.append(f"{found} {found.leak()}")
    assert not wrong, "\n".join(wrong)


async def test_the_owner_sees_the_secret_word_so_its_absence_above_means_something(foreign):
    theirs, victim = foreign
    shown = {
        route.path
        for route, method in methods()
        if method == "GET" and len(names_of(route.path)) <= 1
        for found in [
            await call(
                victim, route, method, filled(route.path, [theirs.get(noun, 0) for _, noun in names_of(route.path)])
            )
        ]
        if found.leak()
    }
    assert {"/api/clients/", "/api/clients/{id:int}/", "/api/clients/active/"} <= shown
    for noun in ("quotes", "invoices", "expenses"):
        paths = {f"/api/{noun}/", f"/api/{noun}/{{id:int}}/"}
        assert paths <= shown or not paths <= {route.path for route in ROUTES}


async def test_every_parameter_of_a_path_is_tried():
    for route in ROUTES:
        # The names of tasks and files are no ids of rows.
        assert {kind for kind, _ in names_of(route.path)} <= {"", "int", "uuid"}, route.path
