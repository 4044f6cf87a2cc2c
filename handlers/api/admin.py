"""What an area declares of its tables for the administration, /admin/. docs/api/operations.md#administration.

A module `handlers/AREA/admin_NOUN.py` has `admin_tables = [Table(...)]`; the pages are those of handlers/operations/admin_*.py. The queries of a table
stand in sql/AREA/admin_NOUN.sql:

    -- filter: keys(ids)                       the rows that are named: one array for each part of the key
    d.id = ANY ($1::uuid[])

    -- filter: search(longest, words)          rows in which all words occur; the longest one has three letters in a row, as an index needs
    d.id = ANY (ARRAY(SELECT s.id FROM accounts.department s WHERE lower(s.name) LIKE core.containing($1::text)
                         AND lower(s.name) LIKE ALL (ARRAY(SELECT core.containing(w) FROM unnest($2::text[]) w)) LIMIT 1000))

    -- name: list_rows(after, most) -> rows
    SELECT d.id::text AS key, d.name AS label, d.name, d.is_active,
           (/* key */ jsonb_build_array(d.name) /* or as asked */)::text AS place
      FROM accounts.department d
     WHERE (/* after */ $1::jsonb IS NULL /* or as asked */) /* filters */
     ORDER BY d.name /* or as asked */ LIMIT $2::bigint;

    -- name: get_row(id) -> value       the row as a JSON object, for its page; its members are named as those of the forms. A parameter
                                        `zone`, beside those of the key, gets the setting BUSINESS_TIMEZONE
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urlencode

from core.data import sql
from core.data.sql import Query
from core.http import idempotency, inner, schema
from core.http.keyset import Column as OrderColumn
from core.http.schema import Schema
from core.problem import not_found
from handlers.api.caller import Caller
from handlers.api.dialects import detail
from handlers.api.page_handler import PageHandler

# How a value is shown. "moment": by the clock of the business; "flag": yes or no; "badge": one of a few words; "lines": a long text; "picture":
# the key of an uploaded file; "file": the name of one, which is saved under it, and whose key is in NAME_media; "json": whatever it is.
Kind = Literal["text", "number", "amount", "flag", "moment", "day", "badge", "lines", "picture", "file", "json"]
# What the parts of a key are made of.
Part = Literal["number", "uuid", "word"]
# The parameters of a query that finds one row.
Key = Mapping[str, Any]
# Stands between the parts of a key in an address. No number or uuid has one.
SEPARATOR = "."
# Digits of a number, which fits a bigint then.
LONGEST_NUMBER = 18


class Column(NamedTuple):
    """A column of a list. name: of the query's column. order: its name in Table.orders; "": the list can't be ordered by it. to: "AREA/TABLE" of
    the row that it leads to, whose key the query has in `NAME_key`; "": it leads nowhere."""

    name: str
    title: str
    kind: Kind = "text"
    order: str = ""
    to: str = ""


class Filter(NamedTuple):
    """A filter of a list: `-- filter: NAME(value)` of the SQL. choices: (value, title). kind: "choice" (a text), "flag" (a boolean), "since" and
    "until" (a date; with a second parameter also the setting BUSINESS_TIMEZONE), "reference" (the parts of the key of a row of the table `to`),
    "text" (what somebody types, whole). A choice or a flag may be `-- filter: NAME_VALUE()` instead, one for each value: such a condition has no
    parameter, so a partial index serves it.

    orders: those in which an index serves a list with the filter, terms such as `-created_at`, the first one unless another is asked for; None:
    the usual order and the table's filtered_orders. apart: names of filters that can't be combined with this one, because no index serves both.
    """

    name: str
    title: str
    kind: Literal["choice", "flag", "since", "until", "reference", "text"] = "choice"
    choices: Sequence[tuple[str, str]] = ()
    to: str = ""
    orders: Sequence[str] | None = None
    apart: Sequence[str] = ()


class Field(NamedTuple):
    """A member of a row on its page; what an input takes is what the form's schema says of the member. to: "AREA/TABLE" of the row that it names, by its
    key; a list names several. Beside the form the member NAME_key has that key, and the member itself what people read. among: the member of the row, or of
    the form of a new one, whose value is that of the first filter `within` of the table `to`. choices: (value, title), instead of the schema's. file: it is
    an uploaded file. secret: a password, which is never shown."""

    name: str
    title: str
    kind: Kind = "text"
    help: str = ""
    to: str = ""
    among: str = ""
    choices: Sequence[tuple[str, str]] = ()
    file: bool = False
    secret: bool = False


class AdminHandler(PageHandler):
    """The base of the pages of the administration, which a Write gets: caller, actor, db, body, body_text and files are those of the form.

    form_key: names the form that was sent, also when it is sent again; "": the form has no such name.
    """

    refused = "admin_refused.html"
    form_key = ""

    def given(self, name: str) -> str:
        """The value of a parameter of the address; "" without it. What an address may have follows from the table, so it is not declared."""
        return self.get_query_argument(name, "")

    def all_given(self, name: str) -> list[str]:
        """The values of a parameter that may be given several times."""
        return self.get_query_arguments(name)

    @property
    def administrator(self) -> Caller:
        """Who is signed in."""
        assert self.caller is not None, "the handler's access admits only staff"
        return self.caller


# Makes a row of a form; returns its key as it stands in addresses. Raises Problem.
Make = Callable[[AdminHandler], Awaitable[str]]
# Changes, or removes, the row with this key. The body has the changed members only. Raises Problem.
Write = Callable[[AdminHandler, Key], Awaitable[None]]
# Does something with the rows of these keys, and returns the sentence that says what was done. Raises Problem.
Do = Callable[[AdminHandler, Sequence[Key]], Awaitable[str]]


class Form(NamedTuple):
    """A form. schema: what the API validates the same body by; a change is validated by the schema of the API's PATCH, as the body has only what
    was changed."""

    schema: Schema
    fields: Sequence[Field]


def some(whole: Schema, *names: str, required: Sequence[str] | None = None) -> Schema:
    """The schema of a body that has only these members of another one. required: those that it must have; None: as in the other one."""
    members = {name: whole.document["properties"][name] for name in names}
    needed = (
        [name for name in whole.document.get("required", ()) if name in names] if required is None else list(required)
    )
    return Schema({**whole.document, "properties": members, "required": needed}, f"{whole.name}:{','.join(names)}")


class Action(NamedTuple):
    """What can be done with chosen rows, once it is confirmed. name: in the form. title: on the button. warning: what the confirmation says. asks: what
    the confirmation asks for; the body has it when the action is done."""

    name: str
    title: str
    do: Do
    warning: str = ""
    is_dangerous: bool = False
    asks: Form | None = None


class Related(NamedTuple):
    """A list of another table that is about the row: its filter `filter` gets the row's key. to: "AREA/TABLE"."""

    title: str
    to: str
    filter: str


