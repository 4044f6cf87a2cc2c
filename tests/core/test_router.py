"""From a path to its handler."""

import pytest

from core.access import public
from core.dialect import Dialect
from core.http.handler import Handler
from core.http.router import Router


def handler(name):
    return type(name, (Handler,), {"access": public})


A, B, C, D, E, ANY, SALES = (handler(name) for name in ("A", "B", "C", "D", "E", "ANY", "SALES"))
ROUTES = [
    ("/api/", A), ("/api/things/", B), ("/api/things/{id:int}/", C), ("/api/things/{id:int}/parts/{name}/", D),
    ("/api/things/{name}/copy/", E), ("/files/{path:path}", B),
]  # fmt: skip
router = Router(ROUTES, [("", ANY), ("/api/sales/", SALES)])


def test_each_path_reaches_its_handler_with_and_without_the_slash():
    for path, expected in {
        "/api": (A, {}), "/api/things": (B, {}), "/api/things/7": (C, {"id": "7"}), "/api/things/7/parts/bolt": (D, {"id": "7", "name": "bolt"}),
        "/api/things/x/copy": (E, {"name": "x"}), "/api/things/7/copy": (E, {"name": "7"}),
    }.items():  # fmt: skip
        assert router.find(path)[:2] == expected
        assert router.find(path + "/")[:2] == expected


def test_one_slash_more_is_another_path():
    for path in ("/api/things//", "/api//things/", "//api/things/", "/api/things/7//", "//"):
        assert router.find(path)[:2] == (ANY, {}), path


def test_a_malformed_id_is_simply_not_found():
    for id in ("", "x", "-1", "+1", "1.0", "1e3", "0x1", "٣", "%37x", "1" * 19, " 1"):
        assert router.find(f"/api/things/{id}/parts/bolt/")[:2] == (ANY, {}), id
    assert router.find(f"/api/things/{'9' * 18}/")[0] is C


def test_a_parameter_is_one_segment_and_not_empty():
    assert router.find("/api/things/7/parts/a/b/")[0] is ANY
    assert router.find("/api/things/7/parts//")[0] is ANY
    assert router.find("/files/a/b/c.css")[:2] == (B, {"path": "a/b/c.css"})


def test_parameters_arrive_percent_decoded_and_an_encoded_slash_is_no_separator():
    assert router.find("/api/things/a%20b/copy/")[1] == {"name": "a b"}
    assert router.find("/api/things/%E6%BC%A2/copy/")[1] == {"name": "漢"}
    assert router.find("/api/things/a%2Fb/copy/")[1] == {"name": "a/b"}
    assert router.find("/api/things/100%25/copy/")[1] == {"name": "100%"}
    assert router.find("/api/things/%32%35/copy/")[1] == {"name": "25"}
    assert router.find("/api/things/a+b/copy/")[1] == {"name": "a+b"}


def test_what_decodes_to_no_text_reaches_no_handler():
    for name in ("%FF", "%C0%80", "%ED%A0%80", "a%00b"):
        assert router.find(f"/api/things/{name}/copy/")[0] is ANY, name


def test_unknown_paths_go_to_the_fallback_of_the_longest_prefix():
    assert router.find("/api/sales/nothing/")[:2] == (SALES, {})
    for path in ("/", "/nothing", "/api/salesmen/", "*", "/API/", "/api/Things/"):
        assert router.find(path)[:2] == (ANY, {}), path


def test_a_literal_dot_is_a_dot():
    dotted = Router([("/a.b/{name}/", A), ("/a.b/", B)], [("", ANY)])
    assert dotted.find("/a.b/x/")[0] is A and dotted.find("/aXb/x/")[0] is ANY


def test_the_first_of_two_patterns_that_fit_is_taken():
    both = Router([("/x/{id:int}/", A), ("/x/{name}/", B)], [("", ANY)])
    assert (both.find("/x/1/")[0], both.find("/x/y/")[0]) == (A, B)


def test_a_malformed_id_is_refused_in_the_dialect_of_the_route_that_it_misses():
    class Words(Dialect):
        """A dialect of its own."""

    one = type("One", (Handler,), {"access": public, "dialect": Words()})
    own = Router([("/x/{id:int}/", one), ("/x/{id:int}/y/{name}/", A)], [("", ANY)])
    found, parameters, _ = own.find("/x/seven/")
    assert issubclass(found, ANY) and found.dialect is one.dialect and parameters == {}
    assert own.find("/x/eight/")[0] is found
    for path in ("/x/seven/y/z/", "/x/", "/x/7/z/"):
        assert own.find(path)[0] is ANY, path


def test_a_path_names_its_route_unless_a_parameter_is_malformed():
    assert router.route("/api/things/7").path == "/api/things/{id:int}/"
    assert router.route("/api/").path == "/api/"
    for path in ("/api/things/x/", "/api/things/%FF/copy/", "/nothing/"):
        assert router.route(path) is None, path


def test_two_routes_for_one_path_are_refused():
    for twice in ("/a/", "/a", "/b/{id:int}/", "/b/{other:int}"):
        with pytest.raises(ValueError, match="two routes"):
            Router([("/a/", A), ("/b/{id:int}/", C), (twice, B)], [("", ANY)])


def test_what_is_found_has_the_template_of_its_route_and_none_without_a_route():
    for path, template in {
        "/api/things": "/api/things/",
        "/api/things/7": "/api/things/{id}/",
        "/files/a/b": "/files/{path}",
        "/api/things/x/": "",
        "/nowhere": "",
    }.items():
        assert router.find(path).template == template, path
