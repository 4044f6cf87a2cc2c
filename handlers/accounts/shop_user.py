"""The shop's people, as seed 003 manages them; those who are not of the firm are not seen here."""

import json
from typing import Any

from core.data import sql
from core.http.handler import body
from core.problem import not_found
from handlers.accounts import names, password_rules
from handlers.api.caller import ChangesCallers
from handlers.api.handler import PosHandler, bad_token
from handlers.api.roles import ROLES, STRANGERS, administrator, may_give, may_touch, signed_in

OF_THE_FIRM = [role for role in ROLES if role not in STRANGERS]
ABOUT = ("email", "username", "first_name", "last_name")  # what a password must not be like

query = sql.load("accounts/shop_user")


class PersonHandler(ChangesCallers, PosHandler):
    """What the three routes share."""

    forms = True
    email_taken = "custom user with this email already exists."  # read by handlers/accounts/user.py

    async def shown(self, id: int, roles: list[str] | None) -> str:
        """One of these roles (None: of any), as JSON text. Raises Problem 404."""
        person = await query.get_person(self.db, id=id, roles=roles)
        if person is None:
            raise not_found()
        return person

    async def locked(self, db: sql.Runner, id: int, roles: list[str] | None) -> None:
        """Hold the account until the transaction ends. Raises Problem: 404; 403 its role is above the caller's."""
        found = await query.lock_person(db, id=id, roles=roles)
        if found is None:
            await self.confirm(db)  # it may be the caller's own
            raise not_found()
        may_touch(self.caller, found["role"])

    async def new_hash(self, id: int | None = None, roles: list[str] | None = None) -> str | None:
        """Of the body's password, where it has one; id: whose it will be. Raises Problem: 404, 400."""
        password = self.body.get("password")
        if password is None:
            return None
        person = {**(json.loads(await self.shown(id, roles)) if id is not None else {}), **self.body}
        password_rules.check(self.config, password_rules.SHOP, password, [person[name] for name in ABOUT])
        return await self.application.passwords.hash(password, **self.requester)

    async def change(
        self, id: int, roles: list[str] | None, *, role: str | None = None, own_names: bool = False
    ) -> None:
        """Answer with the account as the body changed it. Raises Problem: 404, 403, 400."""
        hashed = await self.new_hash(id, roles)  # before the transaction, in which bcrypt has no place

        async def apply(db: sql.Runner) -> Any:
            await self.locked(db, id, roles)
            await self.confirm(db)
            if own_names:
                await names.check_own(db, id, self.body, any_letters=True)
            if role is not None:
                may_give(self.caller, role, own=id == self.caller.account_id)
            return await query.change_person(
                db, id=id, body=self.body_text, role=role, keeps_staff="administration" in ROLES.get(role or "", ()),
                password_hash=hashed, keep_session=self.caller.session_id, actor=self.actor,
            )  # fmt: skip

        self.reply((await self.db.transaction(apply))["person"])


class People(PersonHandler):
    access = administrator

    async def get(self) -> None:
        """200: an array of those who are active, by id. Seed 003, User Management."""
        self.reply(await query.list_people(self.db, roles=OF_THE_FIRM))

    @body("accounts/shop_user_create")
    async def post(self) -> None:
        """201; 400 fields, or the e-mail is taken (also by one who was deleted); 403 a role above the caller's. Section 4."""
        may_give(self.caller, self.body.get("role", "EMPLOYEE"))
        hashed = await self.new_hash()

        async def make(db: sql.Runner) -> Any:
            await self.confirm(db)
            return await query.create_person(
                db, body=self.body_text, password_hash=hashed, maker_id=self.caller.account_id, actor=self.actor
            )

        self.reply((await self.db.transaction(make))["person"], status=201)


class Person(PersonHandler):
    access = administrator

    async def get(self, id: str) -> None:
        """200; 404 also for one who was deleted."""
        self.reply(await self.shown(int(id), OF_THE_FIRM))

    @body("accounts/shop_user_replace")
    async def put(self, id: str) -> None:
        """200; 404; 400; 403 an account above the caller's role, or such a role. A new password ends the account's sessions, but for the caller's own."""
        await self.change(int(id), OF_THE_FIRM, role=self.body.get("role"))

    @body("accounts/shop_user_change")
    async def patch(self, id: str) -> None:
        """As PUT, with only what changes."""
        await self.change(int(id), OF_THE_FIRM, role=self.body.get("role"))

    async def delete(self, id: str) -> None:
        """204: the account is closed, and kept; 404; 403 an account above the caller's role; 400 the last SUPERADMIN. Section 6."""

        async def deactivate(db: sql.Runner) -> None:
            await self.locked(db, int(id), OF_THE_FIRM)
            await query.deactivate_person(db, id=int(id), actor=self.actor)

        await self.db.transaction(deactivate)
        self.reply_nothing()


class OwnPerson(PersonHandler):
    """Of whoever is signed in, of the firm or not."""

    access = signed_in

    async def get(self) -> None:
        """200. Seed 003, section 3."""
        person = await query.get_person(self.db, id=self.caller.account_id, roles=None)
        if person is None:  # closed or deleted since the token was looked at
            raise bad_token("invalid")
        self.reply(person)

    @body("accounts/shop_user_own")
    async def put(self) -> None:
        """200, with only what changes; role and is_active are ignored, and of who is no one of the shop e-mail and password too:
        other documents have those changed elsewhere. A new password ends the other sessions. 400. Section 5."""
        if "pos" not in ROLES[self.caller.role]:
            self.body = {name: value for name, value in self.body.items() if name not in ("email", "password")}
            self.body_text = json.dumps(self.body)
        await self.change(self.caller.account_id, None, own_names=True)

    patch = put


routes = [
    ("/api/users/", People),
    ("/api/users/me/", OwnPerson),
    ("/api/users/{id:int}/", Person),
]
