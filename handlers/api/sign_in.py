"""The check of a name and a password, which every way to sign in shares. docs/api/accounts.md#sign-in."""

import asyncpg

from core import email_address
from core.data import sql
from core.http.throttle import Throttle, source, throttle, too_many
from core.problem import Problem
from handlers.api.handler import ApiHandler

# Sign-ins that may fail for one name from one address, within so many seconds.
FAILURES, WINDOW = 10, 300

query = sql.load("api/sign_in")


class ChecksPassword(ApiHandler):
    """The base of handlers that check a password."""

    # A client that still sends an expired token must be able to get a new one.
    authenticates = False

    def bad_sign_in(self) -> Problem:
        """401: one answer for a wrong password and for an unknown account."""
        raise NotImplementedError

    def admits(self, found: asyncpg.Record) -> bool:
        """Whether an account may sign in at all, by a row of find_sign_in."""
        return bool(found["is_active"])

    async def check_password(self, login: str, password: str) -> asyncpg.Record:
        """Find the account and check the password: a row of find_sign_in. Raises Problem: 401; 429 with Retry-After.

        Nobody learns from the answer which accounts exist: an unknown account, one that isn't admitted and a wrong password count the
        same, take the same time and get the same answer.
        """
        failures, address = throttle(self.application, "sign-in", FAILURES, WINDOW), source(self.remote_address)
        found = await query.find_sign_in(self.db, login=email_address.searched(login))
        # Failures count by the name that was sent, so that a 429 does not disclose which accounts exist. They also count by account,
        # so that e-mail and username do not give two counts; past that limit even the right password is refused as a wrong one.
        by_name, by_account = f"={found['name']} {address}", f"#{found['id']} {address}"
        await self._refuse_throttled(failures, by_name)
        stored = found["password_hash"] if self.admits(found) and not await failures.wait(by_account) else None
        matches = await self.application.passwords.matches(password, stored, **self.requester)
        if stored is None or not matches:
            count = await failures.fail(by_name)
            if found["id"] is not None:
                await failures.fail(by_account)
            if count == failures.limit:
                await query.note_refused_sign_ins(
                    self.db,
                    login=login,
                    account_id=found["id"],
                    address=self.remote_address,
                    request_id=self.request_id,
                )
            if count > failures.limit:
                await self._refuse_throttled(failures, by_name)
            raise self.bad_sign_in()
        # Attempts at the same time must not learn more than attempts one after the other, so a right password is refused here too.
        await self._refuse_throttled(failures, by_name)
        await failures.clear(by_name)
        await failures.clear(by_account)
        return found

    async def _refuse_throttled(self, failures: Throttle, key: str) -> None:
        seconds = await failures.wait(key)
        if seconds:
            raise too_many("failed sign-ins", seconds)
