"""The fixtures of the sales tests: a warehouse to work in, and the invoice board in a browser."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sales.warehouse import Warehouse
from tests.support.deadlocks import deadlocks

__all__ = ["deadlocks", "numbered", "page", "server", "warehouse"]


@pytest.fixture
def warehouse(io_loop: Any, api: Any, invoice: Any, sign_in: Any) -> Warehouse:
    """Somebody with the role STORE, whose name is Store, is signed in at the terminal."""
    signed_in = io_loop.run_sync(lambda: sign_in("STORE"))
    return Warehouse(api, invoice, sign_in, signed_in["access"])


@pytest.fixture
def page(request: pytest.FixtureRequest, base_url: str, http_server: Any, io_loop: Any, db: Any) -> Iterator[Any]:
    """The board of a server that has no invoices yet, in a tab that nobody signed in to."""
    # Selenium takes long to import, and most tests don't need it.
    from tests.sales.board_page import opened

    io_loop.run_sync(lambda: db.execute("TRUNCATE sales.invoice CASCADE"))
    yield from opened(request.getfixturevalue("chrome"), base_url, io_loop)


@pytest.fixture
def server(http_server: Any, process: Any, base_url: str) -> Iterator[Any]:
    """The server's place on its port, which a test takes away and gives back."""
    from tests.support.outages import Outage

    outage = Outage(http_server, process, int(base_url.rpartition(":")[2]))
    yield outage
    outage.end()


@pytest.fixture
def numbered(api: Any, invoice: Any) -> Any:
    """`await numbered("WR-10", …)`: imports invoices with these numbers."""

    async def numbered(*numbers: str) -> None:
        for number in numbers:
            answer = await api.import_invoice(invoice(invoice_no=number))
            assert answer.status == 201, answer.text

    return numbered
