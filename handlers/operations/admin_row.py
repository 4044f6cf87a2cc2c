"""One row of the administration: its page with the form, making and deleting rows. docs/api/operations.md#administration."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.http import disposition, form
from core.problem import Problem, not_found
from handlers.api.admin import Field, Form, Key, Kind, Table, listed
from handlers.api.caller import ChangesCallers
from handlers.operations import admin_form
from handlers.operations.admin import AdminPage
from handlers.operations.admin_text import Shown, shown

STALE = (
    "Somebody else has changed this since you opened it. Nothing was saved. What you typed is still below, with the present values under it; "
    "save it again if it shall count."
)
UNCHANGED = "Nothing was changed."
# Members of a row that its page shows as nothing but its title.
TITLE = "label"
LABELS = (TITLE, "name", "title", "business_name", "email", "username", "number")


class Part(NamedTuple):
    """A member of a row on its page."""

    title: str
    value: Shown


class RowPage(ChangesCallers, AdminPage):
    """The base of the pages of one row."""

    async def document(self, table: Table, key: Key) -> dict[str, Any]:
        """The row. Raises Problem 404."""
        zone = {"zone": self.config.business_timezone} if "zone" in table.get.parameters else {}
        text = await table.get(self.tables.db, **key, **zone)
        if text is None:
            raise not_found(f"There is no such {table.one}.")
        # Amounts stay the digits that they are.
        found: dict[str, Any] = json.loads(text, parse_float=str)
        return found

    def label(self, document: Mapping[str, Any]) -> str:
        """What a row is called."""
        return next((str(document[name]) for name in LABELS if document.get(name)), "")


class Row(RowPage):
    async def get(self, area: str, name: str, key: str) -> None:
        """200 text/html: the row, and the form to change it; 404."""
        table = self.table(area, name)
        document = await self.document(table, table.parse(key))
        values = admin_form.values_of(table.edit, document) if table.edit is not None else {}
        await self._answer(table, key, document, values, admin_form.version(values))

    async def post(self, area: str, name: str, key: str) -> None:
        """302 to the row; 400, 403 or 409 text/html: the form with what is wrong in it; 403 the form is not ours; 404."""
        self.check_form()
        table = self.table(area, name)
        document = await self.document(table, table.parse(key))
        if table.edit is None or table.change is None:
            raise Problem(405, "read-only", f"A {table.one} can't be changed here.", headers={"Allow": "GET"})
        present = admin_form.values_of(table.edit, document)
        typed = {**present, **admin_form.sent(self, table.edit)}
        if self.form_value(admin_form.VERSION) != admin_form.version(present):
            stale = Problem(409, "stale", STALE)
            await self._answer(table, key, document, typed, admin_form.version(present), stale)
            return
        changed = {name: texts for name, texts in typed.items() if texts != present[name]}
        admin_form.keep_only(self, table.edit, changed)
        if not changed and not form.parts(self.request)[1]:
            self.say(UNCHANGED)
            self.redirect(table.row_path(key))
            return
        await self._change(table, key, document, typed)

    async def _change(
        self, table: Table, key: str, document: Mapping[str, Any], typed: Mapping[str, Sequence[str]]
    ) -> None:
        assert table.edit is not None and table.change is not None
        present = admin_form.values_of(table.edit, document)
        try:
            await self.read_form(table.edit)
            await table.change(self, table.parse(key))
        except Exception as error:
            problem = await self.resolve(error)
            if problem.status not in admin_form.IN_FORM:
                raise
            await self._answer(table, key, document, typed, admin_form.version(present), problem)
            return
        label = self.label({**document, **{name: texts[-1] for name, texts in typed.items()}})
        self.say(f"The {table.one} “{label or key}” was changed successfully.")
        self.redirect(table.row_path(key))

    async def _answer(
        self,
        table: Table,
        key: str,
        document: Mapping[str, Any],
        values: Mapping[str, Sequence[str]],
        version: str,
        problem: Problem | None = None,
    ) -> None:
        worded = self.dialect.worded(problem) if problem is not None else None
        fields = worded.fields if worded is not None and isinstance(worded.fields, Mapping) else {}
        if worded is not None:
            self.set_status(worded.status)
        edit = table.edit if table.change is not None else None
        is_stale = problem is not None and problem.slug == "stale"
        present = admin_form.values_of(edit, document) if edit is not None and is_stale else admin_form.NOTHING
        self.show(
            "admin_row.html",
            table=table, key=key, label=self.label(document) or key, version=version,
            refusal=admin_form.summary(worded, edit),
            inputs=await admin_form.inputs(self, edit, values, fields, present=present, row=document) if edit is not None else (),
            parts=[await self._part(field, document) for field in _shown(table, document)],
            related=[(one.title, listed(one.to, **{one.filter: key})) for one in table.related if self.seen(one.to)],
            history=self._history(table, key, document),
        )  # fmt: skip

    async def _part(self, field: Field, document: Mapping[str, Any]) -> Part:
        value = document.get(field.name)
        if field.kind == "picture" and value:
            link = await self.application.storage.link(self.origin, str(value).removeprefix("media:"))
            return Part(field.title, Shown(link, "picture"))
        if field.kind == "file" and value:
            named_so = disposition.attachment(str(value))
            link = await self.application.storage.link(self.origin, document[f"{field.name}_media"], named_so)
            return Part(field.title, Shown(str(value), "text", link))
        to, named = (self.seen(field.to), document.get(f"{field.name}_key")) if field.to else (None, None)
        href = to.row_path(str(named)) if to is not None and named else ""
        return Part(field.title, shown(value, field.kind, self.config.business_timezone, href=href))

    def _history(self, table: Table, key: str, document: Mapping[str, Any]) -> str:
        """The address of the row's entries in the audit; "": it has none, or the administrator may not see them."""
        if not table.audited or self.seen("operations/audit") is None:
            return ""
        object_id = str(document.get(table.object_id) or key)
        return listed("operations/audit", object_type=table.audited, object_id=object_id)


