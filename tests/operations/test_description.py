"""GET /api/openapi.json: every route describes itself. docs/api/operations.md#description."""

import json

import pytest

from core.http import openapi, schema
from core.http.declare import bodies_of
from core.http.socket_handler import SocketHandler
from handlers.api import areas, description
from handlers.api.page import Page
from handlers.api.page_handler import PageHandler
from tests.support.described import described

pytestmark = pytest.mark.gen_test

PATH = "/api/openapi.json"
# Objects of answers that hold what is not described: a row as it was, the description itself, and messages that are nested to any depth.
OPEN = {
    "OperationsAuditEntry/before",
    "OperationsAuditEntry/after",
    f"{PATH}/get/200",
    "ApiFieldErrors",
    "SalesBulkResult/errors",
}


def operations():
    for path, methods in described().document["paths"].items():
        for method, operation in methods.items():
            yield f"{path}/{method}", operation


def nodes(node, where):
    """Every schema within a schema, with where it stands. References are not followed."""
    yield where, node
    for key in ("properties", "$defs"):
        for name, inner in node.get(key, {}).items():
            yield from nodes(inner, f"{where}/{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from nodes(node[key], where)
    for inner in node.get("anyOf", ()):
        yield from nodes(inner, where)


def answers():
    """The schemas of all answers, with the components to which they refer."""
    waiting, seen = [], set()
    for where, operation in operations():
        for status, response in operation["responses"].items():
            waiting += [(f"{where}/{status}", one["schema"]) for one in response.get("content", {}).values()]
    while waiting:
        where, node = waiting.pop()
        for inner_where, inner in nodes(node, where):
            yield inner_where, inner
            name = inner.get("$ref", "").rpartition("/")[2]
            if name and name not in seen:
                seen.add(name)
                waiting.append((name, described().document["components"]["schemas"][name]))


async def test_it_is_public_and_says_when_it_has_not_changed(api):
    answer = await api.get(PATH, token="bad")
    assert answer.status == 200 and answer.json == described().document
    again = await api.get(PATH, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", answer.headers["ETag"])
    assert (await api.get(PATH, headers={"Origin": "null"})).headers["Access-Control-Allow-Origin"] == "*"


async def test_it_describes_every_method_of_every_route_but_the_pages_and_the_sockets():
    wanted = {
        f"{openapi.template(path)}/{method.lower()}"
        for path, handler in areas.router().routes
        if not issubclass(handler, Page | PageHandler | SocketHandler)
        and path != "/"
        and not path.startswith("/static/")
        for method in handler.methods()
    }
    assert {where for where, _ in operations()} == wanted and len(wanted) > 80


async def test_each_operation_has_a_name_of_its_own_and_stands_in_groups_of_known_apis():
    found = [operation for _, operation in operations()]
    assert len({operation["operationId"] for operation in found}) == len(found)
    groups = [tag["name"] for tag in described().document["tags"]]
    for where, operation in operations():
        assert operation["summary"] and operation["tags"], where
        assert set(operation["tags"]) <= set(groups), where
    apis = [name.partition(":")[0] for name in groups]
    assert apis == sorted(apis, key=list(description.APIS).index)


async def test_what_two_documents_describe_stands_under_both():
    paths = described().document["paths"]
    assert paths["/api/auth/login/"]["post"]["tags"] == ["Staff: sign-in and tokens", "Shop: sign-in"]
    assert paths["/api/auth/users/"]["get"]["tags"] == ["Staff: users", "Books: users"]
    shape = paths["/api/auth/users/{id}/"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    staff, books = (
        {"success", "status_code", "message", "data"},
        {"id", "email", "username", "first_name", "company_name"},
    )
    assert staff | books <= shape["properties"].keys()
    bodies = paths["/api/auth/users/"]["post"]["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert [one["$ref"].rpartition("/")[2] for one in bodies] == ["AccountsUserCreate", "AccountsSignUp"]


async def test_the_objects_of_answers_have_no_members_but_the_described_ones():
    opened = {
        where
        for where, node in answers()
        if "object" in (node["type"] if isinstance(node.get("type"), list) else [node.get("type")])
        and node.get("additionalProperties", True) is True
    }
    assert opened == OPEN


async def test_every_schema_file_serves_a_body_or_an_answer():
    bodies = {
        one.name
        for route in areas.router().routes
        for method in route.handler.methods()
        for one in bodies_of(getattr(route.handler, method.lower())).schemas
    }
    # Pages have no description, and some of their forms have no request of the API.
    bodies |= {
        form.schema.name
        for table in areas.gathered("admin_tables")
        for form in (table.add, table.edit)
        if form is not None
    }
    named = described().document["components"]["schemas"].keys()
    for path in schema.ROOT.rglob("*.json"):
        name = str(path.relative_to(schema.ROOT).with_suffix(""))
        if "/examples/" not in name:
            key = "".join(part.capitalize() for part in name.replace("/", "_").split("_"))
            assert name in bodies or key in named, name


async def test_every_example_is_right_and_shown():
    examples = sorted(schema.ROOT.glob("*/examples/*.json"))
    assert len(examples) > 10
    for path in examples:
        key = "".join(part.capitalize() for part in [path.parts[-3], *path.stem.split("_")])
        shape, example = described().document["components"]["schemas"][key], json.loads(path.read_text())
        assert shape["examples"] == [example], path
        assert described().accepts(f"#/components/schemas/{key}", example), path


async def test_the_parameters_of_a_path_a_query_and_the_headers_are_described():
    paths = described().document["paths"]
    invoice = {one["name"]: one for one in paths["/api/sales/invoices/{id}/"]["get"]["parameters"]}
    assert invoice["id"]["in"] == "path" and invoice["id"]["schema"]["maximum"] == 10**18 - 1
    assert invoice["If-None-Match"]["in"] == "header"
    assert "If-Match" in {one["name"] for one in paths["/api/sales/invoices/{id}/"]["patch"]["parameters"]}
    stream = {one["name"]: one for one in paths["/api/sales/sse/invoices/"]["get"]["parameters"]}
    assert stream["Last-Event-ID"]["in"] == "header"
    assert stream["status"]["schema"] == {"type": "array", "items": {"type": "string"}}


async def test_the_security_of_an_operation_is_what_its_access_asks_for():
    paths = described().document["paths"]
    assert paths["/api/sales/import/invoice/"]["post"]["security"] == [{"bearer": []}, {"key": []}]
    assert paths["/api/sales/invoices/"]["get"]["security"] == [{}, {"bearer": []}]
    assert paths["/api/auth/login/"]["post"]["security"] == [{}]
    assert paths["/api/auth/departments/"]["get"]["security"] == [{"bearer": []}]


async def test_one_area_can_be_described_alone():
    paths = description.compose(areas.router().routes, "sales")["paths"]
    assert paths and all(path.startswith("/api/sales/") for path in paths)
