"""The people of the firm, as the shop API manages them. docs/api/accounts.md#shop-users. Other accounts are not found here."""

import json

import asyncpg

from core.data import sql
from core.http.declare import answers, body, ref
from core.problem import not_found
from handlers.accounts import names, password_rules
from handlers.api.caller import ChangesCallers
from handlers.api.handler import PosHandler, gone
from handlers.api.roles import ROLES, STRANGERS, administrator, may_give, may_touch, signed_in, signed_in_caller

OF_THE_FIRM = [role for role in ROLES if role not in STRANGERS]
# The members of a person to which a password must not be similar.
PERSONAL = ("email", "username", "first_name", "last_name")

query = sql.load("accounts/shop_user")


class PersonHandler(ChangesCallers, names.WritesEmail, PosHandler):
    """The base of the three routes. In each method, `roles` are the roles that a person may have to be found; None: any role."""

    email_exists = "custom user with this email already exists."

    async def find(self, id: int, roles: list[str] | None) -> str:
        """The person as JSON text. Raises Problem 404."""
        person: str | None = await query.get_person(self.db, id=id, roles=roles)
        if person is None:
            raise not_found()
        return person

    async def lock(self, db: sql.Runner, id: int, roles: list[str] | None) -> None:
        """Lock the account until the transaction ends. Raises Problem: 403 a role above the caller's; 404."""
        found = await query.lock_person(db, id=id, roles=roles)
        if found is None:
            # If the missing account is the caller's own, this answers 401.
            await self.confirm(db)
            raise not_found()
        may_touch(signed_in_caller(self), found["role"])

    async def hash_password(self, id: int | None = None, roles: list[str] | None = None) -> str | None:
        """The hash of the body's password; None without one. id: the existing account, None for a new one. Raises Problem: 400, 404."""
        password = self.body.get("password")
        if password is None:
            return None
        known = json.loads(await self.find(id, roles)) if id is not None else {}
        person = {**known, **self.body}
        password_rules.check(self.config, password_rules.SHOP, password, [person[name] for name in PERSONAL])
        return await self.application.passwords.hash(password, **self.requester)

    async def change(
        self, id: int, roles: list[str] | None, *, role: str | None = None, own_names: bool = False
    ) -> None:
        """Change the account as the body says, and answer with it. role: the new role, None to keep it. own_names: people change their
        own account. Raises Problem: 400, 403, 404."""
        caller = signed_in_caller(self)
        # Before the transaction, because bcrypt takes too long to hold locks meanwhile.
        hashed = await self.hash_password(id, roles)

        async def apply(db: sql.Runner) -> asyncpg.Record:
            await self.lock(db, id, roles)
            await self.confirm(db)
            if own_names:
                await names.check_own(db, id, self.body, any_letters=True)
            if role is not None:
                may_give(caller, role, own=id == caller.account_id)
            return await query.change_person(
                db,
                id=id,
                body=self.body_text,
                role=role,
                keeps_staff="administration" in ROLES.get(role or "", ()),
                password_hash=hashed,
                keep_session=caller.session_id,
                actor=self.actor,
            )

        changed = await self.db.transaction(apply)
        self.reply(changed["person"])


class People(PersonHandler):
    access = administrator

    # Unlike the lists of the staff API, this one has no pages: the shop's clients need a bare array of all people.
    @answers(200, {"type": "array", "items": ref("accounts/person")})
    async def get(self) -> None:
        """List the active people of the firm, by id. 200."""
        self.reply(await query.list_people(self.db, roles=OF_THE_FIRM))

    @answers(201, "accounts/person")
    @body("accounts/shop_user_create")
    async def post(self) -> None:
        """Make a person of the firm. 201; 400 wrong fields, an e-mail that exists, also of a deleted person; 403 the caller may not, or the role
        is above the caller's."""
        caller = signed_in_caller(self)
        may_give(caller, self.body.get("role", "EMPLOYEE"))
        hashed = await self.hash_password()

        async def make(db: sql.Runner) -> asyncpg.Record:
            await self.confirm(db)
            return await query.create_person(
                db, body=self.body_text, password_hash=hashed, maker_id=caller.account_id, actor=self.actor
            )

        made = await self.db.transaction(make)
        self.reply(made["person"], status=201)


class Person(PersonHandler):
    access = administrator

    @answers(200, "accounts/person")
    async def get(self, id: str) -> None:
        """Show a person of the firm. 200; 404 also a deleted person."""
        self.reply(await self.find(int(id), OF_THE_FIRM))

    @answers(200, "accounts/person")
    @body("accounts/shop_user_replace")
    async def put(self, id: str) -> None:
        """Replace a person of the firm. A new password ends the sessions of the account, except the caller's own. 200; 400 wrong fields, an
        e-mail that exists; 403 the caller may not, or a role is above the caller's, of the account or in the body; 404."""
        await self.change(int(id), OF_THE_FIRM, role=self.body.get("role"))

    @answers(200, "accounts/person")
    @body("accounts/shop_user_change")
    async def patch(self, id: str) -> None:
        """Change some fields of a person of the firm, as PUT does. 200; 400 as for PUT; 403 as for PUT; 404."""
        await self.change(int(id), OF_THE_FIRM, role=self.body.get("role"))

    async def delete(self, id: str) -> None:
        """Deactivate a person of the firm. The account's row stays. 204; 400 the last SUPERADMIN; 403 the caller may not, or the person's
        role is above the caller's; 404."""

        async def deactivate(db: sql.Runner) -> None:
            await self.lock(db, int(id), OF_THE_FIRM)
            await query.deactivate_person(db, id=int(id), actor=self.actor)

        await self.db.transaction(deactivate)
        self.reply_nothing()


class OwnPerson(PersonHandler):
    """The caller's own account, of any role."""

    access = signed_in

    @answers(200, "accounts/person")
    async def get(self) -> None:
        """Show the caller's account. 200."""
        person = await query.get_person(self.db, id=signed_in_caller(self).account_id, roles=None)
        if person is None:
            # The account was deactivated or deleted after the token was checked.
            raise gone()
        self.reply(person)

    @answers(200, "accounts/person")
    @body("accounts/shop_user_own")
    async def put(self) -> None:
        """Change the caller's account. Fields that the body omits stay. role and is_active are ignored; for roles outside the area pos
        also e-mail and password, which those people change by the paths of their own API. A new password ends all other sessions. 200;
        400 wrong fields, an e-mail or username that exists; 403 the caller's role was changed in the meantime."""
        caller = signed_in_caller(self)
        if "pos" not in ROLES[caller.role]:
            self.body = {name: value for name, value in self.body.items() if name not in ("email", "password")}
            self.body_text = json.dumps(self.body)
        await self.change(caller.account_id, None, own_names=True)

    patch = put


groups = ("Shop: users",)
routes = [
    ("/api/users/", People),
    ("/api/users/me/", OwnPerson),
    ("/api/users/{id:int}/", Person),
]
