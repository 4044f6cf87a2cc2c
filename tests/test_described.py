"""The check that each answer is as the description says: it has to fail where an answer is not."""

import json

import pytest

from core.http import rate_limit
from tests.support.described import described

LIST, LOGIN, ME = "/api/sales/invoices/", "/api/auth/login/", "/api/auth/departments/"
RECEIPT = "/api/orders/1/receipt/"
JSON = {"Content-Type": "application/json"}
PAGE = {"count": 0, "next": None, "previous": None, "results": []}
ERROR = {"success": False, "status_code": 401, "message": "x", "error": "x", "detail": "x"}
CHALLENGED = {**JSON, "WWW-Authenticate": "Bearer"}


def fault(method, path, status, headers, body, sent=None):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return described().fault(method, path, sent, status, headers, data)


def test_an_answer_as_it_is_described_has_no_fault():
    assert fault("GET", LIST, 200, {**JSON, "X-Request-ID": "1"}, PAGE) == ""
    assert fault("GET", LIST.removesuffix("/"), 200, JSON, PAGE) == ""
    assert fault("HEAD", LIST, 200, JSON, b"") == ""
    assert fault("GET", ME, 401, CHALLENGED, ERROR) == ""
    assert fault("DELETE", f"{ME}00000000-0000-0000-0000-000000000000/", 204, {}, b"") == ""
    assert fault("GET", "/nothing/", 404, JSON, {"anything": 1}) == ""
    for media in ("text/plain; charset=utf-8", "application/pdf"):
        assert fault("GET", RECEIPT, 200, {"Content-Type": media}, b"x") == ""


@pytest.mark.parametrize(
    ("method", "path", "status", "headers", "body", "what"),
    [
        ("GET", LIST, 418, JSON, PAGE, "not described"),
        ("GET", LIST, 200, JSON, {**PAGE, "secret": 1}, "secret"),
        ("GET", LIST, 200, JSON, {"count": 0}, "required"),
        ("GET", LIST, 200, JSON, {**PAGE, "count": "0"}, "count"),
        ("GET", LIST, 200, {"Content-Type": "text/html"}, PAGE, "text/html"),
        ("GET", RECEIPT, 200, {"Content-Type": "text/html"}, b"x", "text/html"),
        ("GET", LIST, 200, {**JSON, "ETag": '"x"'}, PAGE, "headers"),
        ("GET", ME, 401, JSON, ERROR, "headers"),
        ("GET", ME, 401, CHALLENGED, {"detail": "x"}, "required"),
        ("DELETE", f"{ME}00000000-0000-0000-0000-000000000000/", 204, {}, b"x", "without a body"),
        ("PATCH", LIST, 405, JSON, ERROR, "405"),
        ("PATCH", LIST, 200, JSON, PAGE, "200"),
    ],
)
def test_an_answer_that_is_not_as_described_has_a_fault(method, path, status, headers, body, what):
    assert what in fault(method, path, status, headers, body)


def test_a_member_of_an_item_that_is_not_described_is_a_fault():
    department = {
        "id": "00000000-0000-0000-0000-000000000000",
        "name": "x",
        "description": None,
        "is_active": True,
        "job_titles": [],
        "created_at": "2026-01-01T00:00:00.000000Z",
        "updated_at": "2026-01-01T00:00:00.000000Z",
    }
    for more, expected in (({}, ""), ({"secret": 1}, "secret"), ({"created_at": "today"}, "today"), ({"id": "x"}, "x")):
        data = {"results": [{**department, **more}], "count": 1, "next": None, "previous": None}
        page = {"success": True, "status_code": 200, "message": "x", "data": data}
        found = fault("GET", ME, 200, JSON, page)
        assert (found == "") is (expected == "") and expected in found


def test_a_body_that_is_accepted_without_being_described_is_a_fault():
    tokens = {"refresh": "x", "access": "x"}
    assert fault("POST", "/api/auth/token/refresh/", 200, JSON, tokens, b'{"refresh": 12}') == ""
    assert "body that is not described" in fault(
        "POST", "/api/auth/token/refresh/", 200, JSON, tokens, b'{"token": "x"}'
    )


def test_an_answer_of_a_limited_route_has_all_headers_of_the_limit_unless_it_is_to_a_question_for_its_methods():
    path, whole = "/api/clients/", {**JSON, **dict.fromkeys(rate_limit.HEADERS, "x")}
    assert fault("GET", path, 200, whole, PAGE) == ""
    assert fault("OPTIONS", path, 204, {"Allow": "GET"}, b"") == ""
    assert fault("PATCH", path, 405, {**whole, "Allow": "GET"}, ERROR) == ""
    for name in rate_limit.HEADERS:
        lacking = {other: value for other, value in whole.items() if other != name}
        assert "headers" in fault("GET", path, 200, lacking, PAGE)
        assert "405" in fault("PATCH", path, 405, {**lacking, "Allow": "GET"}, ERROR)
