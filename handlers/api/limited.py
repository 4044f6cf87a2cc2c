"""The rate limits of the books API. docs/api/books.md#limits."""

from core.http.rate_limit import Allowance, RateLimited
from core.http.throttle import source
from handlers.api.handler import ApiHandler
from handlers.api.roles import administers


class LimitedHandler(RateLimited, ApiHandler):
    """Counts the requests of each account, and of each address from which nobody is signed in."""

    def allowance(self) -> Allowance:
        """What the caller may do, by who they are."""
        caller, config = self.caller, self.config
        if caller is None:
            return Allowance("anonymous", config.rate_limit_anonymous, f"address:{source(self.remote_address)}")
        key = f"account:{caller.account_id}"
        if administers(caller):
            return Allowance("admin", config.rate_limit_admin, key)
        return Allowance("authenticated", config.rate_limit_authenticated, key)
