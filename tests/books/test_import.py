"""Imports of clients. docs/api/books.md#exports-and-imports."""

import asyncio
import io

import pytest
import xlsxwriter

from handlers.books import import_file, importing

pytestmark = pytest.mark.gen_test

PATH = "/api/clients/import/"
EMAIL_EXISTS = {"email": ["A client with this email already exists in your account."]}
REPORT = {
    "dry_run": False, "mode": "all", "rows": 0, "valid": 0, "created": 0, "errors": [], "errors_truncated": False, "ignored_columns": [],
    "encoding": "utf-8",
}  # fmt: skip


def csv(*lines):
    return "\r\n".join(lines).encode()


def xlsx(*rows, header=("Name", "Email", "Phone", "Active")):
    data = io.BytesIO()
    book = xlsxwriter.Workbook(data)
    sheet = book.add_worksheet()
    for at, row in enumerate((header, *rows)):
        sheet.write_row(at, 0, row)
    book.close()
    return data.getvalue()


async def sent(owner, data, query="", **more):
    return await owner.post(f"{PATH}{query}", files={"file": ("clients.any", data)}, **more)


async def names(owner):
    return [client["name"] for client in (await owner.get("/api/clients/?ordering=id&page_size=100")).json["results"]]


async def test_rows_become_clients_in_the_order_of_the_file(owner):
    data = csv(
        "name,E-Mail,PHONE,address,company,Tax number,notes,is active,Colour",
        'Asha,ASHA@Example.com,+91 98765 43210,"1 Road\r\nTown",Acme,T1,"says ""hi""",no,red',
        "",
        " Bela ,,,,,,,,",
    )
    answer = await sent(owner, data)
    assert (answer.status, answer.json) == (
        201,
        {**REPORT, "rows": 2, "valid": 2, "created": 2, "ignored_columns": ["Colour"]},
    )
    [asha, bela] = (await owner.get("/api/clients/?ordering=id")).json["results"]
    expected = {
        "name": "Asha", "email": "asha@example.com", "phone": "+91 98765 43210", "address": "1 Road\r\nTown", "company": "Acme",
        "tax_number": "T1", "notes": 'says "hi"', "is_active": False, "owner": owner.id,
    }  # fmt: skip
    assert {name: asha[name] for name in expected} == expected
    assert (bela["name"], bela["email"], bela["is_active"]) == ("Bela", "", True)
    assert (await owner.get("/api/clients/")).json["count"] == 2


async def test_cells_of_xlsx_become_texts_and_booleans(owner):
    answer = await sent(
        owner,
        xlsx(["Asha", "asha@example.com", 919876543210, True], ["Bela", "", 9876543210.0, "FALSE"], [12, "", "", 1]),
    )
    assert (answer.status, answer.json["created"], answer.json["encoding"]) == (201, 3, None)
    found = (await owner.get("/api/clients/?ordering=id")).json["results"]
    assert [(one["name"], one["phone"], one["is_active"]) for one in found] == [
        ("Asha", "919876543210", True),
        ("Bela", "9876543210", False),
        ("12", "", True),
    ]


async def test_what_is_exported_can_be_imported(owner, open_books):
    texts = {
        "name": "=Asha",
        "phone": "+91 98765 43210",
        "company": "'=Acme",
        "notes": "-1\n@x \t",
        "address": "'tis",
        "tax_number": "@T",
    }
    made = await owner.client(**texts, email="asha@example.com", is_active=False)
    for kind in ("csv", "xlsx"):
        stranger = await open_books()
        exported = await owner.get(f"/api/clients/export/?export_format={kind}")
        answer = await sent(stranger, exported.body)
        assert (answer.status, answer.json["ignored_columns"]) == (201, ["ID", "Created", "Updated"]), answer.text
        [copy] = (await stranger.get("/api/clients/")).json["results"]
        members = (*texts, "email", "is_active")
        assert {name: copy[name] for name in members} == {name: made[name] for name in members}


WRONG = csv(
    "Name,Email,Phone,Active",
    "Asha,asha@example.com,,",
    "A,not an address,123,perhaps",
    ",x@example.com,,",
    "Bela,ASHA@example.com,,",
    "Cara,stored@example.com,,",
    "Dana,dana@example.com,,yes,more",
    "#Eva,eva@example.com,1234567890,1",
)
ERRORS = [
    {"row": 3, "errors": {"name": ["Client name must be at least 2 characters long."], "email": ["Enter a valid email address."],
                          "is_active": ["Must be a valid boolean."]}},
    {"row": 4, "errors": {"name": ["Client name is required."]}},
    {"row": 5, "errors": {"email": ["Row 2 has the same email."]}},
    {"row": 6, "errors": EMAIL_EXISTS},
    {"row": 7, "errors": {"non_field_errors": ["The row has more cells than the header."]}},
]  # fmt: skip


