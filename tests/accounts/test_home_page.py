"""The address without a path (docs/api/accounts.md#home): a stranger's sign-in, and the pages that one may use. Without a script."""

import re
from urllib.parse import urlencode

import pytest

from handlers.api import areas
from handlers.api.page_handler import SESSION
from tests.support.http import PASSWORD
from tests.support.visitor import Visitor

pytestmark = pytest.mark.gen_test

WRONG = "Invalid email or password"


@pytest.fixture
def visitor(api):
    return Visitor(api)


def cards(answer):
    return re.findall(r'<li><a href="([^"]+)"><strong>', answer.text)


def menu(answer):
    return re.findall(r'<li><a href="([^"]+)"', answer.text.partition("</nav>")[0])


async def test_a_stranger_reads_what_this_server_is_and_where_to_sign_in(visitor):
    answer = await visitor.get("/")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "back office of a trading business" in answer.text and 'name="password"' in answer.text
    for path in ("/live/", "/api/docs/", "/books/#/sign-up"):
        assert f'<a href="{path}">' in answer.text
    assert cards(answer) == [] and menu(answer) == ["/", "/live/", "/api/docs/"]
    assert "script-src" not in answer.headers["Content-Security-Policy"] and "<script>" not in answer.text


@pytest.mark.parametrize("changed_settings", [{"sales_public_read": False, "sign_up_open": False}])
async def test_a_stranger_is_not_led_to_what_is_closed(visitor):
    answer = await visitor.get("/")
    assert menu(answer) == ["/", "/api/docs/"]
    assert "/live/" not in answer.text and "sign-up" not in answer.text


async def test_the_form_signs_in_and_leads_to_the_cards(visitor, sign_in):
    await sign_in("PICKER")
    answer = await visitor.sign_in("picker@example.com")
    assert (answer.status, answer.headers["Location"]) == (302, "/") and SESSION in visitor.cookies
    answer = await visitor.get("/")
    assert "Signed in as <strong>Picker</strong>" in answer.text and "password" not in answer.text
    assert cards(answer)[0] == "/live/" and "/pos/" not in cards(answer)
    assert menu(answer) == ["/", *cards(answer)]
    assert '<a href="/" aria-current="page">Home</a>' in answer.text


async def test_the_cards_are_the_pages_of_the_role_each_with_a_sentence(visitor, sign_in):
    await sign_in("SUPERADMIN")
    await visitor.sign_in("superadmin@example.com")
    answer = await visitor.get("/")
    links = areas.gathered("pages")
    assert sorted(cards(answer)) == sorted(link.path for link in links)
    for link in links:
        assert f"<strong>{link.title}</strong> <span>{link.sentence}</span>" in answer.text.replace("&#x27;", "'")
        assert link.sentence.endswith(".")


async def test_a_vendor_reads_that_the_app_is_theirs(visitor, sign_in):
    await sign_in("VENDOR")
    await visitor.sign_in("vendor@example.com")
    answer = await visitor.get("/")
    assert "mobile app" in answer.text and cards(answer) == ["/api/docs/"]


@pytest.mark.parametrize("wanted", ["/pos/", "/books/?a=1&b=%2F", "/sales-rep/vendors/?status=all"])
async def test_after_the_sign_in_one_is_where_one_wanted_to_be(visitor, sign_in, wanted):
    await sign_in("SUPERADMIN")
    path = "/?" + urlencode({"next": wanted})
    form = await visitor.get(path)
    action = re.search(r'action="([^"]+)"', form.text)[1].replace("&amp;", "&")
    answer = await visitor.post(action, {"username": "superadmin@example.com", "password": PASSWORD})
    assert (answer.status, answer.headers["Location"]) == (302, wanted)
    assert (await visitor.get(path)).headers["Location"] == wanted


ELSEWHERE = (
    "https:%2F%2Fevil.example/",
    "//evil.example",
    "/%5Cevil.example",
    "/%09/evil.example",
    "%0a//evil.example",
    "javascript:alert(1)",
    "evil",
    "",
    "/%0d%0aSet-Cookie:a=b",
    "/%C3%A9",
    "/" + "a" * 3000,
)


@pytest.mark.parametrize("wanted", ELSEWHERE, ids=lambda wanted: wanted[:30])
async def test_it_never_leads_to_another_site(visitor, sign_in, wanted):
    await sign_in("PICKER")
    form = await visitor.get(f"/?next={wanted}")
    assert form.status == 200
    answer = await visitor.post(f"/?next={wanted}", {"username": "picker@example.com", "password": PASSWORD})
    assert (answer.status, answer.headers["Location"]) == (302, "/")
    assert (await visitor.get(f"/?next={wanted}")).status == 200


async def test_a_wrong_password_is_told_beside_the_field_and_the_name_stays(visitor, sign_in):
    await sign_in("PICKER")
    await visitor.get("/?next=/pos/")
    answer = await visitor.post("/?next=/pos/", {"username": 'picker"<b>@example.com', "password": "wrong"})
    assert answer.status == 200 and WRONG in answer.text and SESSION not in visitor.cookies
    assert 'value="picker&quot;&lt;b&gt;@example.com"' in answer.text and "wrong" not in answer.text
    assert 'action="/?next=%2Fpos%2F"' in answer.text


MALFORMED = {
    "nothing": {},
    "no password": {"username": "a"},
    "no name": {"password": "a"},
    "empty": {"username": "", "password": ""},
    "NUL": {"username": "a\x00b", "password": "x"},
    "long name": {"username": "a" * 300, "password": "x"},
    "long password": {"username": ["a", "b"], "password": "x" * 5000},
}


@pytest.mark.parametrize("form", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_form_is_told_as_a_wrong_password(visitor, form):
    await visitor.get("/")
    answer = await visitor.post("/", form)
    assert answer.status == 200 and WRONG in answer.text and SESSION not in visitor.cookies


async def test_a_form_of_another_site_signs_nobody_in(visitor, sign_in):
    await sign_in("PICKER")
    form = {"username": "picker@example.com", "password": PASSWORD}
    await visitor.get("/")
    good, visitor.token = visitor.token, "forged"
    answer = await visitor.post("/", form)
    assert answer.status == 403 and "CSRF verification failed" in answer.text and "<h1>Not possible</h1>" in answer.text
    visitor.token = good
    assert (await visitor.post("/", form, Origin="http://127.0.0.1:1")).status == 403
    assert SESSION not in visitor.cookies


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/plain, */*"])
async def test_programs_are_led_to_the_index_of_the_api(api, accept):
    for path in ("/", ""):
        answer = await api.get(path, headers={"Accept": accept}, is_described=False)
        assert (answer.status, answer.headers["Location"]) == (302, "/api/")
        assert "Accept" in answer.headers.getall("Vary")
    assert (await api.get("/", headers={"Accept": "*/*"}, is_described=False)).status == 200
    answer = await api.call("PUT", "/", is_described=False)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST, HEAD, OPTIONS")
