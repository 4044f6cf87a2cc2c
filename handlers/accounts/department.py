"""Departments of the firm. docs/api/accounts.md#departments-and-job-titles.

`Departments` is the model of a collection of the staff API: an access by method, a list by page or by cursor, and a POST.
"""

from core.data import sql
from core.http import keyset, paging
from core.http.declare import answers, body
from core.problem import Problem, not_found
from handlers.accounts import MAX_PAGE_SIZE, PAGE_SIZE
from handlers.api.dialects import StaffDialect
from handlers.api.envelope import (
    CREATED,
    DETAIL,
    UPDATED,
    cursor_envelope,
    data_of,
    envelope,
    page_envelope,
    page_of,
    path_id,
)
from handlers.api.handler import ApiHandler
from handlers.api.roles import administrator, of_the_firm

query = sql.load("accounts/department")

firm_reads = {"GET": of_the_firm, "*": administrator}


class Departments(ApiHandler):
    dialect = StaffDialect()
    access = firm_reads
    parameters = (*paging.parameters(PAGE_SIZE, MAX_PAGE_SIZE), keyset.CURSOR)

    @answers(200, page_of("accounts/department"))
    async def get(self) -> None:
        """List the departments, by name. 200; 400 an invalid cursor; 404 there is no such page."""
        page = paging.requested(self, default=PAGE_SIZE, most=MAX_PAGE_SIZE)
        if self.asks_for("cursor"):
            (name,) = keyset.given(self, keyset.is_text) or [""]
            rows = await query.walk_departments(self.db, after_name=name, page_size=page.size)
            self.reply(cursor_envelope(self, rows, page.size))
            return
        found = await query.list_departments(self.db, page=page.number, page_size=page.size)
        self.reply(page_envelope(self, found["count"], found["page"], page.size, found["results"]))

    @answers(201, data_of("accounts/department", 201))
    @body("accounts/department_write")
    async def post(self) -> None:
        """Make a department. 201; 400 wrong fields, a name that exists."""
        made = await query.create_department(self.db, body=self.body_text, actor=self.actor)
        self.reply(envelope(CREATED, made["document"], 201), status=201)


class Department(ApiHandler):
    dialect = StaffDialect()
    access = firm_reads

    @answers(200, data_of("accounts/department"))
    async def get(self, id: str) -> None:
        """Show a department. 200; 404."""
        department = await query.get_department(self.db, id=path_id(id))
        if department is None:
            raise no_department()
        self.reply(envelope(DETAIL, department))

    @answers(200, data_of("accounts/department"))
    @body("accounts/department_write")
    async def put(self, id: str) -> None:
        """Replace a department. Fields that the body omits stay, because clients send the name alone. 200; 400 wrong fields, a name that
        exists; 404."""
        await self._update(id)

    @answers(200, data_of("accounts/department"))
    @body("accounts/department_patch")
    async def patch(self, id: str) -> None:
        """Change some fields of a department. 200; 400 wrong fields, a name that exists; 404."""
        await self._update(id)

    async def delete(self, id: str) -> None:
        """Delete a department. Its job titles are deleted too, and people stay, without them. 204; 404."""
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


NAME_EXISTS = {"name": ["Department with this name already exists."]}
refusals = {"department_name_key": (400, "department-exists", "Validation failed", NAME_EXISTS)}
groups = ("Staff: departments and job titles",)
routes = [
    ("/api/auth/departments/", Departments),
    ("/api/auth/departments/{id}/", Department),
]
