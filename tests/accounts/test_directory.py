"""What there is below /api/auth/."""

import pytest

pytestmark = pytest.mark.gen_test


async def test_the_collections_are_listed_to_those_signed_in_and_are_there(api, sign_in):
    token = (await sign_in("ADMIN"))["access"]
    answer = await api.get("/api/auth/", token=token)
    links = {name: f"{api.base_url}/api/auth/{name}/" for name in ("users", "job-titles", "departments")}
    assert (answer.status, answer.json) == (200, links)
    for link in links.values():
        assert (await api.get(link, token=token)).json["data"].keys() == {"results", "count", "next", "previous"}


async def test_without_a_token_nothing_is_revealed(api):
    assert (await api.get("/api/auth/")).status == 401
