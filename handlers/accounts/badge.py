"""Badges: cards with the e-mail as a code, which is scanned where people pick, pack and deliver. docs/api/accounts.md#badges."""

import asyncio
import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from core import product
from core.data import sql
from core.files import media
from core.http import schema
from core.http.declare import answers
from core.http.disposition import inline
from core.http.parameter import ID, UUID, Parameter
from core.paper.fonts import in_thread
from core.paper.pages import POINTS_OF_MILLIMETRE
from core.paper.picture import Picture, picture
from core.problem import Problem, invalid, not_found
from handlers.accounts.badge_paper import PICTURE_HEIGHT, PICTURE_WIDTH, SHEETS, Badge, badges_pdf
from handlers.accounts.user import PATH_ID, no_user, parse_id
from handlers.api.dialects import StaffDialect
from handlers.api.handler import ApiHandler
from handlers.api.roles import ROLES, STRANGERS, administers, administrator, of_the_firm, signed_in_caller

PDF = "application/pdf"
BINARY = {"type": "string", "format": "binary"}
OF_THE_FIRM = [role for role in ROLES if role not in STRANGERS]
# In one file: 25 sheets of eight.
MOST_BADGES = 200
# Pictures that are read at the same time, each of at most some megabytes.
READ_AT_ONCE = 4

query = sql.load("accounts/badge")


def sheet_parameter(default: str) -> Parameter:
    says = f"A card of 85.6 x 54 mm a page, or eight of them on A4; {default} without it."
    return Parameter("sheet", says, {"type": "string", "enum": list(SHEETS)})


class BadgeHandler(ApiHandler):
    dialect = StaffDialect()

    async def show(self, people: Sequence[Any], sheet: str, name: str) -> None:
        """Answer with the badges of people, who are rows of list_badges."""
        pictures = await self._pictures(people)
        state = (product.VERSION, sheet, self.config.paper_header, [tuple(one) for one in people], list(pictures))
        self.set_header("ETag", f'"{hashlib.sha256(repr(state).encode()).hexdigest()[:32]}"')
        # A client may keep it, but asks each time whether it is still current.
        self.set_header("Cache-Control", "private, no-cache")
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        badges = [Badge(one, pictures.get(one["avatar"])) for one in people]
        body = await in_thread(partial(badges_pdf, badges, sheet, self.config.paper_header))
        self.reply(body, headers={"Content-Type": PDF, "Content-Disposition": inline(name)})

    async def _pictures(self, people: Sequence[Any]) -> dict[str, Picture]:
        """By key, the pictures that can be read. A badge does without the others."""
        places = asyncio.Semaphore(READ_AT_ONCE)

        async def read(key: str) -> tuple[str, Picture | None]:
            async with places:
                data = await media.read(self.application, key)
                size = (PICTURE_WIDTH * POINTS_OF_MILLIMETRE, PICTURE_HEIGHT * POINTS_OF_MILLIMETRE)
                return key, await in_thread(lambda: picture(data, *size)) if data else None

        keys = sorted({one["avatar"] for one in people if one["avatar"]})
        return {key: found for key, found in await asyncio.gather(*map(read, keys)) if found}

    async def find(self, ids: Sequence[str], roles: Sequence[str] = ()) -> Sequence[Any]:
        """The people of the firm with these ids or roles. Raises Problem: 400 too many; 404 an id that no one has."""
        wanted = [parse_id(id) for id in ids]
        public_ids = [one["public_id"] for one in wanted if one["public_id"] is not None]
        account_ids = [one["account_id"] for one in wanted if one["account_id"] is not None]
        given = {"public_ids": public_ids, "account_ids": account_ids, "roles": roles}
        found: Sequence[Any] = await query.list_badges(self.db, **given, firm=OF_THE_FIRM, most=MOST_BADGES)
        if len(found) > MOST_BADGES:
            raise Problem(400, "too-many", f"A file has at most {MOST_BADGES} badges. Please ask for some people only.")
        known = {id for one in found for id in (one["public_id"], str(one["account_id"]))}
        if unknown := [id for id in ids if (id.lower() if schema.is_uuid(id) else str(int(id))) not in known]:
            which = ", ".join(unknown)
            raise no_user() if len(ids) == 1 else not_found(f"No User matches the given query. Unknown: {which}.")
        return found

    def sheet(self, default: str) -> str:
        """Raises Problem 400: another sheet."""
        asked = self.asked("sheet") or default
        if asked not in SHEETS:
            raise invalid({"sheet": [f'"{asked[:40]}" is not a valid choice. Choices: {", ".join(SHEETS)}.']})
        return asked


class UserBadge(BadgeHandler):
    access = of_the_firm
    path_parameters = (PATH_ID,)
    parameters = (sheet_parameter("card"),)

    @answers(200, BINARY, media=PDF, headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self, id: str) -> None:
        """Print a person's badge, as a PDF. 200; 304; 400 an unknown sheet; 404 also another person's unless the caller administers accounts."""
        caller, sheet = signed_in_caller(self), self.sheet("card")
        if not administers(caller) and id.lower() not in (caller.public_id, str(caller.account_id)):
            raise no_user()
        [person] = await self.find([id])
        await self.show([person], sheet, f"badge-{person['name']}.pdf")


class Badges(BadgeHandler):
    access = administrator
    parameters = (
        Parameter("user", f"A person: uuid or number; up to {MOST_BADGES}.", {"anyOf": [UUID, ID]}, repeats=True),
        Parameter(
            "role", "A role, whose active people are meant.", {"type": "string", "enum": OF_THE_FIRM}, repeats=True
        ),
        sheet_parameter("a4"),
    )

    @answers(200, BINARY, media=PDF, headers=("ETag",))
    @answers(304, None, headers=("ETag",))
    async def get(self) -> None:
        """Print the badges of people and of roles, as one PDF, by name. 200; 304; 400 an unknown role or sheet, neither people nor roles, or
        more than 200 badges; 404 a person doesn't exist."""
        sheet, ids, roles = self.sheet("a4"), self._ids(), self._roles()
        if not ids and not roles:
            raise invalid({"user": ["Name at least one user or role."]})
        people = await self.find(ids, roles)
        if not people:
            raise not_found("No User has this role.")
        await self.show(people, sheet, "badges.pdf")

    def _ids(self) -> list[str]:
        asked = list(dict.fromkeys(self.all_asked("user")))
        if len(asked) > MOST_BADGES:
            raise invalid({"user": [f"Ensure there are no more than {MOST_BADGES} users."]})
        if not all(schema.is_uuid(id) or (id.isascii() and id.isdecimal() and len(id) <= 18) for id in asked):
            raise invalid({"user": ["Must be a valid UUID or number."]})
        return asked

    def _roles(self) -> list[str]:
        asked = list(dict.fromkeys(role.upper() for role in self.all_asked("role")))
        if unknown := [role for role in asked if role not in OF_THE_FIRM]:
            raise invalid({"role": [f'"{unknown[0][:40]}" is not a valid choice.']})
        return asked


groups = ("Staff: users",)
routes = [
    ("/api/auth/users/badges/", Badges),
    ("/api/auth/users/{id}/badge/", UserBadge),
]
