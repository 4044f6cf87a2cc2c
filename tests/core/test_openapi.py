"""Composing the description of routes from what their handlers say."""

import pytest

from core.access import Access, public
from core.dialect import Dialect
from core.http import openapi, rate_limit, schema
from core.http.declare import answers, body, idempotent, is_idempotent, takes
from core.http.handler import Handler
from core.http.openapi import Described, Docstring
from core.http.parameter import Parameter
from core.http.router import Route


class Plain(Dialect):
    error, field_errors = "things/error", "things/field_errors"


FILES = {
    "things/error": {"type": "object"},
    "things/field_errors": {"type": "object"},
    "things/thing": {
        "$schema": "x",
        "description": "A thing. docs/api/things.md#thing",
        "properties": {"name": {"$ref": "#/$defs/name", "maxLength": 9}, "parts": {"items": {"$ref": "thing.json"}}},
        "$defs": {"name": {"type": "string"}},
    },
    "others/other": {"properties": {"thing": {"$ref": "../things/thing.json"}}},
}
THING = schema.Schema(FILES["things/error"], "things/body")


@pytest.fixture(autouse=True)
def files(monkeypatch, tmp_path):
    monkeypatch.setattr(schema, "read", FILES.__getitem__)
    monkeypatch.setattr(schema, "ROOT", tmp_path)


def handler(**members):
    return type("Things", (Handler,), {"access": public, "dialect": Plain(), **members})


def composed(*routes):
    return openapi.document(
        [Described(Route(*route), ("Shop: things",)) for route in routes], info={}, groups=["Shop: things"], schemes={}
    )


async def show(self, id: str) -> None:
    """Show a thing. It may have parts. 200 the thing; with parts; 404; 409 somebody else has it."""


async def show_nothing(self, id: str) -> None:
    """Remove a thing. 204; 404."""


def test_a_docstring_has_a_summary_details_and_answers():
    said = Docstring.read(
        """List the things, by name. With a cursor (RFC 9110) nothing is counted, see `count`. 200; 400 a wrong
        cursor; of another list; 404 there is no such page. Nobody sees more."""
    )
    assert said.summary == "List the things, by name"
    assert said.details == "With a cursor (RFC 9110) nothing is counted, see `count`. Nobody sees more."
    assert said.answers == {200: "", 400: "a wrong cursor; of another list", 404: "there is no such page"}


@pytest.mark.parametrize("text", ["", "Show a thing.", "200; 404.", "As GET."])
def test_a_docstring_without_a_summary_or_without_answers_is_refused(text):
    with pytest.raises(ValueError, match="without a summary or without answers"):
        Docstring.read(text)


def test_an_operation_says_what_its_method_its_access_and_its_limits_answer():
    asking = Access("friends", lambda handler: None, schemes=("key",))

    @answers(201, "things/thing", headers=("ETag",))
    @takes(THING)
    async def post(self) -> None:
        """Make a thing. With parts. 201; 409 it exists."""

    found = composed(("/things/", handler(access=asking, post=post)))["paths"]["/things/"]["post"]
    assert found["operationId"] == "things_post" and found["summary"] == "Make a thing"
    assert found["description"] == "With parts.\n\nWho may call: friends."
    assert found["security"] == [{"key": []}]
    assert list(found["responses"]) == ["201", "400", "401", "403", "409", "413", "415"]
    assert found["responses"]["201"]["headers"].keys() == {"ETag"}
    assert found["responses"]["401"]["headers"].keys() == {"WWW-Authenticate"}
    assert found["responses"]["409"]["description"] == "It exists."
    body = found["requestBody"]
    assert body == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ThingsBody"}}},
    }


def test_a_method_that_takes_a_key_says_so_and_adds_its_refusals_to_its_own():
    @answers(201, "things/thing", headers=("ETag",))
    @idempotent
    async def post(self) -> None:
        """Make a thing. 201; 409 it exists."""

    @idempotent
    async def delete(self) -> None:
        """Remove a thing. 204."""

    found = composed(("/things/", handler(post=post, delete=delete)))["paths"]["/things/"]
    [parameter] = found["post"]["parameters"]
    assert (parameter["name"], parameter["in"]) == ("Idempotency-Key", "header") and "required" not in parameter
    answered = found["post"]["responses"]
    assert list(answered) == ["201", "400", "409", "422"]
    assert answered["201"]["headers"]["ETag"] == {"$ref": "#/components/headers/ETag"}
    assert answered["201"]["headers"]["Idempotency-Replayed"]["required"] is False
    assert answered["409"]["description"].startswith("It exists; a request with the same Idempotency-Key is under way")
    assert answered["409"]["headers"]["Retry-After"]["required"] is False
    assert answered["422"]["description"] == "The Idempotency-Key was used for another request."
    assert found["delete"]["responses"]["204"]["headers"].keys() == {"Idempotency-Replayed"}
    assert found["delete"]["responses"]["409"]["description"].startswith("A request with")


