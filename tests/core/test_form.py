"""Forms: their texts become what the schema says, and then meet what any JSON body meets."""

import json
from urllib.parse import urlencode

import pytest

from core.access import public
from core.files import images
from core.http.declare import takes
from core.http.handler import Handler
from core.http.router import Router
from core.http.schema import Schema
from handlers.api.dialects import PosDialect
from handlers.api.handler import NotFound
from tests.core.test_images import NOT_AN_IMAGE, picture
from tests.support.http import BOUNDARY

pytestmark = pytest.mark.gen_test

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
NOT_A_FILE = ["The submitted data was not a file. Check the encoding type on the form."]
SCHEMA = Schema(
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 10},
            "phone": {"type": ["string", "null"], "maxLength": 20},
            "role": {"type": "string", "enum": ["USER", "ADMIN"]},
            "born": {"type": ["string", "null"], "format": "date"},
            "department": {"anyOf": [{"type": ["string", "null"], "format": "uuid"}, {"type": "string", "const": ""}]},
            "active": {"type": "boolean"},
            "maybe": {"type": ["boolean", "null"]},
            "count": {"type": "integer", "minimum": -5, "maximum": 1000},
            "amount": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 9}, {"const": ""}]},
            "choice": {"type": "string", "enum": ["", "a"]},
            "price": {"type": ["number", "null"], "minimum": 0, "maximum": 1000000},
            "either": {"type": ["string", "number"], "maxLength": 10, "minimum": 0, "maximum": 9},
            "ids": {"type": "array", "maxItems": 3, "items": {"type": "integer", "minimum": 0, "maximum": 9}},
            "extra": {"type": "object"},
        },
    }
)

REQUIRED = Schema(
    {
        "type": "object",
        "required": ["count", "active", "role"],
        "properties": {name: SCHEMA.document["properties"][name] for name in ("count", "active", "role", "price")},
    }
)
NESTED = Schema(
    {"type": "object", "properties": {"people": {"type": "array", "maxItems": 9, "items": SCHEMA.document}}}
)


class Form(Handler):
    access = public
    dialect = PosDialect()

    @takes(SCHEMA)
    async def post(self) -> None:
        await self.read_body(SCHEMA)
        image = await images.submitted(self, "avatar")
        files = {name: [filename, len(data)] for name, (filename, data) in self.files.items()}
        extension = image.extension if image else None
        self.reply({"value": self.body, "text": self.body_text, "files": files, "image": extension})


class Required(Handler):
    access = public
    dialect = PosDialect()

    @takes(REQUIRED)
    async def post(self) -> None:
        await self.read_body(REQUIRED)
        self.reply({})


class JsonOnly(Handler):
    access = public
    dialect = PosDialect()

    @takes(NESTED)
    async def post(self) -> None:
        await self.read_body(NESTED)
        self.reply({})


@pytest.fixture(autouse=True)
def handlers(app):
    app.router = Router([("/form/", Form), ("/required/", Required), ("/json/", JsonOnly)], [("", NotFound)])


async def sent(api, **form):
    """What the handler got of a form, sent in both ways."""
    first = await api.post("/form/", form=form)
    second = await api.post("/form/", urlencode(form, doseq=True).encode(), headers=URLENCODED)
    assert (first.status, first.text) == (second.status, second.text)
    if first.status == 200:
        assert json.loads(first.json["text"]) == first.json["value"]
        return first.json["value"]
    assert first.status == 400
    return first.json


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("name", "Ann", "Ann"), ("name", "", ""), ("name", "true", "true"), ("name", "5", "5"), ("name", " A ", " A "), ("name", "null", "null"),
        ("name", '"\\\u00e9\n', '"\\\u00e9'), ("name", "{}", "{}"), ("phone", "", ""), ("phone", "0123", "0123"), ("role", "ADMIN", "ADMIN"),
        ("born", "", None), ("born", "2025-01-18", "2025-01-18"), ("department", "", None),
        ("department", "a1b2c3d4-0000-4000-8000-000000000000", "a1b2c3d4-0000-4000-8000-000000000000"),
        ("active", "true", True), ("active", "True", True), ("active", "1", True), ("active", "on", True), ("active", " false ", False),
        ("active", "0", False), ("active", "FALSE", False), ("active", "off", False), ("maybe", "", None), ("maybe", "on", True),
        ("count", "5", 5), ("count", "007", 7), ("count", "-5", -5), ("count", "0", 0), ("count", " 12 ", 12), ("price", "", None),
        ("price", "3.50", 3.5), ("price", "00.5", 0.5), ("price", "1e3", 1000.0), ("price", "7", 7), ("either", "5", "5"), ("either", "x", "x"),
        ("ids", "[1, 2]", [1, 2]), ("ids", ["1", "2"], [1, 2]), ("ids", "3", [3]), ("ids", "", []), ("extra", '{"a": [1]}', {"a": [1]}),
        ("unknown", "5", "5"),
    ],
)  # fmt: skip
async def test_a_text_becomes_what_the_schema_says(api, name, text, value):
    assert await sent(api, **{name: text}) == {name: value}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("active", "maybe", "Must be a valid boolean."), ("active", "2", "Must be a valid boolean."),
        ("count", "x", 'A valid integer is required. "x" is not one.'),
        ("count", "1.5", 'A valid integer is required. "1.5" is not one.'),
        ("count", "٣", 'A valid integer is required. "٣" is not one.'), ("count", "--1", 'A valid integer is required. "--1" is not one.'),
         ("count", "1001", "Ensure this value is less than or equal to 1000."),
        ("price", "NaN", 'A valid number is required. "NaN" is not one.'), ("price", "1e999999", "A valid number is required."),
        ("price", "Infinity", 'A valid number is required. "Infinity" is not one.'),
        ("price", "-0.01", "Ensure this value is greater than or equal to 0."), ("price", "1,5", 'A valid number is required. "1,5" is not one.'),
        ("name", "x" * 11, "Ensure this field has no more than 10 characters."), ("name", "a\0b", "Null characters are not allowed."),
        ("unknown", "a\0b", "Null characters are not allowed."),
        ("born", "tomorrow", "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."),
        ("department", "x", "Must be a valid UUID."),
    ],
)  # fmt: skip
async def test_a_value_of_the_wrong_kind_is_refused_as_in_json(api, name, text, told):
    assert await sent(api, **{name: text}) == {name: [told]}


