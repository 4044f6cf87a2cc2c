"""Who may use the vendor API. docs/api/vendor.md#approval."""

import asyncio

import pytest

from handlers.api import areas
from handlers.vendor.handler import VendorHandler, Vendors
from tests.accounts.test_routes import sample
from tests.support.http import PASSWORD

pytestmark = pytest.mark.gen_test

SETTINGS = "/settings/"
PENDING = {"error": "Your vendor account is pending approval. Please wait for admin approval."}
NO_PROFILE = {"error": "Vendor profile not found"}
NOT_SIGNED_IN = {
    "error": "Authentication required. Please login.",
    "message": "Invalid or missing token. Please login to get a valid token.",
}


def operations():
    """Method and path of every operation that only approved vendors may use."""
    for route in areas.router().routes:
        if issubclass(route.handler, VendorHandler):
            for method in route.handler.methods():
                if route.handler.access_to(method).says.endswith("approved vendor"):
                    yield method, sample(route.path)


async def statuses(api, headers):
    """The status and the body of each operation. Streams are no part of it, because they don't end."""
    return {
        (method, path): await api.call(method, path, None if method == "GET" else b"{}", headers=headers)
        for method, path in operations()
        if "/sse/" not in path
    }


async def test_an_approved_vendor_enters_every_operation_of_vendors(api, vendor, token):
    answers = await statuses(api, await token(await vendor()))
    assert answers and not [where for where, answer in answers.items() if answer.status in (401, 403)]


async def test_an_account_without_a_vendor_enters_none_of_them(api, account):
    await account("SUPERADMIN", "root-without-vendor@example.com", username="root-without-vendor")
    signed = await api.post("/auth/login", {"username": "root-without-vendor", "password": PASSWORD})
    answers = await statuses(api, {"Authorization": f"Token {signed.json['token']}"})
    wrong = [where for where, answer in answers.items() if (answer.status, answer.json) != (403, NO_PROFILE)]
    assert answers and not wrong


async def test_without_a_token_and_with_a_bad_one_none_of_them_is_entered(api):
    for headers in ({}, {"Authorization": "Token " + "0" * 40}):
        answers = await statuses(api, headers)
        wrong = [where for where, answer in answers.items() if (answer.status, answer.json) != (401, NOT_SIGNED_IN)]
        assert answers and not wrong


async def test_a_vendor_whose_approval_is_taken_back_is_refused_and_enters_again_once_it_is_given(
    api, vendor, token, db
):
    someone = await vendor()
    headers = await token(someone)
    assert (await api.get(SETTINGS, headers=headers)).status == 200
    for is_approved, expected in ((False, 403), (True, 200)):
        await db.execute("UPDATE vendor.vendor SET is_approved = $2 WHERE id = $1::uuid", someone.id, is_approved)
        # The change was made by another program, so this process may know of it 100 ms later only.
        await asyncio.sleep(0.1)
        answer = await api.get(SETTINGS, headers=headers)
        assert answer.status == expected
        assert is_approved or answer.json == PENDING


async def test_a_vendor_whose_account_is_deactivated_is_refused(api, vendor, token, db):
    someone = await vendor()
    headers = await token(someone)
    assert (await api.get(SETTINGS, headers=headers)).status == 200
    await db.execute("UPDATE accounts.account SET is_active = false WHERE id = $1", someone.account_id)
    await asyncio.sleep(0.1)
    answer = await api.get(SETTINGS, headers=headers)
    assert (answer.status, answer.json) == (401, NOT_SIGNED_IN)


async def test_a_vendor_that_is_deleted_is_refused(api, vendor, token, db):
    someone = await vendor()
    headers = await token(someone)
    assert (await api.get(SETTINGS, headers=headers)).status == 200
    await db.execute("DELETE FROM vendor.vendor WHERE id = $1::uuid", someone.id)
    await asyncio.sleep(0.1)
    answer = await api.get(SETTINGS, headers=headers)
    assert (answer.status, answer.json) == (403, NO_PROFILE)


async def test_a_vendor_that_is_deleted_while_its_request_runs_is_refused(api, app, vendor, token, db):
    someone = await vendor()
    headers = await token(someone)
    assert (await api.get(SETTINGS, headers=headers)).status == 200
    known = app.kept(Vendors)._known[someone.account_id]
    await db.execute("DELETE FROM vendor.vendor WHERE id = $1::uuid", someone.id)
    for path, body in (("/settings/push", {"device_id": "d"}), ("/inventory/", {"name": "Salt"})):
        # The process still takes the vendor for one, as it does until it has read the event of the deletion.
        await asyncio.sleep(0.1)
        app.kept(Vendors)._known[someone.account_id] = known
        answer = await api.post(path, body, headers=headers)
        assert (answer.status, answer.json) == (403, NO_PROFILE)
