"""Accounts in the administration. docs/api/accounts.md#administration."""

from collections.abc import Sequence

from core.data import sql
from core.http import schema
from core.http.keyset import Column as OrderColumn
from core.problem import Problem
from handlers.accounts.user import ORDERS
from handlers.api.admin import (
    Action,
    AdminHandler,
    Column,
    Do,
    Facts,
    Field,
    Filter,
    Form,
    Key,
    Related,
    Table,
    answer_of,
    each,
    making_through,
    through,
)
from handlers.api.roles import ROLES

PATH = "/api/auth/users/{public_id}/"
REMOVE_PICTURE = '{"avatar": null}'

query = sql.load("accounts/admin_user")

IDENTITY = (
    Field("email", "E-mail"),
    Field("name", "Name"),
    Field("username", "Username", help="The shop, vendors and members sign in with it."),
    Field("phone", "Phone"),
)
RIGHTS = (
    Field("role", "Role"),
    Field("is_staff", "Staff", kind="flag", help="May enter the administration."),
    Field("is_active", "Active", kind="flag", help="Nobody signs in to an account that is not active."),
    Field("department_id", "Department", to="accounts/departments"),
    Field("job_title", "Job title", to="accounts/job-titles"),
    Field("company_name", "Company", help="On the papers of the account's books."),
    Field("company_address", "Address of the company", kind="lines"),
    Field("company_logo", "Address of the company's logo"),
    Field("avatar", "Picture", file=True, help="PNG, JPEG, GIF or WebP, at most 5 MB."),
)
# Who makes an account ticks what differs from what the role brings along.
MAKING = (
    *IDENTITY,
    Field("password", "Password", secret=True, help="Without one nobody can sign in yet."),
    Field("role", "Role"),
    *(field for field in RIGHTS if field.name not in ("role", "is_staff", "is_active")),
)
CHANGING = (
    *IDENTITY,
    Field("password", "New password", secret=True, help="It ends the sessions of the account. Left empty, the present one stays."),
    *RIGHTS,
)  # fmt: skip


def activation(word: str) -> Do:
    """What activates or deactivates accounts. word: activate or deactivate."""
    write = through("POST", f"{PATH}{word}/")

    async def do(handler: AdminHandler, keys: Sequence[Key]) -> str:
        if len(keys) == 1:
            return await _said(handler, f"{PATH}{word}/".format_map(keys[0]))
        done, refused = await each(handler, keys, write)
        return " ".join([f"{done} of {len(keys)} users {word}d successfully.", *dict.fromkeys(refused)])

    return do


async def _said(handler: AdminHandler, path: str) -> str:
    """What the API says of one account, also when it refuses."""
    try:
        answer = await answer_of(handler, "POST", path)
    except Problem as problem:
        if problem.status >= 500:
            raise
        return str(handler.dialect.worded(problem).message)
    return f"{answer['message']}."


async def remove_pictures(handler: AdminHandler, keys: Sequence[Key]) -> str:
    async def write(handler: AdminHandler, key: Key) -> None:
        await answer_of(handler, "PATCH", PATH.format_map(key), REMOVE_PICTURE)

    done, refused = await each(handler, keys, write)
    return " ".join([f"The pictures of {done} of {len(keys)} users were removed.", *dict.fromkeys(refused)])


users = Table(
    area="accounts",
    name="users",
    title="Users",
    one="user",
    about="The accounts of all people, whichever part of the server they use.",
    key={"public_id": "uuid"},
    list=query.list_rows,
    get=query.get_row,
    columns=(
        Column("email", "E-mail", order="email"),
        Column("name", "Name", order="name"),
        Column("role", "Role", "badge", order="role"),
        Column("department", "Department", to="accounts/departments"),
        Column("job_title", "Job title", to="accounts/job-titles"),
        Column("is_active", "Active", "flag", order="is_active"),
        Column("is_staff", "Staff", "flag", order="is_staff"),
        Column("date_joined", "Joined", "moment", order="id"),
        Column("last_login", "Last sign-in", "moment", order="last_login"),
    ),
    orders={
        name: OrderColumn(column.sql.replace("account.", "a."), column.type, column.test)
        for name, column in ORDERS.items()
    },
    usual=("-id",),
    filtered_orders=("id",),
    search="by e-mail, name or username",
    filters=(
        Filter("role", "Role", choices=[(role, role) for role in ROLES]),
        Filter("is_active", "Active", "flag"),
        Filter("is_staff", "Staff", choices=(("yes", "Yes"),)),
        Filter("department", "Department", "reference", to="accounts/departments", apart=("role", "is_active", "job_title")),
        Filter("job_title", "Job title", "reference", to="accounts/job-titles", apart=("role", "is_active")),
    ),
    shown=(
        Field("avatar", "Picture", "picture"),
        Field("first_name", "First name"),
        Field("last_name", "Last name"),
        Field("address", "Address"),
        Field("is_superuser", "Superuser", "flag"),
        Field("has_password", "Has a password", "flag"),
        Field("number", "Number"),
        Field("created_by", "Made by", to="accounts/users"),
        Field("date_joined", "Joined", "moment"),
        Field("last_login", "Last sign-in", "moment"),
        Field("updated_at", "Last changed", "moment"),
    ),
    add=Form(schema.load("accounts/user_create"), MAKING),
    make=making_through("/api/auth/users/", lambda answer: answer["data"]["id"]),
    edit=Form(schema.load("accounts/user_update"), CHANGING),
    change=through("PATCH", PATH),
    remove=through("DELETE", PATH),
    removal_warning="Sessions, menus and what is the account's own are deleted too. What it has made for the firm stays, without a maker.",
    actions=(
        Action("activate", "Activate", activation("activate")),
        Action("deactivate", "Deactivate", activation("deactivate"), "Their sessions end at once.", is_dangerous=True),
        Action("remove-picture", "Remove the picture", remove_pictures, is_dangerous=True),
    ),
    related=(
        Related("Sessions", "accounts/sessions", "account"),
        Related("Menus", "accounts/user-menus", "account"),
        Related("What they have changed", "operations/audit", "account"),
    ),
    audited="account",
)  # fmt: skip


def list_roles(handler: AdminHandler) -> Sequence[Sequence[str]]:
    """The roles, and what each may enter."""
    return [(role, ", ".join(area.replace("-", " ") for area in areas)) for role, areas in ROLES.items()]


roles = Facts(
    "accounts", "roles", "Roles", "What each role may enter. Roles are part of the program, so they can't be changed here.",
    ("Role", "May enter"), list_roles,
)  # fmt: skip

admin_tables = [users]
admin_facts = [roles]
