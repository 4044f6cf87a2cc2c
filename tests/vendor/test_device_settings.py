"""Settings of vendors' devices. docs/api/vendor.md#settings."""

import asyncio
import json

import pytest

pytestmark = pytest.mark.gen_test

PUSH, LIST = "/settings/push", "/settings/"
SENT = {"printer_name": "HP Printer", "tax_rate": 10, "currency": "INR", "theme": "dark"}


async def push(api, headers, device_id, settings):
    return await api.post(PUSH, {"device_id": device_id, "settings_data": settings}, headers=headers)


async def test_settings_of_a_device_are_stored_and_read_back(api, vendor, token):
    someone = await vendor(business_name="ABC Store")
    headers = await token(someone)
    answer = await push(api, headers, "device-001", SENT)
    assert answer.status == 201
    stored = answer.json
    assert {name: stored[name] for name in ("vendor", "vendor_name", "device_id", "settings_data")} == {
        "vendor": someone.id,
        "vendor_name": "ABC Store",
        "device_id": "device-001",
        "settings_data": SENT,
    }
    assert (await api.get(LIST, headers=headers)).json == [stored]


async def test_later_settings_replace_the_earlier_ones_of_the_same_device_only(api, vendor, token):
    headers = await token(await vendor())
    first = (await push(api, headers, "a", SENT)).json
    await push(api, headers, "b", {"theme": "light"})
    answer = await push(api, headers, "a", {"theme": "dark"})
    assert answer.status == 200
    assert (answer.json["id"], answer.json["settings_data"]) == (first["id"], {"theme": "dark"})
    assert answer.json["created_at"] == first["created_at"] and answer.json["last_updated"] > first["last_updated"]
    listed = (await api.get(LIST, headers=headers)).json
    assert [(one["device_id"], one["settings_data"]) for one in listed] == [
        ("a", {"theme": "dark"}),
        ("b", {"theme": "light"}),
    ]
    only = (await api.get(f"{LIST}?device_id=b", headers=headers)).json
    assert [one["device_id"] for one in only] == ["b"]
    assert (await api.get(f"{LIST}?device_id=nobody's", headers=headers)).json == []


async def test_settings_belong_to_their_vendor(api, vendor, token):
    one, other = await token(await vendor()), await token(await vendor())
    await push(api, one, "same device", {"of": "one"})
    assert (await api.get(LIST, headers=other)).json == []
    assert (await push(api, other, "same device", {"of": "other"})).status == 201
    assert [found["settings_data"] for found in (await api.get(LIST, headers=one)).json] == [{"of": "one"}]


@pytest.mark.parametrize("sent", [None, [], [1, {"a": []}], "text", "", 0, 1.50, True, {}, {"é": "₹"}])
async def test_settings_are_any_json(api, vendor, token, sent):
    headers = await token(await vendor())
    assert (await push(api, headers, "any", sent)).json["settings_data"] == sent


async def test_settings_keep_the_digits_and_the_order_in_which_they_were_sent(api, vendor, token):
    headers = await token(await vendor())
    sent = '{"z":1.50,"a":12345678901234567890.1234567890,"m":1e5}'
    body = f'{{"device_id":"exact","settings_data":{sent}}}'.encode()
    await api.call("POST", PUSH, body, headers=headers)
    assert sent in (await api.get(LIST, headers=headers)).text


@pytest.mark.parametrize(
    "numbers",
    ["[1e400,-1e400,10000000000000000000001,1e-99999,1.0E+5]", f"[{'9' * 4000},0.{'1' * 5000}]", "1e999999999999"],
)
async def test_settings_keep_numbers_that_nothing_else_holds(api, vendor, token, numbers):
    headers = await token(await vendor())
    for body in (f'{{"device_id":"é","settings_data":{{"a":{numbers}}}}}', f'{{"device_id":7,"a":{numbers}}}'):
        answer = await api.call("POST", PUSH, body.encode(), headers=headers)
        assert answer.status == 201 and f'"a":{numbers}' in answer.text
    assert (await api.get(LIST, headers=headers)).text.count(f'"a":{numbers}') == 2


@pytest.mark.parametrize("sent", ["NaN", "-Infinity", '{"a":1,"a":1e400}', '"\\ud800"', '{"\\u0000":1e400}'])
async def test_settings_are_json_that_postgres_can_read(api, vendor, token, sent):
    headers = await token(await vendor())
    body = f'{{"device_id":"d","settings_data":{sent}}}'.encode()
    answer = await api.call("POST", PUSH, body, headers=headers)
    assert (answer.status, list(answer.json)) == (400, ["settings_data"])
    assert (await api.get(LIST, headers=headers)).json == []


async def test_without_settings_data_the_whole_body_is_stored(api, vendor, token):
    headers = await token(await vendor())
    body = {"device_id": "flat", "theme": "dark"}
    assert (await api.post(PUSH, body, headers=headers)).json["settings_data"] == body


@pytest.mark.parametrize("body", [{}, *({"device_id": sent} for sent in ("", None, "  ", 0, -0.0, False, [], {}))])
async def test_settings_need_a_device(api, vendor, token, body):
    answer = await api.post(PUSH, {**body, "settings_data": {}}, headers=await token(await vendor()))
    assert (answer.status, answer.json) == (400, {"error": "device_id required"})


async def test_a_number_as_device_is_its_digits_and_blanks_around_a_device_do_not_count(api, vendor, token):
    headers = await token(await vendor())
    assert (await push(api, headers, 12345, {})).json["device_id"] == "12345"
    assert (await push(api, headers, "0", {})).json["device_id"] == "0"
    assert (await push(api, headers, 0.5, {})).json["device_id"] == "0.5"
    answer = await push(api, headers, " 12345 ", {})
    assert (answer.status, answer.json["device_id"]) == (200, "12345")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"[]", {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
        (b'{"device_id":["a"]}', {"device_id": ["Not a valid string."]}),
        (b'{"device_id":true}', {"device_id": ["Not a valid string."]}),
        (b'{"device_id":"a\\u0000"}', {"device_id": ["Null characters are not allowed."]}),
        (
            json.dumps({"device_id": "x" * 256}).encode(),
            {"device_id": ["Ensure this field has no more than 255 characters."]},
        ),
        (
            b'{"device_id":"a","settings_data":{"b":"\\u0000"}}',
            {"settings_data": {"b": ["Null characters are not allowed."]}},
        ),
    ],
)
async def test_what_is_wrong_with_settings_is_said_by_field(api, vendor, token, body, wrong):
    answer = await api.call("POST", PUSH, body, headers=await token(await vendor()))
    assert (answer.status, answer.json) == (400, wrong)


async def test_settings_of_more_than_256_kb_are_refused(api, vendor, token):
    headers = await token(await vendor())
    assert (await push(api, headers, "long", "x" * 300_000)).status == 413
    assert (await push(api, headers, "long", "x" * 250_000)).status == 201


async def test_pushes_of_one_device_at_the_same_time_leave_one_row(api, vendor, token):
    headers = await token(await vendor())
    answers = await asyncio.gather(*(push(api, headers, "raced", {"n": n}) for n in range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len((await api.get(LIST, headers=headers)).json) == 1


async def test_many_devices_are_read_page_by_page_with_limit(api, vendor, token):
    headers = await token(await vendor())
    for n in range(5):
        await push(api, headers, f"device-{n}", {"n": n})
    path, found = f"{LIST}?limit=2", []
    while path:
        page = await api.get(path, headers=headers)
        found += [one["device_id"] for one in page.json]
        path = page.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert found == [f"device-{n}" for n in range(5)]
