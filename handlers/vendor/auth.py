"""What the endpoints below /auth/ share. docs/api/vendor.md#sign-in."""

from typing import Any

from core.problem import Problem
from handlers.api.dialects import VendorDialect
from handlers.api.sign_in import ChecksPassword
from handlers.vendor.handler import TokenHandler

NO_MATCH = "Passwords do not match."


class AuthDialect(VendorDialect):
    """Writes field errors as `{error, details}`. failed: the sentence in `error`."""

    sentences = {**VendorDialect.sentences, "minLength": "Ensure this field has at least {limit} characters."}
    field_errors = "vendor/auth_errors"

    def __init__(self, failed: str) -> None:
        self.failed = failed

    def body(self, problem: Problem) -> dict[str, Any]:
        if problem.fields is not None:
            return {"error": self.failed, "details": problem.fields, **problem.extra}
        return super().body(problem)


class AuthHandler(ChecksPassword, TokenHandler):
    """The base of the public endpoints. The app sends its token with every request, also one that admits nobody any more: here it is
    not looked at."""

    authenticates = False
