"""People who may talk to the shop's chatbot. docs/api/pos.md#chatbot-users."""

import re

import pytest

pytestmark = pytest.mark.gen_test

PATH = "/api/chatbotusers/"
JUAN = {"mobile_number": "+521234567890", "name": "Juan Perez"}


@pytest.fixture(autouse=True)
def empty(io_loop, db):
    io_loop.run_sync(lambda: db.execute("TRUNCATE pos.chatbot_user"))


@pytest.fixture
def make(api, boss):
    async def make(**fields):
        return await api.post(PATH, {**JUAN, **fields}, token=boss)

    return make


@pytest.mark.parametrize("number", ["+521234567890", "%2B521234567890"])
async def test_a_user_is_made_shown_listed_changed_and_deleted(api, make, boss, number):
    made = await make()
    assert (made.status, made.json) == (201, {**JUAN, "last_interaction": None})
    one = f"{PATH}{number}/"
    assert (await api.get(one, token=boss)).json == made.json
    assert (await api.get(PATH, token=boss)).json == [made.json]
    answer = await api.call("PATCH", one, {"name": " Juan Updated "}, token=boss)
    assert (answer.status, answer.json) == (200, {**made.json, "name": "Juan Updated"})
    assert (await api.call("DELETE", one, token=boss)).status == 204
    for method, body in (("GET", None), ("PUT", JUAN), ("PATCH", {}), ("DELETE", None)):
        answer = await api.call(method, one, body, token=boss)
        assert (answer.status, answer.json) == (404, {"detail": "Not found."}), method
    assert (await api.get(PATH, token=boss)).json == []


@pytest.mark.parametrize("number", ["52-12.34", "52 12 34", "52/12", "ñandú", "%2B52"])
async def test_a_number_of_any_kind_has_a_path(api, make, boss, number):
    made = (await make(mobile_number=number)).json
    path = "".join(f"%{byte:02X}" for byte in number.encode())
    assert (await api.get(f"{PATH}{path}/", token=boss)).json == made


async def test_the_last_interaction_is_shown_and_not_written(api, make, boss, db):
    assert (await make(last_interaction="2023-10-27T10:30:00Z")).json["last_interaction"] is None
    await db.execute("UPDATE pos.chatbot_user SET last_interaction = '2023-10-27T10:30:00Z'")
    changed = await api.call("PATCH", f"{PATH}+521234567890/", {"last_interaction": None}, token=boss)
    assert re.fullmatch(r"2023-10-27T10:30:00(\.0+)?(Z|\+00:00)", changed.json["last_interaction"])


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_the_mobile_number_stays(api, make, boss, method):
    await make()
    one = f"{PATH}+521234567890/"
    answer = await api.call(method, one, {**JUAN, "mobile_number": "+1"}, token=boss)
    assert (answer.status, answer.json) == (
        400,
        {"mobile_number": ["The mobile number of a chatbot user can't be changed."]},
    )
    answer = await api.call(method, one, {"mobile_number": " +521234567890 ", "name": "Ana"}, token=boss)
    assert (answer.status, answer.json["name"]) == (200, "Ana")
    assert [user["mobile_number"] for user in (await api.get(PATH, token=boss)).json] == ["+521234567890"]


async def test_a_put_needs_both_fields(api, make, boss):
    await make()
    for sent, missing in (("name", "mobile_number"), ("mobile_number", "name")):
        answer = await api.call("PUT", f"{PATH}+521234567890/", {sent: JUAN[sent]}, token=boss)
        assert (answer.status, answer.json) == (400, {missing: ["This field is required."]})


async def test_a_number_is_registered_once(make):
    await make()
    for number in ("+521234567890", " +521234567890 "):
        answer = await make(mobile_number=number)
        assert (answer.status, answer.json) == (
            400,
            {"mobile_number": ["chat bot users with this mobile number already exists."]},
        )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("mobile_number", "1" * 21, "Ensure this field has no more than 20 characters."),
        ("mobile_number", "1" * 1_000_000, "Ensure this field has no more than 20 characters."),
        ("mobile_number", " ", "This field may not be blank."),
        ("mobile_number", None, "This field may not be null."),
        ("mobile_number", [], "Not a valid string."),
        ("mobile_number", "1\0", "Null characters are not allowed."),
        ("name", "x" * 51, "Ensure this field has no more than 50 characters."),
        ("name", "", "This field may not be blank."),
        ("name", True, "Not a valid string."),
        ("name", float("nan"), "A valid number is required."),
    ],
)
async def test_a_wrong_field_is_named(api, make, boss, field, value, message):
    answer = await make(**{field: value})
    assert (answer.status, answer.json) == (400, {field: [message]})
    assert (await api.get(PATH, token=boss)).json == []


async def test_a_number_may_be_sent_as_one(make):
    assert (await make(mobile_number=521234567890)).json["mobile_number"] == "521234567890"


async def test_the_list_is_ordered_by_number_and_has_pages(api, make, boss):
    for number in ("3", "+2", "1", "20"):
        await make(mobile_number=number)
    whole = (await api.get(PATH, token=boss)).json
    assert sorted(user["mobile_number"] for user in whole) == sorted(("3", "+2", "1", "20"))
    found, address = [], f"{PATH}?limit=3"
    while address:
        answer = await api.get(address, token=boss)
        found += answer.json
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", ""))
        address = link and link[1]
    assert found == whole


async def test_employees_may_not_even_look(api, make, cashier):
    await make()
    for method, path in (
        ("GET", ""),
        ("POST", ""),
        ("GET", "+521234567890/"),
        ("PATCH", "+521234567890/"),
        ("DELETE", "+521234567890/"),
    ):
        answer = await api.call(method, PATH + path, None if method in ("GET", "DELETE") else {}, token=cashier)
        assert (answer.status, answer.json) == (403, {"detail": "You do not have permission to perform this action."})


async def test_each_change_is_in_the_audit(api, make, boss, db):
    await make(mobile_number="audited")
    await api.call("PATCH", f"{PATH}audited/", {"name": "X"}, token=boss)
    await api.call("DELETE", f"{PATH}audited/", token=boss)
    entries = await db.fetch(
        "SELECT action, after FROM operations.audit WHERE object_type = 'chatbot_user' AND object_id = 'audited' ORDER BY id"
    )
    assert [entry["action"] for entry in entries] == [
        "chatbot_user.create",
        "chatbot_user.update",
        "chatbot_user.delete",
    ]
    assert entries[1]["after"] == '{"name": "X"}'
