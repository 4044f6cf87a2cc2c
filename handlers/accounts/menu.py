"""Menus: the entries of the staff client's navigation, and which account is shown which. docs/api/accounts.md#menus.

The staff document writes /api/access-control/ and its client calls /api/access/, so each path exists twice.
"""

from typing import Any

import asyncpg

from core.data import sql
from core.http.declare import answers, body
from core.problem import Problem, invalid, not_found
from handlers.api.dialects import StaffDialect
from handlers.api.envelope import data_of, envelope, path_id
from handlers.api.handler import ApiHandler, gone
from handlers.api.roles import administrator, may_touch, signed_in, signed_in_caller

query = sql.load("accounts/menu")


class MenuDialect(StaffDialect):
    """Writes the messages for the items of a list by position, `{"menu_ids": {"0": ["…"]}}`; those for the whole list as a list."""

    def body(self, problem: Problem) -> dict[str, Any]:
        if problem.fields is None:
            return super().body(problem)
        fields = {name: _by_position(messages) for name, messages in problem.fields.items()}
        return super().body(
            Problem(problem.status, problem.slug, problem.message, fields, headers=problem.headers, extra=problem.extra)
        )


class OwnMenus(ApiHandler):
    dialect = StaffDialect()
    access = signed_in

    @answers(200, data_of("accounts/own_menus"))
    async def get(self) -> None:
        """Show the tree of the caller's menus. 200."""
        menus = await query.get_own_menus(self.db, account_id=signed_in_caller(self).account_id)
        if menus is None:
            # The account was deleted after the token was checked.
            raise gone()
        self.reply(envelope("User menus retrieved successfully", menus))


class Menus(ApiHandler):
    dialect = StaffDialect()
    access = administrator

    @answers(200, data_of("accounts/menus"))
    async def get(self) -> None:
        """Show the tree of all menus. 200."""
        self.reply(envelope("All menus retrieved successfully", await query.list_menus(self.db)))


class AccountMenus(ApiHandler):
    dialect = StaffDialect()
    access = administrator

    @answers(200, data_of("accounts/account_menus"))
    async def get(self, id: str) -> None:
        """Show the menus of one person. 200; 404."""
        menus = await query.get_account_menus(self.db, public_id=path_id(id))
        if menus is None:
            raise not_found("User not found")
        self.reply(envelope("User menu assignments retrieved successfully", menus))


class MenuAssignment(ApiHandler):
    dialect = MenuDialect()
    access = administrator

    @answers(200, data_of("accounts/menu_assigned"))
    @body("accounts/menu_assign")
    async def post(self) -> None:
        """Assign exactly these menus to a person. 200; 400 wrong fields, an unknown person or menu; 403 the caller may not, or the person's
        role is above the caller's."""
        assigned = await write_menus(self, query.assign_menus, self.body_text)
        self.reply(envelope(assigned["message"], assigned["data"]))


async def write_menus(handler: ApiHandler, write: sql.Query, body: str) -> asyncpg.Record:
    """Change which menus a person is shown. write: the query that does it. body: JSON, as that of MenuAssignment. Raises Problem: 400 an unknown
    person or menu; 401, 403."""
    caller = signed_in_caller(handler)

    async def work(db: sql.Runner) -> asyncpg.Record:
        locked = await query.lock_for_assignment(db, body=body)
        unknown = {} if locked["account_id"] else {"user_id": ["User not found"]}
        if locked["unknown"]:
            unknown["menu_ids"] = [f"Invalid menu IDs: {locked['unknown']}"]
        if unknown:
            raise invalid(unknown)
        may_touch(caller, locked["role"])
        return await write(db, account_id=locked["account_id"], body=body, actor=handler.actor)

    return await handler.db.transaction(work)


def _by_position(messages: Any) -> Any:
    """messages: of one field: a list of messages for the whole field, or a list with an entry for each item of the field."""
    if isinstance(messages, dict):
        return messages.get("non_field_errors", messages)
    if messages and all(isinstance(message, str) for message in messages):
        return messages
    return {str(position): message for position, message in enumerate(messages) if message}


# The caller's account was deleted while it assigned menus.
refusals = {"account_menu_assigned_by_fkey": gone()}
groups = ("Staff: menus",)
routes = [
    (f"/api/{area}/{path}/", handler)
    for area in ("access", "access-control")
    for path, handler in {
        "menus": OwnMenus,
        "admin/menus": Menus,
        "admin/assign-menus": MenuAssignment,
        "admin/users/{id}/menus": AccountMenus,
    }.items()
]
