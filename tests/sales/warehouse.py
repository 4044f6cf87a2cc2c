"""The warehouse as tests see it: the way of an invoice, and the people who take it along."""

import itertools
from typing import Any

# What brings an invoice to each status, from the one before.
WAY = {
    "PENDING": None,
    "PICKING": ("picking/start", {}),
    "PICKED": ("picking/complete", {}),
    "PACKING": ("packing/start", {}),
    "PACKED": ("packing/complete", {}),
    "DISPATCHED": ("delivery/start", {"delivery_type": "DIRECT"}),
    "DELIVERED": ("delivery/complete", {}),
}
_numbers = itertools.count(1)


class Warehouse:
    """`token` is of the account that is signed in at the terminal; the workers are scanned."""

    def __init__(self, api: Any, invoice: Any, sign_in: Any, token: str) -> None:
        self.api, self._invoice, self._sign_in, self.token = api, invoice, sign_in, token

    async def worker(self, role: str = "PICKER") -> dict[str, Any]:
        """A person of their own: id, email, name, token."""
        signed_in = await self._sign_in(role, f"worker-{next(_numbers)}@example.com")
        user = signed_in["data"]["user"]
        return {"id": user["id"], "email": user["email"], "name": user["name"], "token": signed_in["access"]}

    async def step(
        self, path: str, invoice_no: str, user_email: str | None = None, *, token: str | None = None, **more: Any
    ) -> Any:
        """The answer to a step such as `picking/start`."""
        who = {} if user_email is None else {"user_email": user_email}
        body = {"invoice_no": invoice_no, **who, **more}
        return await self.api.post(f"/api/sales/{path}/", body, token=token or self.token)

    async def at(self, status: str, user_email: str) -> str:
        """The number of a new invoice, brought to this status by one worker."""
        sent = self._invoice()
        answer = await self.api.import_invoice(sent)
        assert answer.status == 201, answer.text
        for reached, how in WAY.items():
            if how is not None:
                answer = await self.step(how[0], sent["invoice_no"], user_email, **how[1])
                assert answer.status in (200, 201), answer.text
            if reached == status:
                return str(sent["invoice_no"])
        raise AssertionError(status)