class Add(RowPage):
    async def get(self, area: str, name: str) -> None:
        """200 text/html: an empty form, or with the values that the address has; 404."""
        table = self.table(area, name)
        made_of = _addable(table)
        values = {
            field.name: found for field in made_of.fields if (found := self.all_given(field.name)) and not field.secret
        }
        await self._answer(table, values)

    async def post(self, area: str, name: str) -> None:
        """302 to the new row; 400, 403 or 409 text/html: the form with what is wrong in it; 403 the form is not ours; 404."""
        self.check_form()
        table = self.table(area, name)
        made_of = _addable(table)
        typed = admin_form.sent(self, made_of)
        self.form_key = self.form_value(admin_form.FORM_KEY)
        admin_form.keep_filled(self, made_of, typed)
        try:
            await self.read_form(made_of)
            assert table.make is not None
            key = await table.make(self)
        except Exception as error:
            problem = await self.resolve(error)
            if problem.status not in admin_form.IN_FORM:
                raise
            await self._answer(table, typed, problem)
            return
        self.say(f"The {table.one} was added successfully.")
        self.redirect(table.row_path(key))

    async def _answer(self, table: Table, values: Mapping[str, Sequence[str]], problem: Problem | None = None) -> None:
        worded = self.dialect.worded(problem) if problem is not None else None
        fields = worded.fields if worded is not None and isinstance(worded.fields, Mapping) else {}
        if worded is not None:
            self.set_status(worded.status)
        row = {name: texts[-1] for name, texts in values.items() if texts}
        inputs = await admin_form.inputs(self, _addable(table), values, fields, is_new=True, row=row)
        self.show(
            "admin_add.html",
            table=table,
            inputs=inputs,
            refusal=admin_form.summary(worded, table.add),
            form_key=self.form_key or admin_form.new_key(),
        )


class Delete(RowPage):
    async def get(self, area: str, name: str, key: str) -> None:
        """200 text/html: whether the row is really to be deleted; 404."""
        table = self._deletable(area, name)
        document = await self.document(table, table.parse(key))
        self.show("admin_delete.html", table=table, key=key, label=self.label(document) or key)

    async def post(self, area: str, name: str, key: str) -> None:
        """302 to the list; 403 the form is not ours; 404; whatever the API refuses."""
        self.check_form()
        table = self._deletable(area, name)
        document = await self.document(table, table.parse(key))
        assert table.remove is not None
        await table.remove(self, table.parse(key))
        self.say(f"The {table.one} “{self.label(document) or key}” was deleted successfully.")
        self.redirect(table.path)

    def _deletable(self, area: str, name: str) -> Table:
        table = self.table(area, name)
        if table.remove is None:
            raise not_found(f"A {table.one} can't be deleted here.")
        return table


def _addable(table: Table) -> Form:
    """The form of a new row. Raises Problem 404."""
    if table.add is None or table.make is None:
        raise not_found(f"A {table.one} can't be added here.")
    return table.add


def _shown(table: Table, document: Mapping[str, Any]) -> Sequence[Field]:
    """The members that the page shows beside the form: those that the table names, or all others."""
    if table.shown:
        return table.shown
    in_form = {field.name for field in table.edit.fields} if table.edit is not None else set()
    return [
        Field(name, name.replace("_", " ").capitalize(), _kind(name, value))
        for name, value in document.items()
        if name not in in_form and name != TITLE
    ]


def _kind(name: str, value: object) -> Kind:
    if isinstance(value, bool):
        return "flag"
    return "moment" if name.endswith("_at") else "lines"


routes = [
    ("/admin/{area}/{name}/add/", Add),
    ("/admin/{area}/{name}/{key}/", Row),
    ("/admin/{area}/{name}/{key}/delete/", Delete),
]
