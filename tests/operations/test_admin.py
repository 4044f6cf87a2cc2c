"""The administration, as a person without scripts uses it. docs/api/operations.md#administration."""

import re

import pytest

from tests.support.visitor import Visitor

pytestmark = pytest.mark.gen_test

DEPARTMENTS = "/admin/accounts/departments/"


@pytest.fixture
def enter(api, sign_in):
    """`await enter("ADMIN")`: somebody of that role who is signed in to the pages."""

    async def enter(role="SUPERADMIN"):
        account = await sign_in(role)
        visitor = Visitor(api)
        await visitor.sign_in(account["data"]["user"]["email"])
        return visitor

    return enter


def field(page, name):
    """The value of an input."""
    return re.search(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', page.text)[1]


async def test_a_row_is_added_changed_and_deleted_by_the_forms(enter):
    staff = await enter()
    await staff.get(f"{DEPARTMENTS}add/")
    made = await staff.send(f"{DEPARTMENTS}add/", {"name": "Picking", "description": "", "is_active": "true"})
    assert made.status == 302
    row = made.headers["Location"]
    page = await staff.get(row)
    assert "was added successfully" in page.text and field(page, "name") == "Picking"
    changed = await staff.send(
        row, {"version": field(page, "version"), "name": "Packing", "description": "", "is_active": ["false"]}
    )
    assert changed.status == 302
    page = await staff.get(row)
    assert "“Packing” was changed successfully" in page.text
    await staff.get(f"{row}delete/")
    assert (await staff.post(f"{row}delete/")).status == 302
    assert (await staff.get(row)).status == 404


async def test_a_refusal_of_the_api_stands_beside_its_field(enter):
    staff = await enter()
    await staff.get(f"{DEPARTMENTS}add/")
    await staff.send(f"{DEPARTMENTS}add/", {"name": "Twice", "is_active": "true"})
    await staff.get(f"{DEPARTMENTS}add/")
    page = await staff.send(f"{DEPARTMENTS}add/", {"name": "Twice", "is_active": "true"})
    assert page.status == 400 and "Department with this name already exists." in page.text
    assert field(page, "name") == "Twice"