async def test_by_default_one_wrong_row_keeps_all_from_being_stored(owner):
    await owner.client(name="Stored", email="stored@example.com")
    answer = await sent(owner, WRONG)
    said = "Rows of the file are wrong. Nothing was stored."
    report = {**REPORT, "rows": 7, "valid": 2, "errors": ERRORS}
    assert (answer.status, answer.json) == (400, {"error": said, "detail": said, **report})
    assert await names(owner) == ["Stored"]


async def test_good_rows_alone_are_stored_if_asked(owner):
    await owner.client(name="Stored", email="stored@example.com")
    answer = await sent(owner, WRONG, "?mode=good")
    assert (answer.status, answer.json) == (
        201,
        {**REPORT, "mode": "good", "rows": 7, "valid": 2, "created": 2, "errors": ERRORS},
    )
    assert await names(owner) == ["Stored", "Asha", "#Eva"]
    again = await sent(owner, WRONG, "?mode=good")
    assert (again.status, again.json["created"], again.json["valid"]) == (200, 0, 0)
    assert {row["row"] for row in again.json["errors"]} == {2, 3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize("mode", ["all", "good"])
async def test_a_dry_run_reports_what_would_be_stored_and_stores_nothing(owner, mode):
    await owner.client(name="Stored", email="stored@example.com")
    dry = await sent(owner, WRONG, f"?dry_run=true&mode={mode}")
    expected = {**REPORT, "dry_run": True, "mode": mode, "rows": 7, "valid": 2, "errors": ERRORS}
    assert (dry.status, dry.json) == (200, expected)
    assert await names(owner) == ["Stored"]
    if mode == "good":
        assert (await sent(owner, WRONG, "?mode=good")).json["created"] == dry.json["valid"]


async def test_options_may_be_fields_of_the_form_and_the_query_counts_first(owner):
    data = {"file": ("a.csv", csv("name", "Asha"))}
    dry = await owner.post(PATH, form={"dry_run": "true", "mode": "good"}, files=data)
    assert (dry.status, dry.json["dry_run"], dry.json["mode"]) == (200, True, "good")
    assert (await owner.post(f"{PATH}?dry_run=false", form={"dry_run": "true"}, files=data)).status == 201


@pytest.mark.parametrize(
    ("query", "form", "details"),
    [
        ("?dry_run=perhaps", {}, {"dry_run": ["Select a valid choice. perhaps is not one of the available choices."]}),
        ("?mode=some", {}, {"mode": ["Select a valid choice. some is not one of the available choices."]}),
        ("", {"dry_run": "perhaps"}, {"dry_run": ["Must be a valid boolean."]}),
        ("", {"mode": "some"}, {"mode": ['"some" is not a valid choice.']}),
    ],
)
async def test_unclear_options_are_refused(owner, query, form, details):
    answer = await owner.post(f"{PATH}{query}", form=form, files={"file": ("a.csv", csv("name", "Asha"))})
    assert (answer.status, answer.json["details"]) == (400, details)
    assert await names(owner) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The submitted file is empty."),
        (b" \n", "The file is empty."),
        (csv("name,email"), "The file has no rows below its header."),
        (csv("email", "a@example.com"), "The file lacks the column name."),
        (csv("Name,NAME", "a,b"), 'Two columns are named "name".'),
        (csv('Name\n"Asha'), "Row 2 can't be read: unexpected end of data."),
        (b"PK\x03\x04", "The file is not a readable XLSX file. It may be damaged."),
        (b"\x89PNG\r\n\x1a\n\0", "The file is neither CSV nor XLSX."),
        (csv("Name," + "," * 300, "Asha"), "The file has more than 200 columns."),
        (csv("Name", *["Asha"] * 10_001), "The file has more than 10,000 rows."),
    ],
)
async def test_a_file_that_is_no_table_of_clients_is_refused(owner, data, said):
    answer = await sent(owner, data)
    assert (answer.status, answer.json) == (400, {"error": "Validation failed", "details": {"file": [said]}})


async def test_a_file_must_come_as_a_file(owner):
    for more in ({"body": {}}, {"form": {"mode": "all"}}, {"form": {"file": "name\nAsha"}}):
        answer = await owner.post(PATH, **more)
        assert (answer.status, answer.json["details"]) == (400, {"file": ["No file was submitted."]})
    too_long = await sent(owner, b"Name\n" + b"x" * (10 << 20))
    assert (too_long.status, too_long.json["error"]) == (413, "The request body is longer than 10 MB.")


async def test_what_no_text_may_hold_is_named_by_row(owner):
    answer = await sent(owner, xlsx(["As\0ha", "", "", ""], ["x" * 256, "", "", ""], ["Bela", "", "#REF!", ""]))
    assert answer.status == 400
    assert [(row["row"], row["errors"]) for row in answer.json["errors"]] == [
        (2, {"name": ["Null characters are not allowed."]}),
        (3, {"name": ["Ensure this field has no more than 255 characters."]}),
        (4, {"phone": ["Phone number must be between 10 and 15 digits."]}),
    ]