def staff(caller: Caller) -> bool:
    """Everybody who may enter the administration."""
    return True


def superadmin(caller: Caller) -> bool:
    """Those who may see what belongs to single accounts."""
    return caller.role == "SUPERADMIN" or caller.is_superuser


class Table(NamedTuple):
    """A table of the administration, at /admin/AREA/NAME/.

    title, one: what its rows and a row are called. about: a sentence. key: the parts of its key, by the names that they have in the queries. orders: what a
    list can be ordered by, and its ties; each has an index together with the ties. usual: the order unless another is asked for, terms such as `-created_at`.
    ties: names of `orders` that are appended to each order, and make it one of all rows. filtered_orders: what a list with filters can be ordered by, beside
    its usual order, as the indexes of the filters have these orders; None: all of `orders`. A search finds so few rows that they can be sorted in any way.
    search: what a search looks at, as "by name"; "": there is none. within: the filter of those whom the rows belong to, and others that name what belongs
    to one of them. Where none of these is given, the list has its usual order, and neither search nor other filters, because indexes serve these for one of
    them only; a search then looks at all rows of one.
    shown: members of the row's document beside those of the form; empty: all of them. may_see: who may. audited: the object_type of its rows in the audit.
    object_id: the member of the document that is their object_id there; "": the key.
    """

    area: str
    name: str
    title: str
    one: str
    key: Mapping[str, Part]
    list: Query
    get: Query
    columns: Sequence[Column]
    orders: Mapping[str, OrderColumn]
    usual: Sequence[str]
    ties: Sequence[str] = ("id",)
    filtered_orders: Sequence[str] | None = None
    about: str = ""
    search: str = ""
    within: Sequence[str] = ()
    filters: Sequence[Filter] = ()
    shown: Sequence[Field] = ()
    add: Form | None = None
    make: Make | None = None
    edit: Form | None = None
    change: Write | None = None
    remove: Write | None = None
    removal_warning: str = ""
    actions: Sequence[Action] = ()
    related: Sequence[Related] = ()
    may_see: Callable[[Caller], bool] = staff
    audited: str = ""
    object_id: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.area}/{self.name}"

    @property
    def path(self) -> str:
        return f"/admin/{self.full_name}/"

    def row_path(self, key: str) -> str:
        """The address of the page of a row. key: as the list's query writes it."""
        return f"{self.path}{quote(key, safe='')}/"

    def parse(self, text: str) -> Key:
        """The key in an address or a form, by the names of its parts. Raises Problem 404: no row can have it."""
        key = self.parsed(text)
        if key is None:
            raise not_found(f"There is no such {self.one}.")
        return key

    def parsed(self, text: str) -> Key | None:
        """The same; None: no row can have it."""
        parts = text.split(SEPARATOR, len(self.key) - 1)
        found = [_part(kind, part) for kind, part in zip(self.key.values(), parts, strict=False)]
        return dict(zip(self.key, found, strict=True)) if len(found) == len(self.key) and None not in found else None


