"""Job titles, each in one department or in none. docs/api/accounts.md#departments-and-job-titles."""

from core.data import sql
from core.http import keyset, paging
from core.http.declare import answers, body
from core.http.parameter import UUID, Parameter
from core.http.schema import is_uuid
from core.problem import Problem, invalid, not_found
from handlers.accounts import MAX_PAGE_SIZE, PAGE_SIZE
from handlers.accounts.department import firm_reads
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

query = sql.load("accounts/job_title")


class JobTitles(ApiHandler):
    dialect = StaffDialect()
    access = firm_reads
    parameters = (
        *paging.parameters(PAGE_SIZE, MAX_PAGE_SIZE),
        keyset.CURSOR,
        Parameter("department", "Only the titles of this department.", UUID),
    )

    @answers(200, page_of("accounts/job_title"))
    async def get(self) -> None:
        """List the job titles, by department, then title. Titles without a department come last. 200; 400 department, an invalid cursor;
        404 there is no such page."""
        page = paging.requested(self, default=PAGE_SIZE, most=MAX_PAGE_SIZE)
        department_id = self.asked("department") or None
        if department_id is not None and not is_uuid(department_id):
            raise invalid({"department": ["Must be a valid UUID."]})
        if self.asks_for("cursor"):
            name, title = keyset.given(self, _is_department_name, keyset.is_text) or ["", ""]
            rows = await query.walk_job_titles(
                self.db, department_id=department_id, after_department=name, after_title=title, page_size=page.size
            )
            self.reply(cursor_envelope(self, rows, page.size))
            return
        found = await query.list_job_titles(self.db, department_id=department_id, page=page.number, page_size=page.size)
        self.reply(page_envelope(self, found["count"], found["page"], page.size, found["results"]))

    @answers(201, data_of("accounts/job_title", 201))
    @body("accounts/job_title_write")
    async def post(self) -> None:
        """Make a job title. 201; 400 wrong fields, a title that exists in the department, an unknown department."""
        made = await query.create_job_title(self.db, body=self.body_text, actor=self.actor)
        self.reply(envelope(CREATED, made["document"], 201), status=201)


class JobTitle(ApiHandler):
    dialect = StaffDialect()
    access = firm_reads

    @answers(200, data_of("accounts/job_title"))
    async def get(self, id: str) -> None:
        """Show a job title. 200; 404."""
        job_title = await query.get_job_title(self.db, id=path_id(id))
        if job_title is None:
            raise no_job_title()
        self.reply(envelope(DETAIL, job_title))

    @answers(200, data_of("accounts/job_title"))
    @body("accounts/job_title_write")
    async def put(self, id: str) -> None:
        """Replace a job title. description and is_active stay if the body omits them. 200; 400 as for POST; 404."""
        await self._update(id)

    @answers(200, data_of("accounts/job_title"))
    @body("accounts/job_title_patch")
    async def patch(self, id: str) -> None:
        """Change some fields of a job title. 200; 400 as for POST; 404."""
        await self._update(id)

    async def delete(self, id: str) -> None:
        """Delete a job title. People with this title stay, without it. 204; 404."""
        if await query.delete_job_title(self.db, id=path_id(id), actor=self.actor) is None:
            raise no_job_title()
        self.reply_nothing()

    async def _update(self, id: str) -> None:
        updated = await query.update_job_title(self.db, id=path_id(id), body=self.body_text, actor=self.actor)
        if updated is None:
            raise no_job_title()
        self.reply(envelope(UPDATED, updated["document"]))


def _is_department_name(value: object) -> bool:
    """A test for keyset.given: the name of a department, or None for titles without one."""
    return value is None or keyset.is_text(value)


def no_job_title() -> Problem:
    return not_found("No JobTitle matches the given query.")


async def unknown_department(handler: ApiHandler) -> Problem:
    return invalid({"department_id": [f'Invalid pk "{handler.body["department_id"]}" - object does not exist.']})


TITLE_EXISTS = {"non_field_errors": ["The fields department_id, title must make a unique set."]}
refusals = {
    "job_title_department_id_title_key": (400, "job-title-exists", "Validation failed", TITLE_EXISTS),
    "job_title_department_id_exists": unknown_department,
}
groups = ("Staff: departments and job titles",)
routes = [
    ("/api/auth/job-titles/", JobTitles),
    ("/api/auth/job-titles/{id}/", JobTitle),
]
