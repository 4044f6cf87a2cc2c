"""GET /api/: the paths of the server. docs/api/operations.md#index."""

import pytest

from handlers.api import areas

pytestmark = pytest.mark.gen_test


async def test_the_index_names_every_path_of_the_api_with_its_methods(api):
    answer = await api.get("/api/")
    assert answer.status == 200
    assert answer.json.keys() == {"message", "version", "endpoints", "documentation"}
    listed = {path: methods for area in answer.json["endpoints"].values() for path, methods in area.items()}
    wanted = {
        path.replace(":int", ""): handler.methods()
        for path, handler in areas.router().routes
        if path.startswith("/api/") and path != "/api/"
    }
    assert listed == wanted and len(listed) > 5
    assert listed["/api/sales/invoices/{id}/"] == ["GET", "PUT", "PATCH", "DELETE"]


async def test_anyone_may_read_it_and_nobody_may_write_it(api):
    assert (await api.get("/api", token="bad")).status == 200
    answer = await api.post("/api/")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.json == {"error": 'Method "POST" not allowed.', "detail": 'Method "POST" not allowed.'}
