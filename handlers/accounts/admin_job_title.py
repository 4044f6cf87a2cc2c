"""Job titles in the administration. docs/api/accounts.md#administration."""

import json

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import (
    AdminHandler,
    Column,
    Field,
    Filter,
    Form,
    Related,
    Table,
    answer_of,
    through,
)

PATH = "/api/auth/job-titles/{id}/"

query = sql.load("accounts/admin_job_title")

FIELDS = (
    Field("title", "Title"),
    Field("department_id", "Department", to="accounts/departments"),
    Field("description", "Description", kind="lines"),
    Field("is_active", "Active", kind="flag"),
)


async def make(handler: AdminHandler) -> str:
    """A title without a department names none, and the API wants to be told so."""
    body = json.dumps({"department_id": None, **handler.body})
    answer = await answer_of(handler, "POST", "/api/auth/job-titles/", body)
    made: str = answer["data"]["id"]
    return made


job_titles = Table(
    area="accounts",
    name="job-titles",
    title="Job titles",
    one="job title",
    about="What people of the firm are, each in one department or in none.",
    key={"id": "uuid"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("title", "Title", order="title"),
        Column("department", "Department", to="accounts/departments"),
        Column("is_active", "Active", "flag"),
        Column("updated_at", "Last changed", "moment"),
    ),
    orders={
        "title": OrderColumn("t.title", "text", keyset.is_text),
        "id": OrderColumn("t.id", "uuid", lambda value: isinstance(value, str) and schema.is_uuid(value)),
    },
    usual=("title",),
    search="by title",
    filters=(
        Filter("department", "Department", "reference", to="accounts/departments"),
        Filter("is_active", "Active", "flag"),
    ),
    # The schema of a change, as that of a new title requires to name a department.
    add=Form(schema.load("accounts/job_title_patch"), FIELDS),
    make=make,
    edit=Form(schema.load("accounts/job_title_patch"), FIELDS),
    change=through("PATCH", PATH),
    remove=through("DELETE", PATH),
    removal_warning="People with this title stay, without it.",
    related=(Related("People with this title", "accounts/users", "job_title"),),
    audited="job_title",
)

admin_tables = [job_titles]