async def test_a_file_of_another_encoding_is_read_and_says_so(owner):
    for encoding in ("windows-1252", "utf-16", "utf-8-sig"):
        answer = await sent(owner, f"Name;Notes\nZoë {encoding};a,b\n".encode(encoding))
        assert (answer.status, answer.json["encoding"]) == (201, encoding.removesuffix("-sig"))
    assert await names(owner) == ["Zoë windows-1252", "Zoë utf-16", "Zoë utf-8-sig"]


async def test_a_long_report_is_cut(owner, monkeypatch):
    monkeypatch.setattr(importing, "MOST_LISTED", 2)
    answer = await sent(owner, csv("Name", "A", "Asha", "B", "C"), "?mode=good")
    assert (answer.status, answer.json["valid"], answer.json["errors_truncated"]) == (201, 1, True)
    assert [row["row"] for row in answer.json["errors"]] == [2, 4]


async def test_ten_thousand_rows_are_stored_in_one_statement(owner, app):
    rows = [f"Client {n},client-{n}@example.com,+1 234 567 {n:04}" for n in range(import_file.MOST_ROWS)]
    answer = await sent(owner, csv("Name,Email,Phone", *rows))
    assert (answer.status, answer.json["created"]) == (201, import_file.MOST_ROWS), answer.text[:500]
    assert (await owner.get("/api/clients/")).json["count"] == import_file.MOST_ROWS


async def test_a_repeated_import_is_done_once_and_a_dry_run_is_another_request(owner):
    key, data = {"Idempotency-Key": "import-1"}, csv("Name", "Asha")
    assert (await sent(owner, data, "?dry_run=true", headers=key)).json["created"] == 0
    other = await sent(owner, data, headers=key)
    assert (other.status, other.json["error"]) == (422, "This Idempotency-Key was used for another request.")
    key = {"Idempotency-Key": "import-2"}
    first, second = [await sent(owner, data, headers=key) for _ in range(2)]
    assert (second.status, second.json, second.headers["Idempotency-Replayed"]) == (201, first.json, "true")
    assert await names(owner) == ["Asha"]


@pytest.mark.parametrize("mode", ["all", "good"])
async def test_of_racing_imports_each_email_is_stored_once(owner, mode):
    async def one(n):
        rows = [f"Client {n}-{at},shared-{at}@example.com" for at in range(50)]
        return await sent(owner, csv("Name,Email", *(rows if n % 2 else rows[::-1])), f"?mode={mode}")

    answers = await asyncio.gather(*map(one, range(6)))
    assert {answer.status for answer in answers} <= {200, 201, 400}
    assert sum(answer.json["created"] for answer in answers) == 50
    for answer in answers:
        assert len(answer.json["errors"]) == answer.json["rows"] - answer.json["valid"]
        assert all(row["errors"] == EMAIL_EXISTS for row in answer.json["errors"])
    assert (await owner.get("/api/clients/")).json["count"] == 50


async def test_an_email_that_is_taken_between_check_and_store_is_reported(owner, app, monkeypatch):
    from handlers.books.client_exchange import ClientImport

    async def nothing(db, **given):
        # As if another request had not stored it yet.
        return []

    await owner.client(name="Stored", email="asha@example.com")
    monkeypatch.setattr(ClientImport, "imported", ClientImport.imported._replace(find=nothing))
    data = csv("Name,Email", "Bela,bela@example.com", "Asha,asha@example.com")
    answer = await sent(owner, data)
    assert (answer.status, answer.json["errors"]) == (400, [{"row": 3, "errors": EMAIL_EXISTS}])
    assert await names(owner) == ["Stored"]
    answer = await sent(owner, data, "?mode=good")
    assert (answer.status, answer.json["created"], answer.json["errors"]) == (
        201,
        1,
        [{"row": 3, "errors": EMAIL_EXISTS}],
    )
    assert await names(owner) == ["Stored", "Bela"]


async def test_clients_of_others_are_no_hindrance(owner, open_books):
    stranger = await open_books()
    await stranger.client(email="asha@example.com")
    answer = await sent(owner, csv("Name,Email,Owner,ID", f"Asha,asha@example.com,{stranger.id},7"))
    assert (answer.status, answer.json["ignored_columns"]) == (201, ["Owner", "ID"])
    assert await names(owner) == ["Asha"]
    assert (await stranger.get("/api/clients/")).json["count"] == 1


async def test_only_people_with_books_may_import(api):
    assert (await api.post(PATH, files={"file": ("a.csv", b"name\nAsha")})).status == 401