class Facts(NamedTuple):
    """A page of the administration that shows what no table of the database has, at /admin/AREA/NAME/. A module has `admin_facts = [Facts(...)]`.

    about: a sentence. heads: of the columns. rows: what the page shows. may_see: who may.
    """

    area: str
    name: str
    title: str
    about: str
    heads: Sequence[str]
    rows: Callable[[AdminHandler], Sequence[Sequence[str]]]
    may_see: Callable[[Caller], bool] = staff
    # As those of a Table, for the list of all tables.
    add: None = None
    one: str = ""

    @property
    def path(self) -> str:
        return f"/admin/{self.area}/{self.name}/"


def _part(kind: Part, text: str) -> Any:
    """A part of a key for a query; None: it can be none."""
    if kind == "number":
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else None
    return text if (kind == "uuid" and schema.is_uuid(text)) or (kind == "word" and text) else None


def key_text(*parts: Any) -> str:
    """A key as it stands in addresses."""
    return SEPARATOR.join(str(part) for part in parts)


def listed(table: str, **filters: str) -> str:
    """The address of a list with filters. table: "AREA/TABLE"."""
    return f"/admin/{table}/" + (f"?{urlencode(filters)}" if filters else "")


def since(value: str) -> date | None:
    """The day of a filter; None: it is no date."""
    return date.fromisoformat(value) if schema.is_date(value) else None


def through(method: str, path: str) -> Write:
    """A Write that sends the form's body to the API itself, as the administrator: the API validates, refuses and audits it as ever.

    path: such as /api/auth/departments/{id}/, with the parts of the key.
    """

    async def write(handler: AdminHandler, key: Key) -> None:
        await answer_of(
            handler, method, path.format_map({name: quote(str(part), safe="") for name, part in key.items()})
        )

    return write


def making_through(path: str, key: Callable[[Any], str]) -> Make:
    """A Make that posts the form's body to the API itself, as the administrator. key: of the new row, by the API's answer."""

    async def make(handler: AdminHandler) -> str:
        return key(await answer_of(handler, "POST", path))

    return make


async def answer_of(handler: AdminHandler, method: str, path: str, body: str | None = None) -> Any:
    """The JSON that the API answers the administrator; None without a body. body: JSON; None: that of the form, with its files. Of a form that is sent
    twice, what takes an Idempotency-Key is done once. Raises Problem: the API's refusal, in its words."""
    caller = handler.administrator
    token = handler.application.tokens.sign(
        "access", inner.expiry(), {"sid": caller.session_id, "user_id": str(caller.account_id), "email": caller.email}
    )
    sent: inner.Body | None = None
    if body is None and handler.files:
        sent = inner.form_of(handler.request)
    elif method != "DELETE":
        sent = inner.Body("application/json", ((handler.body_text if body is None else body) or "{}").encode())
    headers = {"Authorization": f"Bearer {token}"}
    if handler.form_key and method == "POST":
        # What somebody has changed in a form that was sent before is another request.
        named = b"\n".join((handler.form_key.encode(), path.encode(), sent.content if sent is not None else b""))
        headers["Idempotency-Key"] = hashlib.sha256(named).hexdigest()
    return await inner.ask(handler, method, path, sent, headers)


async def made_once(handler: AdminHandler, work: Callable[[sql.Runner], Awaitable[str]]) -> str:
    """Make a row in one transaction; returns its key. work: makes it, and returns its key. Of a form that is sent twice the row is made once. Raises
    Problem."""
    if not handler.form_key:
        return await handler.db.transaction(work)

    async def make(tx: sql.Runner) -> tuple[int, str]:
        return 201, await work(tx)

    named = b"\n".join((handler.form_key.encode(), handler.request.path.encode(), handler.body_text.encode()))
    caller, key = f"administrator:{handler.administrator.account_id}", hashlib.sha256(named).hexdigest()
    _, made, _ = await idempotency.with_key(handler, caller, key, make)
    return made


async def each(handler: AdminHandler, keys: Sequence[Key], write: Write) -> tuple[int, list[str]]:
    """Do a Write with each of the rows; the number of those that it was done with, and why others were refused. A row that is gone counts as neither."""
    done, refused = 0, []
    for key in keys:
        try:
            await write(handler, key)
            done += 1
        except Exception as error:
            # Also what a constraint of the database refuses.
            problem = await handler.resolve(error)
            if problem.status >= 500:
                raise
            if problem.status != 404:
                refused.append(detail(handler.dialect.worded(problem)))
    return done, refused


async def done_with(handler: AdminHandler, keys: Sequence[Key], write: Write, one: str, several: str) -> str:
    """Do a Write with each of the rows, and say how many. one, several: the sentences, such as "1 order was cancelled." and
    "{done} of {all} orders were cancelled."; why others were refused follows. Raises Problem: why the only row was refused."""
    if len(keys) == 1:
        await write(handler, keys[0])
        return one
    done, refused = await each(handler, keys, write)
    return " ".join([several.format(done=done, all=len(keys)), *dict.fromkeys(refused)])
