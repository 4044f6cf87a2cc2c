"""Menus: the entries of the staff client's navigation, and who is shown which. Contracts/sales.md, 6 (seed 001).

The client calls /api/access/, the documents say /api/access-control/: both.
"""

from typing import Any

import asyncpg

from core.data import sql
from core.http.handler import body
from core.problem import Problem, invalid, not_found
from handlers.api.dialects import StaffDialect
from handlers.api.envelope import envelope, path_id
from handlers.api.handler import ApiHandler, bad_token
from handlers.api.roles import administrator, may_touch, signed_in

query = sql.load("accounts/menu")


class MenuDialect(StaffDialect):
    """Tells what is wrong in a list of ids by position, `{"menu_ids": {"0": [...]}}`, and of the list as a whole bare."""

    def body(self, problem: Problem) -> dict[str, Any]:
        if problem.fields is None:
            return super().body(problem)
        fields = {name: _by_position(said) for name, said in problem.fields.items()}
        return super().body(
            Problem(problem.status, problem.slug, problem.message, fields, headers=problem.headers, extra=problem.extra)
        )


class OwnMenus(ApiHandler):
    dialect = StaffDialect()
    access = signed_in

    async def get(self) -> None:
        """200 with the tree of the caller's menus."""
        menus = await query.get_own_menus(self.db, account_id=self.caller.account_id)
        if menus is None:  # deleted since the token was looked at
            raise bad_token("invalid")
        self.reply(envelope("User menus retrieved successfully", menus))


class Menus(ApiHandler):
    dialect = StaffDialect()
    access = administrator

    async def get(self) -> None:
        """200 with the tree of all menus."""
        self.reply(envelope("All menus retrieved successfully", await query.list_menus(self.db)))


class AccountMenus(ApiHandler):
    dialect = StaffDialect()
    access = administrator

    async def get(self, id: str) -> None:
        """200 with what one person is shown; 404."""
        menus = await query.get_account_menus(self.db, public_id=path_id(id))
        if menus is None:
            raise not_found("User not found")
        self.reply(envelope("User menu assignments retrieved successfully", menus))


class MenuAssignment(ApiHandler):
    dialect = MenuDialect()
    access = administrator

    @body("accounts/menu_assign")
    async def post(self) -> None:
        """Show a person exactly these menus. 200; 400 fields, no such person or menu; 403 a person above the caller's role."""

        async def assign(db: sql.Runner) -> asyncpg.Record:
            held = await query.lock_for_assignment(db, body=self.body_text)
            unknown = {} if held["account_id"] else {"user_id": ["User not found"]}
            if held["unknown"]:
                unknown["menu_ids"] = [f"Invalid menu IDs: {held['unknown']}"]
            if unknown:
                raise invalid(unknown)
            may_touch(self.caller, held["role"])
            return await query.assign_menus(
                db, account_id=held["account_id"], assigned_by=self.caller.account_id, body=self.body_text, actor=self.actor
            )  # fmt: skip

        assigned = await self.db.transaction(assign)
        self.reply(envelope(assigned["message"], assigned["data"]))


def _by_position(said: Any) -> Any:
    if isinstance(said, dict):
        return said.get("non_field_errors", said)
    if said and all(isinstance(one, str) for one in said):
        return said
    return {str(n): one for n, one in enumerate(said) if one}


async def _caller_gone(handler: Any) -> Problem:
    """The caller's account was deleted while they assigned."""
    return bad_token("invalid")


refusals = {"account_menu_assigned_by_fkey": _caller_gone}
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