@pytest.mark.parametrize("name", ["count", "active", "role"])
@pytest.mark.parametrize("text", ["", "  ", ["5", ""]])
async def test_an_empty_text_of_an_optional_member_that_has_no_text_is_absent(api, name, text):
    assert await sent(api, **{name: text, "name": "Ann"}) == {"name": "Ann"}


@pytest.mark.parametrize(
    ("name", "value"), [("amount", ""), ("choice", ""), ("either", ""), ("price", None), ("maybe", None)]
)
async def test_an_empty_text_that_the_schema_takes_means_what_the_schema_says(api, name, value):
    assert await sent(api, **{name: ""}) == {name: value}


async def test_an_empty_text_of_a_required_member_is_refused_as_in_json(api):
    empty = {"count": "", "active": "", "role": ""}
    answer = await api.post("/required/", form=empty)
    assert answer.json.keys() == empty.keys()
    assert (answer.status, answer.json) == (400, (await api.post("/required/", empty)).json)


async def test_a_number_beyond_every_column_is_refused_as_in_json(api):
    assert await sent(api, count="9" * 30) == (await api.post("/form/", {"count": 10**30})).json
    assert await sent(api, price="9" * 350) == (await api.post("/form/", {"price": 10**350})).json


async def test_text_that_only_looks_like_a_list_or_object_is_refused(api):
    for text in ("[1", "[" * 5000, "[1]]", '["a"], "role": "ADMIN"', "[NaN]", "x"):
        assert (await sent(api, ids=text)).keys() == {"ids"}, text
    for text in ("{", "[]", "x", "", '{}, "role": "x"'):
        assert (await sent(api, extra=text)).keys() == {"extra"}, text


async def test_no_number_passes_through_a_float(api):
    answer = await api.post("/form/", form={"price": "0.10000000000000000000000001"})
    assert answer.json["text"] == '{"price":0.10000000000000000000000001}'


async def test_of_a_repeated_field_the_last_counts(api):
    assert await sent(api, name=["first", "last"], active=["on", "off"]) == {"name": "last", "active": False}


async def test_a_field_that_is_no_utf8_is_named(api):
    for body, headers in [
        (b"name=%ff%fe&phone=1", URLENCODED),
        (
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"\xff\xfe\r\n--x--\r\n",
            {"Content-Type": "multipart/form-data; boundary=x"},
        ),
    ]:
        answer = await api.post("/form/", body, headers=headers)
        assert (answer.status, answer.json) == (400, {"name": ["Not a valid string."]})


async def test_more_than_a_hundred_fields_are_refused(api):
    for count, status in ((100, 200), (101, 400), (1001, 400)):
        body = "&".join(f"f{n}=1" for n in range(count)).encode()
        assert (await api.post("/form/", body, headers=URLENCODED)).status == status, count
    assert (await api.post("/form/", form={f"f{n}": "1" for n in range(99)})).status == 200
    for count in (101, 150, 5000):
        fields = {f"f{n}": "1" for n in range(count)}
        for answer in (
            await api.post("/form/", form=fields),
            await api.post("/form/", urlencode(fields).encode(), headers=URLENCODED),
        ):
            assert (answer.status, answer.json) == (400, {"detail": "The form has more than 100 fields."}), count


async def test_a_form_of_any_number_of_fields_is_refused_at_once(api):
    for body, kind in [
        (b"a=1&" * 2_000_000, URLENCODED["Content-Type"]),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 100_000 + b"--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
    ]:
        answer = await api.post("/form/", body, headers={"Content-Type": kind})
        assert answer.status == 400 and answer.json["detail"], kind


