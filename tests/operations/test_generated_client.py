"""A client that a stranger's tool generates from the description works against the server."""

import importlib
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support import forms
from tests.support.deadlines import DEADLINE
from tests.support.described import described
from tests.support.http import IMPORT_KEY, PASSWORD

pytestmark = [pytest.mark.gen_test, pytest.mark.skipif(not forms.is_long, reason="runs with --long")]

PACKAGE = "generated_client"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Returns a function that imports a module of the generated package."""
    folder = tmp_path_factory.mktemp("generated")
    document = folder / "openapi.json"
    document.write_text(json.dumps(described().document), encoding="utf-8")
    tool = Path(sys.executable).with_name("openapi-python-client")
    command = [tool, "generate", "--path", document, "--meta", "none", "--output-path", folder / PACKAGE]
    made = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        env={"PATH": f"{tool.parent}:/usr/bin:/bin"},
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    # The tool has no type for a picture, so it leaves out that answer and no other.
    warnings = [line for line in made.stdout.splitlines() if line.startswith("WARNING")]
    assert all("/media/{path}" in line for line in warnings), made.stdout
    sys.path.insert(0, str(folder))
    yield lambda name="": importlib.import_module(f"{PACKAGE}.{name}".rstrip("."))
    sys.path.remove(str(folder))


async def test_it_signs_in_imports_an_invoice_and_finds_it_in_the_list(generated, base_url, http_server, sign_in):
    await sign_in("BILLING")
    models, package = generated("models"), generated()
    stranger = package.Client(base_url=base_url, raise_on_unexpected_status=True)
    login = generated("api.staff_sign_in_and_tokens.sign_in_post")
    signed_in = await login.asyncio(
        client=stranger, body=models.AccountsSignInType0(email="billing@example.com", password=PASSWORD)
    )
    assert signed_in.data.user.role == models.AccountsSignedInUserRole.BILLING
    refused = await login.asyncio(
        client=stranger, body=models.AccountsSignInType0(email="billing@example.com", password="wrong")
    )
    assert refused.message == "Invalid email or password"

    client = package.AuthenticatedClient(base_url=base_url, token=signed_in.access, raise_on_unexpected_status=True)
    invoice = models.SalesInvoiceImport(
        invoice_no="GENERATED-1",
        invoice_date=date(2025, 1, 18),
        salesman="Ajay",
        customer=models.SalesInvoiceImportCustomer(code="CUST-889", name="LifeCare Pharmacy"),
        items=[
            models.SalesInvoiceImportItemsItem(
                name="Paracetamol 650mg", item_code="PR650", quantity=20, mrp=3.5, shelf_location="R-12"
            )
        ],
    )
    importing = generated("api.invoices_import.invoice_import_post")
    imported = await importing.asyncio(client=client, body=invoice)
    assert (imported.data.invoice_no, imported.data.total_amount) == ("GENERATED-1", 70.0)
    taken = await importing.asyncio_detailed(client=client, body=invoice)
    assert taken.status_code == 409 and taken.parsed.data.id == imported.data.id

    listing = generated("api.invoices_list_and_changes.invoice_list_get")
    page = await listing.asyncio(client=stranger, search="generated-1")
    assert page.count == 1 and page.results[0].items[0].item_code == "PR650"
    assert page.results[0].status == models.SalesInvoiceStatus.PENDING

    deleting = generated("api.invoices_list_and_changes.invoice_delete")
    assert (await deleting.asyncio_detailed(id=imported.data.id, client=client)).status_code == 204


async def test_it_imports_with_the_key_of_the_erp(generated, base_url, http_server):
    models, package = generated("models"), generated()
    client = package.Client(base_url=base_url, headers={"X-API-KEY": IMPORT_KEY}, raise_on_unexpected_status=True)
    invoice = models.SalesInvoiceImport(
        invoice_no="GENERATED-2",
        invoice_date=date(2025, 1, 18),
        salesman="Ajay",
        customer=models.SalesInvoiceImportCustomer(code="CUST-889", name="LifeCare Pharmacy"),
        items=[],
    )
    found = await generated("api.invoices_import.invoice_import_post").asyncio_detailed(client=client, body=invoice)
    assert found.status_code == 201
