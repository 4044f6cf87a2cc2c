"""Departments in the administration. docs/api/accounts.md#administration."""

from core.data import sql
from core.http import keyset, schema
from core.http.keyset import Column as OrderColumn
from handlers.api.admin import Column, Field, Filter, Form, Related, Table, making_through, through

query = sql.load("accounts/admin_department")

FIELDS = (
    Field("name", "Name"),
    Field("description", "Description", kind="lines"),
    Field("is_active", "Active", kind="flag"),
)
departments = Table(
    area="accounts",
    name="departments",
    title="Departments",
    one="department",
    about="Where people of the firm work.",
    key={"id": "uuid"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("name", "Name", order="name"),
        Column("is_active", "Active", "flag"),
        Column("job_titles", "Job titles", "number"),
        Column("updated_at", "Last changed", "moment"),
    ),
    orders={"name": OrderColumn("d.name", "text", keyset.is_text)},
    usual=("name",),
    ties=(),
    search="by name",
    filters=(Filter("is_active", "Active", "flag"),),
    add=Form(schema.load("accounts/department_write"), FIELDS),
    make=making_through("/api/auth/departments/", lambda answer: answer["data"]["id"]),
    edit=Form(schema.load("accounts/department_patch"), FIELDS),
    change=through("PATCH", "/api/auth/departments/{id}/"),
    remove=through("DELETE", "/api/auth/departments/{id}/"),
    removal_warning="Its job titles are deleted too, and people stay, without them.",
    related=(
        Related("People of this department", "accounts/users", "department"),
        Related("Job titles", "accounts/job-titles", "department"),
    ),
    audited="department",
)

admin_tables = [departments]
