"""Suppliers of the shop. docs/api/pos.md#suppliers."""

import pytest

pytestmark = pytest.mark.gen_test

PATH = "/api/suppliers/"
SUPPLIER = {
    "name": "Distribuidora de Bebidas S.A.",
    "phone_number": "5512345678",
    "contact_person": "Carlos Rivera",
    "rfc": "DBE101010XYZ",
    "tax_address": "Av. Insurgentes Sur 123, CDMX",
}


@pytest.fixture(autouse=True)
def empty(io_loop, db):
    io_loop.run_sync(lambda: db.execute("TRUNCATE pos.supplier, pos.product CASCADE"))


@pytest.fixture
def owner(io_loop, sign_in):
    return io_loop.run_sync(lambda: sign_in("OWNER"))["access"]


async def test_a_supplier_is_made_shown_listed_and_deleted(api, owner):
    made = await api.post(PATH, SUPPLIER, token=owner)
    assert (made.status, made.json) == (201, {"id": made.json["id"], **SUPPLIER})
    one = f"{PATH}{made.json['id']}/"
    assert (await api.get(one, token=owner)).json == made.json
    assert (await api.get(PATH, token=owner)).json == [made.json]
    assert (await api.call("DELETE", one, token=owner)).status == 204
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await api.call(method, one, None if method in ("GET", "DELETE") else {}, token=owner)
        assert (answer.status, answer.json) == (404, {"detail": "Not found."}), method
    assert (await api.get(PATH, token=owner)).json == []


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_keeps_what_the_body_omits(api, owner, method):
    made = (await api.post(PATH, SUPPLIER, token=owner)).json
    changes = {"contact_person": " Ana Torres ", "phone_number": 5598765432, "id": 9, "unknown": 1}
    answer = await api.call(method, f"{PATH}{made['id']}/", changes, token=owner)
    assert (answer.status, answer.json) == (
        200,
        {**made, "contact_person": "Ana Torres", "phone_number": "5598765432"},
    )


async def test_wrong_fields_are_named_together(api, owner):
    answer = await api.post(
        PATH, {"name": " ", "rfc": None, "contact_person": "x" * 41, "tax_address": []}, token=owner
    )
    assert (answer.status, answer.json) == (
        400,
        {
            "name": ["This field may not be blank."],
            "rfc": ["This field may not be null."],
            "contact_person": ["Ensure this field has no more than 40 characters."],
            "tax_address": ["Not a valid string."],
            "phone_number": ["This field is required."],
        },
    )


async def test_a_supplier_with_products_is_not_deleted(api, owner, db):
    made = (await api.post(PATH, SUPPLIER, token=owner)).json
    await db.execute("INSERT INTO pos.product (name, sku, supplier_id) VALUES ('Coca Cola', 'KO', $1)", made["id"])
    answer = await api.call("DELETE", f"{PATH}{made['id']}/", token=owner)
    assert (answer.status, answer.json) == (400, {"detail": "This supplier has products and can't be deleted."})
    assert (await api.get(PATH, token=owner)).json == [made]


async def test_employees_may_not_even_look(api, sign_in):
    token = (await sign_in("EMPLOYEE"))["access"]
    for method, path in (("GET", PATH), ("POST", PATH), ("GET", f"{PATH}1/"), ("DELETE", f"{PATH}1/")):
        answer = await api.call(method, path, token=token)
        assert (answer.status, answer.json["detail"]) == (403, "You do not have permission to perform this action.")


async def test_each_change_is_in_the_audit(api, owner, db):
    made = (await api.post(PATH, SUPPLIER, token=owner)).json
    await api.call("PATCH", f"{PATH}{made['id']}/", {"rfc": "X"}, token=owner)
    await api.call("DELETE", f"{PATH}{made['id']}/", token=owner)
    entries = await db.fetch(
        "SELECT action, email, before, after FROM operations.audit WHERE object_type = 'supplier' AND object_id = $1 ORDER BY id",
        str(made["id"]),
    )
    assert [entry["action"] for entry in entries] == ["supplier.create", "supplier.update", "supplier.delete"]
    assert entries[1]["after"] == '{"rfc": "X"}' and entries[0]["email"] == "owner@example.com"
