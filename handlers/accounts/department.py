"""Departments of the firm. Contracts/sales.md, 4 (seed 001)."""

from core.data import sql
from core.http import keyset, paging
from core.http.handler import body
from core.problem import Problem, not_found
from handlers.api.dialects import StaffDialect
from handlers.api.envelope import CREATED, DETAIL, UPDATED, cursor_envelope, envelope, page_envelope, path_id
from handlers.api.handler import ApiHandler
from handlers.api.roles import administrator, of_the_firm

query = sql.load("accounts/department")

firm_reads = {"GET": of_the_firm, "*": administrator}


class Departments(ApiHandler):
    dialect = StaffDialect()
    access = firm_reads
    forms = True

    async def get(self) -> None:
        """200, by name. page, page_size (20, at most 100), or cursor (empty: from the beginning; nothing is counted). 400 a cursor
        that is none; 404 Invalid page."""
        page = paging.requested(self, default=20, most=100)
        if "cursor" in self.request.query_arguments:
            (name,) = keyset.given(self, keyset.is_text) or [""]
            rows = await query.walk_departments(self.db, after_name=name, page_size=page.size)
            self.reply(cursor_envelope(self, rows, page.size))
            return
        found = await query.list_departments(self.db, page=page.number, page_size=page.size)
        self.reply(page_envelope(self, found["count"], found["page"], page.size, found["results"]))

    @body("accounts/department_write")
    async def post(self) -> None:
        """201; 400 fields, name taken."""
        made = await query.create_department(self.db, body=self.body_text, actor=self.actor)
        self.reply(envelope(CREATED, made["document"], 201), status=201)


class Department(ApiHandler):
    dialect = StaffDialect()
    access = firm_reads
    forms = True

    async def get(self, id: str) -> None:
        """200; 404."""
        department = await query.get_department(self.db, id=path_id(id))
        if department is None:
            raise no_department()
        self.reply(envelope(DETAIL, department))

    @body("accounts/department_write")
    async def put(self, id: str) -> None:
        """200; 400 fields, name taken; 404. What the body doesn't name stays: clients send the name alone."""
        await self._update(id)

    @body("accounts/department_patch")
    async def patch(self, id: str) -> None:
        """200; 400 fields, name taken; 404."""
        await self._update(id)

    async def delete(self, id: str) -> None:
        """204, its job titles with it; people stay, without them. 404."""
        if await query.delete_department(self.db, id=path_id(id), actor=self.actor) is None:
            raise no_department()
        self.reply_nothing()

    async def _update(self, id: str) -> None:
        updated = await query.update_department(self.db, id=path_id(id), body=self.body_text, actor=self.actor)
        if updated is None:
            raise no_department()
        self.reply(envelope(UPDATED, updated["document"]))


def no_department() -> Problem:
    return not_found("No Department matches the given query.")


refusals = {
    "department_name_key": (400, "department-exists", "Validation failed", {"name": ["Department with this name already exists."]}),
}  # fmt: skip
routes = [
    ("/api/auth/departments/", Departments),
    ("/api/auth/departments/{id}/", Department),
]
