"""The administration, as a person without scripts uses it. docs/api/operations.md#administration.

Departments are the table of these tests; tests/AREA/test_admin_AREA.py have those of the areas.
"""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from core.data.sql import FILTERS
from handlers.api import areas
from handlers.api.admin import Table
from handlers.api.roles import ROLES
from tests.support.visitor import Visitor

pytestmark = pytest.mark.gen_test

DEPARTMENTS = "/admin/accounts/departments/"


@pytest.fixture
def department(api, sign_in):
    """`await department("Packing")`: the id of a new department."""

    async def department(name, **more):
        admin = await sign_in("SUPERADMIN")
        made = await api.post("/api/auth/departments/", {"name": name, **more}, token=admin["access"])
        assert made.status == 201, made.text
        return made.json["data"]["id"]

    return department


def field(page, name):
    """The value of an input."""
    return unescape(re.search(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', page.text)[1])


def names(page):
    """The rows of a list, as their first column calls them."""
    return [unescape(name) for name in re.findall(r'<a class="row" href="[^"]*">\s*([^<]*?)\s*</a>', page.text)]


def link(page, rel):
    """The address of the page after or before a list's page; None: there is none."""
    found = re.search(rf'rel="{rel}" href="([^"]*)"', page.text)
    return unescape(found[1]) if found else None


def changed(page, **values):
    """What the form of a department sends when these values are typed."""
    return {
        "version": field(page, "version"),
        "name": field(page, "name"),
        "description": "",
        "is_active": "true",
        **values,
    }


async def test_strangers_are_led_to_the_sign_in_and_back(api):
    answer = await Visitor(api).get(f"{DEPARTMENTS}?search=pack")
    address = urlsplit(answer.headers["Location"])
    assert answer.status == 302 and parse_qs(address.query) == {"next": [f"{DEPARTMENTS}?search=pack"]}


async def test_only_staff_and_superadmins_may_enter(enter):
    for role in ROLES:
        page = await (await enter(role)).get("/admin/")
        assert page.status == (200 if role in ("SUPERADMIN", "ADMIN") else 403), role


async def test_a_row_is_added_changed_and_deleted_by_the_forms(enter):
    staff = await enter()
    await staff.get(f"{DEPARTMENTS}add/")
    made = await staff.send(f"{DEPARTMENTS}add/", {"name": "Picking", "description": "", "is_active": "true"})
    assert made.status == 302
    row = made.headers["Location"]
    page = await staff.get(row)
    assert "was added successfully" in page.text and field(page, "name") == "Picking"
    assert (await staff.send(row, changed(page, name="Packing", is_active="false"))).status == 302
    page = await staff.get(row)
    assert "“Packing” was changed successfully" in page.text
    await staff.get(f"{row}delete/")
    assert (await staff.post(f"{row}delete/")).status == 302
    assert (await staff.get(row)).status == 404


async def test_what_was_changed_is_audited_with_the_administrator_and_only_the_changed_members(enter, department, db):
    id, staff = await department("Audited"), await enter()
    page = await staff.get(f"{DEPARTMENTS}{id}/")
    await staff.send(f"{DEPARTMENTS}{id}/", changed(page, name="Audited twice"))
    entry = await db.fetchrow(
        "SELECT email, action, before::text, after::text FROM operations.audit WHERE object_id = $1 ORDER BY id DESC",
        id,
    )
    assert tuple(entry) == (
        "superadmin@example.com",
        "department.update",
        '{"name": "Audited"}',
        '{"name": "Audited twice"}',
    )


async def test_a_form_without_changes_changes_nothing(enter, department, db):
    id, staff = await department("Unchanged"), await enter()
    before = await db.fetchval("SELECT count(*) FROM operations.audit")
    page = await staff.get(f"{DEPARTMENTS}{id}/")
    assert (await staff.send(f"{DEPARTMENTS}{id}/", changed(page))).status == 302
    assert "Nothing was changed." in (await staff.get(f"{DEPARTMENTS}{id}/")).text
    assert await db.fetchval("SELECT count(*) FROM operations.audit") == before


async def test_a_refusal_of_the_api_stands_beside_its_field_and_what_was_typed_stays(enter, department):
    await department("Twice")
    staff = await enter()
    await staff.get(f"{DEPARTMENTS}add/")
    page = await staff.send(f"{DEPARTMENTS}add/", {"name": "Twice", "is_active": "true"})
    assert page.status == 400 and field(page, "name") == "Twice"
    assert re.search(r'id="name-problem"[^>]*>Department with this name already exists\.', page.text)
    for wrong, said in (("", "This field"), ("x" * 151, "no more than 150 characters"), ("a\0b", "Null characters")):
        page = await staff.send(f"{DEPARTMENTS}add/", {"name": wrong, "is_active": "true"})
        assert page.status == 400 and said in page.text, wrong[:5]


async def test_a_page_that_refuses_has_the_headers_of_the_refusal(enter):
    refused = await (await enter()).call("PUT", DEPARTMENTS, form={})
    assert refused.status == 405 and "text/html" in refused.headers["Content-Type"], refused.text
    assert set(refused.headers["Allow"].split(", ")) >= {"GET", "HEAD"}


async def test_what_somebody_else_has_changed_meanwhile_is_not_overwritten(enter, department):
    id, first, second = await department("Contested"), await enter(), await enter()
    page, other = await first.get(f"{DEPARTMENTS}{id}/"), await second.get(f"{DEPARTMENTS}{id}/")
    assert (await first.send(f"{DEPARTMENTS}{id}/", changed(page, name="Contested first"))).status == 302
    refused = await second.send(f"{DEPARTMENTS}{id}/", changed(other, description="second"))
    assert refused.status == 409 and "Somebody else has changed this" in refused.text
    assert "second" in refused.text and re.search(r"Now: <[^>]*>Contested first<", refused.text)


async def test_forms_of_other_sites_are_refused(enter, department):
    id, staff = await department("Forged"), await enter()
    await staff.get(f"{DEPARTMENTS}{id}/delete/")
    other = {"Origin": "https://evil.example"}
    assert (await staff.post(f"{DEPARTMENTS}{id}/delete/", **other)).status == 403
    for path in (f"{id}/", f"{id}/delete/", "add/", "action/"):
        # Each page that refuses a form brings a right token in its header.
        staff.token = "wrong"
        assert (await staff.post(f"{DEPARTMENTS}{path}", {"action": "delete", "keys": id})).status == 403
    assert (await staff.get(f"{DEPARTMENTS}{id}/")).status == 200


async def test_pages_lead_on_and_back_through_all_rows_once(enter, department):
    made = [f"Paged {n:03}" for n in range(120)]
    for name in made:
        await department(name)
    staff = await enter()
    first = await staff.get(f"{DEPARTMENTS}?search=paged")
    second = await staff.get(DEPARTMENTS + link(first, "next"))
    third = await staff.get(DEPARTMENTS + link(second, "next"))
    assert names(first) + names(second) + names(third) == made
    assert link(first, "prev") is None and link(third, "next") is None
    assert names(await staff.get(DEPARTMENTS + link(third, "prev"))) == names(second)
    backwards = await staff.get(f"{DEPARTMENTS}?search=paged&sort=-name")
    assert names(backwards)[0] == "Paged 119"


async def test_a_list_is_searched_and_filtered_by_its_address(enter, department):
    await department("Search the shelves", is_active=False)
    await department("Search the yard")
    staff = await enter()
    assert names(await staff.get(f"{DEPARTMENTS}?search=YARD+sea")) == ["Search the yard"]
    assert names(await staff.get(f"{DEPARTMENTS}?search=search&is_active=false")) == ["Search the shelves"]
    assert "three letters" in (await staff.get(f"{DEPARTMENTS}?search=a%25")).text
    for wrong in ("is_active=maybe", "after=x", "before=W10", "after=WyJuYW1lIiwxXQ"):
        assert (await staff.get(f"{DEPARTMENTS}?{wrong}")).status == 400, wrong
    assert (await staff.get(f"{DEPARTMENTS}?search=%00abc")).status == 200
    assert (await staff.get(f"{DEPARTMENTS}?search={'x' * 5000}")).status == 200


async def test_the_same_list_is_a_csv_file_without_formulas(enter, department):
    await department("=1+1 csv, with a comma")
    staff = await enter()
    answer = await staff.get(f"{DEPARTMENTS}csv/?search=csv")
    lines = answer.body.decode("utf-8-sig").splitlines()
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert lines[0] == "id,Name,Active,Job titles,Last changed"
    assert len(lines) == 2 and ',"\'=1+1 csv, with a comma",Yes,0,' in lines[1]


async def test_an_action_on_chosen_rows_asks_first(enter, department):
    ids = [await department(name) for name in ("Chosen one", "Chosen two")]
    staff = await enter()
    await staff.get(f"{DEPARTMENTS}?search=chosen")
    form = {"action": "delete", "keys": [*ids, "00000000-0000-4000-8000-000000000000"], "back": "?search=chosen"}
    asked = await staff.post(f"{DEPARTMENTS}action/", form)
    assert asked.status == 200 and "Chosen one" in asked.text and "Are you sure?" in asked.text
    assert names(await staff.get(f"{DEPARTMENTS}?search=chosen")) == ["Chosen one", "Chosen two"]
    done = await staff.post(f"{DEPARTMENTS}action/", {**form, "confirmed": "yes"})
    assert done.headers["Location"] == f"{DEPARTMENTS}?search=chosen"
    page = await staff.get(f"{DEPARTMENTS}?search=chosen")
    assert "Successfully deleted 2 of 3 departments." in page.text and names(page) == []


async def test_an_action_without_rows_or_without_an_action_says_so(enter):
    staff = await enter()
    await staff.get(DEPARTMENTS)
    await staff.post(f"{DEPARTMENTS}action/", {"action": "delete"})
    assert "Items must be selected" in (await staff.get(DEPARTMENTS)).text
    await staff.post(f"{DEPARTMENTS}action/", {"keys": "00000000-0000-4000-8000-000000000000"})
    assert "No action selected." in (await staff.get(DEPARTMENTS)).text
    assert (await staff.post(f"{DEPARTMENTS}action/", {"action": "delete", "keys": "../x"})).status == 404
    assert (await staff.post(f"{DEPARTMENTS}action/", {"action": "delete", "keys": ["x"] * 101})).status in (400, 404)
    # The list to which an action leads back is always one of ours.
    evil = {"action": "", "back": "//evil.example/"}
    assert (await staff.post(f"{DEPARTMENTS}action/", evil)).status == 404


@pytest.mark.parametrize("query", ["?a=\r\nX-Evil: 1", "?\0", "?\u202e", f"?{'x' * 30_000}"])
async def test_an_action_leads_to_the_whole_list_from_a_query_that_no_address_has(enter, department, query):
    staff, made = await enter(), await department(f"Back {ascii(query)[:20]}")
    await staff.get(DEPARTMENTS)
    form = {"action": "delete", "keys": made, "back": query, "confirmed": "yes"}
    done = await staff.post(f"{DEPARTMENTS}action/", form)
    assert done.status == 302 and done.headers["Location"] == DEPARTMENTS
    assert "Successfully deleted 1 of 1 departments." in (await staff.get(DEPARTMENTS)).text


async def test_a_script_finds_rows_to_choose_from(enter, department):
    id, staff = await department("Choice of many"), await enter()
    script = {"X-Requested-With": "XMLHttpRequest", "Accept": "application/json"}
    found = await staff.get(f"{DEPARTMENTS}choices/?q=choice", **script)
    assert found.json == {"choices": [{"key": id, "label": "Choice of many"}]}
    assert (await staff.get(f"{DEPARTMENTS}choices/?q=zz", **script)).json == {"choices": []}


async def test_unknown_tables_rows_and_paths_are_pages_with_404(enter):
    staff = await enter()
    for path in (
        "/admin/accounts/nothing/",
        "/admin/nothing/departments/",
        f"{DEPARTMENTS}1/",
        f"{DEPARTMENTS}00000000-0000-4000-8000-000000000000/",
        f"{DEPARTMENTS}00000000-0000-4000-8000-000000000000/delete/",
        f"{DEPARTMENTS}a/b/c/d/",
    ):
        page = await staff.get(path)
        assert page.status == 404 and "Back to the administration" in page.text, path


async def test_who_loses_the_role_is_out_at_the_next_page(api, sign_in, enter):
    boss = await sign_in("SUPERADMIN")
    staff = await enter("ADMIN")
    assert (await staff.get("/admin/")).status == 200
    admin = await sign_in("ADMIN")
    path = f"/api/auth/users/{admin['data']['user']['id']}/"
    assert (await api.call("PATCH", path, {"is_staff": False}, token=boss["access"])).status == 200
    assert (await staff.get("/admin/")).status == 403
    await api.call("PATCH", path, {"is_staff": True}, token=boss["access"])


def test_no_table_has_the_name_of_something_else_that_areas_declare():
    for module in areas.modules():
        for name in (
            "routes",
            "jobs",
            "schedules",
            "exports",
            "pages",
            "tables",
            "readings",
            "listeners",
            "demos",
            "duties",
        ):
            assert not isinstance(getattr(module, name, None), Table), (module.__name__, name)


def test_what_the_areas_declare_fits_their_queries_and_one_another():
    tables = {table.full_name: table for table in areas.gathered("admin_tables")}
    assert len(tables) == len(areas.gathered("admin_tables"))
    for name, table in tables.items():
        assert FILTERS in table.list.text, name
        assert table.list.parameters == ("after", "most"), name
        assert [one for one in table.get.parameters if one != "zone"] == list(table.key), name
        known = table.list.filters
        assert {"keys"} | ({"search"} if table.search else set()) <= set(known), name
        assert len(known["keys"].parameters) == len(table.key), name
        for one in table.filters:
            if one.name not in known:
                values = [value for value, _ in one.choices] or ["true", "false"]
                assert {f"{one.name}_{value}".lower() for value in values} <= set(known), (name, one.name)
                continue
            size = len(tables[one.to].key) if one.kind == "reference" else 1
            size += one.kind in ("since", "until") and len(known[one.name].parameters) == 2
            assert len(known[one.name].parameters) == size, (name, one.name)
            assert set(one.apart) <= {other.name for other in table.filters}, (name, one.name)
            assert {term.removeprefix("-") for term in one.orders or ()} <= set(table.orders), (name, one.name)
        ordered = {column.order for column in table.columns if column.order}
        terms = {term.removeprefix("-") for term in (*table.usual, *table.ties)}
        assert ordered | terms <= set(table.orders), name
        forms = [form for form in (table.add, table.edit) if form is not None]
        fields = [field for form in forms for field in form.fields]
        targets = [
            *(c.to for c in table.columns),
            *(f.to for f in (*fields, *table.shown)),
            *(r.to for r in table.related),
        ]
        assert {target for target in targets if target} <= set(tables), name
        for form in forms:
            known = set(form.schema.document.get("properties", {}))
            assert {field.name for field in form.fields if not field.file} <= known, name
        assert (table.edit is None) == (table.change is None) and (table.add is None) == (table.make is None), name
        assert all(one.filter in {f.name for f in tables[one.to].filters} for one in table.related), name