async def test_a_form_that_is_too_long_is_413(api):
    for answer in (
        await api.post("/form/", files={"avatar": ("me.png", b"x" * 12 * 1024**2)}),
        await api.post("/form/", b"name=" + b"x" * 12 * 1024**2, headers=URLENCODED),
        await api.post("/json/", files={"avatar": ("me.png", b"x" * 12 * 1024**2)}),
    ):
        assert (answer.status, answer.json) == (413, {"detail": "The request body is longer than 10 MB."})


@pytest.mark.parametrize(
    "body",
    [
        b"", b"--x", b"--x\r\n", b"--x\r\nrubbish\r\n--x--\r\n", b"--x\r\n\r\n\r\n--x--\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
        b"--x\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--x--", b"--x\r\nContent-Disposition: form-data; name=\xff\r\n\r\n1\r\n--x--",
        b"--x\r\n" + b"A" * 20_000 + b"\r\n\r\n1\r\n--x--",
    ],
)  # fmt: skip
async def test_a_malformed_multipart_body_is_refused(api, body):
    for kind in ("multipart/form-data; boundary=x", "Multipart/Form-Data; boundary=x"):
        answer = await api.call("POST", "/form/", body, headers={"Content-Type": kind})
        assert answer.status == 400 and answer.json["detail"], kind


@pytest.mark.parametrize(
    "body", [b"--x--", b"--x\r\nContent-Disposition: form-data; name=f; filename*=UTF-9''%ff\r\n\r\n1\r\n--x--"]
)
async def test_an_odd_multipart_body_without_fields_is_an_empty_one(api, body):
    answer = await api.call("POST", "/form/", body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (answer.status, answer.json["value"]) == (200, {})


async def test_a_multipart_type_without_a_usable_boundary_is_refused(api):
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other"):
        answer = await api.post("/form/", b"--x--", headers={"Content-Type": kind})
        assert answer.status == 400, kind


async def test_the_type_is_the_same_in_any_case(api):
    body = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="name"\r\n\r\nAnn\r\n--{BOUNDARY}--\r\n'.encode()
    answer = await api.post("/form/", body, headers={"Content-Type": f"MULTIPART/Form-Data; boundary={BOUNDARY}"})
    assert answer.json["value"] == {"name": "Ann"}
    answer = await api.post("/form/", b"name=Ann", headers={"Content-Type": "Application/X-WWW-Form-Urlencoded"})
    assert answer.json["value"] == {"name": "Ann"}


async def test_json_is_read_as_ever_where_forms_are(api):
    answer = await api.post("/form/", {"name": "Ann", "active": "true"})
    assert (answer.status, answer.json) == (400, {"active": ["Must be a valid boolean."]})
    answer = await api.post("/form/", {"name": "Ann"})
    assert (answer.json["value"], answer.json["files"]) == ({"name": "Ann"}, {})


async def test_where_the_body_is_nested_a_form_is_415(api):
    for answer in (
        await api.post("/json/", form={"name": "Ann"}),
        await api.post("/json/", b"name=Ann", headers=URLENCODED),
        await api.post("/form/", b"name=Ann", headers={"Content-Type": "text/plain"}),
    ):
        assert answer.status == 415


async def test_files_are_handed_over_and_not_part_of_the_value(api):
    data = picture("PNG")
    answer = await api.post("/form/", form={"name": "Ann"}, files={"avatar": ("me.exe", data), "other": ("o", b"12")})
    assert answer.json == {
        "value": {"name": "Ann"},
        "text": '{"name":"Ann"}',
        "image": "png",
        "files": {"avatar": ["me.exe", len(data)], "other": ["o", 2]},
    }


async def test_a_file_where_the_schema_has_a_field_is_of_the_wrong_type(api):
    for name, told in {
        "name": "Not a valid string.", "active": "Must be a valid boolean.", "count": "A valid integer is required.",
        "extra": "Invalid data. Expected a dictionary, but got list.",
    }.items():  # fmt: skip
        answer = await api.post("/form/", form={name: "1"}, files={name: ("f", b"data")})
        found = answer.json[name]["non_field_errors"] if name == "extra" else answer.json[name]
        assert (answer.status, found) == (400, [told]), name


async def test_a_string_where_a_file_belongs_is_refused_in_the_documents_words(api):
    for answer in (
        await api.post("/form/", form={"avatar": "photo.png"}),
        await api.post("/form/", {"avatar": "photo.png"}),
        await api.post("/form/", {"avatar": {"a": 1}}),
    ):
        assert (answer.status, answer.json) == (400, {"avatar": NOT_A_FILE})


async def test_no_file_chosen_is_no_image(api):
    for answer in (
        await api.post("/form/", form={"avatar": ""}),
        await api.post("/form/", files={"avatar": ("", b"")}),
        await api.post("/form/", {"avatar": None}),
        await api.post("/form/", {}),
    ):
        assert (answer.status, answer.json["image"]) == (200, None)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "The submitted file is empty."),
        (b"x", NOT_AN_IMAGE),
        (b"x" * (images.BYTES + 1), "Ensure this file has no more than 5 MB."),
    ],
)
async def test_a_file_that_is_no_image_is_refused_under_its_name(api, data, told):
    answer = await api.post("/form/", files={"avatar": ("me.png", data)})
    assert (answer.status, answer.json) == (400, {"avatar": [told]})
