"""The server against its own OpenAPI document: each operation with thousands of requests that the document describes, or nearly."""

import os
import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
import requests
from openapi_spec_validator import OpenAPIV31SpecValidator

from handlers.accounts import commands, menu_seed
from handlers.settings import Settings
from tests.support.deadlines import DEADLINE
from tests.support.forms import by_form
from tests.support.fuzz import OWN_PASSWORD, Caller, Report, fuzz, is_stream, operations
from tests.support.program import Server
from tests.support.services import run_apart

STREAMS = {
    "GET /api/dashboard/exports/{id}/events/",
    "GET /api/dashboard/streaming/aggregate/",
    "GET /api/pos/sse/orders/",
    "GET /api/pos/sse/stock/",
    "GET /api/sales/import/invoices/{id}/events/",
    "GET /api/sales/sse/invoices/",
    "GET /items/sse/",
}


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Without Redis, whose counts of failed sign-ins would outlive a server."""
    ground: Any = SimpleNamespace(postgres=SimpleNamespace(dsn=settings.database_url), redis=None)
    program = Server(
        ground,
        tmp_path_factory.mktemp("fuzz") / "server.log",
        # Each of the many exports that are asked for would take a second of a core.
        *by_form(short=["--no-jobs"], long=[]),
        BCRYPT_COST="4",
        DEVELOPER_OPTIONS="true",
        SIGN_UPS_PER_HOUR="1000000",
        MEDIA_ROOT=settings.media_root,
    )
    yield program.start()
    program.end()


@pytest.fixture(scope="module")
def document(server: Server) -> Any:
    answer = requests.get(f"{server.url}/api/openapi.json", timeout=DEADLINE)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def caller(server: Server, settings: Settings) -> Caller:
    def make(email: str) -> None:
        async def make() -> None:
            assert await commands.create(settings, email, "Fuzz", "SUPERADMIN", OWN_PASSWORD, staff=True) is None
            db = await asyncpg.connect(settings.database_url)
            try:
                await db.execute(
                    "INSERT INTO vendor.vendor (account_id, business_name, phone, address, is_approved)"
                    " SELECT id, 'Fuzz', '1', 'a', true FROM accounts.account WHERE email = $1",
                    email,
                )
            finally:
                await db.close()

        run_apart(make())

    run_apart(menu_seed.seed_menus(settings, clear=False))
    return Caller(server.url, make)


@pytest.fixture(scope="module")
def report(document: Any, server: Server, caller: Caller) -> Report:
    """FUZZ_SEED repeats the requests of another run; ids of rows and tokens differ all the same."""
    seed = int(os.environ.get("FUZZ_SEED") or by_form(short=1, long=random.randrange(1_000_000)))
    found = fuzz(
        document,
        server.url,
        caller,
        examples=int(by_form(short=10, long=500)),
        sequences=int(by_form(short=30, long=2000)),
        seed=seed,
    )
    # Shown for a test that fails, and with -s.
    print(found.summary(), f"{caller.accounts} accounts", *sorted(found.never_succeeded()), sep="\n")
    return found


def test_the_document_is_a_valid_openapi_3_1_document(document):
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_only_streams_are_not_fuzzed(document):
    assert {label for label, operation in operations(document).items() if is_stream(operation)} == STREAMS


def test_each_operation_is_called(document, report):
    assert set(report.answers) == set(operations(document)) - STREAMS


def test_nine_of_ten_operations_also_succeed(report):
    """Otherwise the caller's rows or values (tests/support/fuzz.py) no longer are what the operations need."""
    never = report.never_succeeded()
    assert len(never) * 10 <= len(report.answers), never


def test_the_server_answers_each_request_as_its_document_says(report, server):
    assert not report.violations and not report.errors, str(report)
    assert "Traceback" not in server.log.read_text()