def test_a_method_keeps_that_it_takes_a_key_whatever_the_order_of_its_declarations(monkeypatch):
    monkeypatch.setattr(schema, "load", lambda name: THING)

    async def post(self) -> None: ...

    for declared in (idempotent(body("x")(post)), body("x")(idempotent(post)), answers(201, None)(idempotent(post))):
        assert is_idempotent(declared)


def test_an_answer_that_the_docstring_or_the_declaration_lacks_is_refused():
    undeclared = type("Things", (Handler,), {"access": public, "dialect": Plain(), "get": show})
    with pytest.raises(ValueError, match="does not declare its answer 200"):
        composed(("/things/{id}/", undeclared))

    @answers(200, "things/thing")
    @answers(206, "things/thing")
    async def get(self) -> None:
        """Show a thing. 200."""

    with pytest.raises(ValueError, match=r"does not mention \[206\]"):
        composed(("/things/", handler(get=get)))


def test_each_answer_of_a_handler_that_counts_requests_has_the_headers_and_may_be_429():
    document = composed(("/things/{id}/", handler(delete=show_nothing, is_limited=True)))
    responses = document["paths"]["/things/{id}/"]["delete"]["responses"]
    assert set(responses) == {"204", "400", "404", "429"}
    for status, response in responses.items():
        assert response["headers"].keys() - {"Retry-After"} == rate_limit.HEADERS.keys(), status
    assert "Retry-After" in responses["429"]["headers"]
    # An administrator may switch the limits off.
    assert {document["components"]["headers"][name]["required"] for name in rate_limit.HEADERS} == {False}


def test_an_answer_with_several_media_types_is_described_with_all_of_them():
    @answers(200, {"type": "string"}, media="text/plain")
    @answers(200, {"type": "string", "format": "binary"}, media="application/pdf", headers=("ETag",))
    async def get(self) -> None:
        """Print a thing. 200."""

    found = composed(("/things/", handler(get=get)))["paths"]["/things/"]["get"]["responses"]["200"]
    assert found["content"] == {
        "text/plain": {"schema": {"type": "string"}},
        "application/pdf": {"schema": {"type": "string", "format": "binary"}},
    }
    assert found["headers"] == {"ETag": {"$ref": "#/components/headers/ETag"}}


def test_a_shape_stands_once_and_its_own_definitions_where_they_are_used():
    @answers(200, {"type": "array", "items": {"$ref": "others/other.json"}})
    async def get(self) -> None:
        """List the things. 200."""

    found = composed(("/things/", handler(get=get)))
    answer = found["paths"]["/things/"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"type": "array", "items": {"$ref": "#/components/schemas/OthersOther"}}
    assert found["components"]["schemas"]["OthersOther"]["properties"] == {
        "thing": {"$ref": "#/components/schemas/ThingsThing"}
    }
    assert found["components"]["schemas"]["ThingsThing"] == {
        "description": "A thing",
        "properties": {
            "name": {"type": "string", "maxLength": 9},
            "parts": {"items": {"$ref": "#/components/schemas/ThingsThing"}},
        },
    }


def test_a_parameter_of_a_path_is_a_number_a_uuid_or_what_its_handler_says():
    one = answers(200, "things/thing")(show)
    numbered, named = handler(get=one), handler(get=one, path_parameters=(Parameter("id", "Its name."),))
    found = composed(("/a/{id:int}/", numbered), ("/b/{id}/", numbered), ("/c/{id}/", named))["paths"]
    kinds = {path: methods["get"]["parameters"][0] for path, methods in found.items()}
    assert [one["schema"]["type"] for one in kinds.values()] == ["integer", "string", "string"]
    assert kinds["/b/{id}/"]["schema"]["format"] == "uuid" and "format" not in kinds["/c/{id}/"]["schema"]
    assert kinds["/c/{id}/"]["description"] == "Its name."


def test_parameters_of_the_query_are_those_of_get_or_else_of_the_other_methods():
    async def do(self) -> None:
        """Do something. 200."""

    done, asked = answers(200, "things/thing")(do), (Parameter("kind", "Which."),)
    found = composed(
        ("/a/", handler(get=done, put=done, parameters=asked)), ("/b/", handler(put=done, parameters=asked))
    )["paths"]
    names = {(path, method): [one["name"] for one in operation.get("parameters", ())]
             for path, methods in found.items() for method, operation in methods.items()}  # fmt: skip
    assert names == {("/a/", "get"): ["kind"], ("/a/", "put"): [], ("/b/", "put"): ["kind"]}


def test_a_handler_at_two_paths_has_two_names():
    one = handler(get=answers(200, "things/thing")(show))
    found = composed(("/api/more/{id}/", one), ("/api/some-more/{id}/", one))["paths"].values()
    assert [methods["get"]["operationId"] for methods in found] == ["things_get", "things_get_some_more"]
