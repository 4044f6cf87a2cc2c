"""Badges, whose codes are scanned on the board. docs/api/accounts.md#badges."""

import io
import itertools
import json
from typing import Any

import pytest
from PIL import Image

from handlers.accounts.badge import OF_THE_FIRM, query
from tests.support.scanner import POINTS_OF_MILLIMETRE, all_scanned, pages, texts

pytestmark = pytest.mark.gen_test

_numbers = itertools.count(1)


@pytest.fixture
def admin(io_loop: Any, sign_in: Any) -> str:
    return io_loop.run_sync(lambda: sign_in("ADMIN"))["access"]


@pytest.fixture
def made(api: Any, admin: str) -> Any:
    """`await made(name="Anu")`: the account of a new person."""

    async def made(**body: Any) -> Any:
        email = f"badge{next(_numbers)}@example.com"
        answer = await api.post("/api/auth/users/", {"email": email, "role": "PICKER", **body}, token=admin)
        assert answer.status == 201, answer.text
        return answer.json["data"]

    return made


@pytest.fixture
def printed(api: Any, admin: str) -> Any:
    async def printed(path: str) -> bytes:
        answer = await api.get(f"/api/auth/users/{path}", token=admin)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf"), answer.text
        return answer.body

    return printed


def size(page: Any) -> tuple[float, float]:
    return tuple(round(float(one) / POINTS_OF_MILLIMETRE, 1) for one in page.mediabox[2:])


@pytest.mark.parametrize("changed_settings", [{"paper_header": ("Sol Traders", "12 Beach Road")}])
async def test_a_badge_is_a_card_with_name_role_and_the_email_as_codes(made, printed):
    person = await made(name="Anjali Krishnan")
    for id in (person["id"], person["id"].upper(), person["user_id"], f"00{person['user_id']}"):
        data = await printed(f"{id}/badge/")
        [page] = pages(data)
        assert size(page) == (85.6, 54)
        [text] = texts(data)
        for part in ("Sol Traders", "Anjali Krishnan", "Picker", person["email"]):
            assert part in text
        assert "12 Beach Road" not in text
        assert sorted(all_scanned(data)) == [("Code 128", person["email"]), ("QR Code", person["email"])]


async def test_an_email_too_long_for_bars_is_a_qr_code_and_a_person_without_name_is_the_email(made, printed):
    email = f"{'long.' * 12}x@{'sub.' * 20}example.com"
    person = await made(email=email)
    data = await printed(f"{person['id']}/badge/")
    assert all_scanned(data) == [("QR Code", email)]


async def test_a_picture_is_on_the_badge_and_another_one_is_another_badge(api, admin, made, printed):
    person = await made(name="Anu")
    path = f"/api/auth/users/{person['id']}/badge/"
    without = await api.get(path, token=admin)
    file = io.BytesIO()
    Image.new("RGB", (40, 50), "green").save(file, "PNG")
    files = {"avatar": ("me.png", file.getvalue())}
    changed = await api.call("PATCH", f"/api/auth/users/{person['id']}/", token=admin, files=files)
    assert changed.status == 200, changed.text
    found = await api.get(path, token=admin, headers={"If-None-Match": without.headers["ETag"]})
    assert found.status == 200 and found.headers["ETag"] != without.headers["ETag"]
    [page] = pages(found.body)
    [picture] = page.images
    assert picture.image.convert("RGB").getpixel((5, 5)) == (0, 128, 0)
    assert all_scanned(found.body) == all_scanned(without.body)
    again = await api.get(path, token=admin, headers={"If-None-Match": found.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


async def test_a_badge_does_without_a_picture_that_cannot_be_read(made, printed, db):
    person = await made(name="Anu")
    await db.execute(
        "UPDATE accounts.account SET avatar = 'avatars/2020/01/01/gone.png' WHERE id = $1", person["user_id"]
    )
    [text] = texts(await printed(f"{person['id']}/badge/"))
    assert "Anu" in text


async def test_people_print_their_own_badge_and_administrators_everybodys(api, sign_in, made):
    other = await made()
    for role, status in {"PICKER": 404, "STORE": 404, "MEMBER": 403, "VENDOR": 403, "SALESREP": 403}.items():
        signed = await sign_in(role)
        token, own = signed["access"], signed["data"]["user"]["id"]
        assert (await api.get(f"/api/auth/users/{own}/badge/", token=token)).status == (200 if status == 404 else 403)
        answer = await api.get(f"/api/auth/users/{other['id']}/badge/", token=token)
        assert answer.status == status
        assert (await api.get(f"/api/auth/users/badges/?user={own}", token=token)).status == 403
    assert (await api.get(f"/api/auth/users/{other['id']}/badge/")).status == 401


async def test_the_badge_of_somebody_who_is_not_of_the_firm_does_not_exist(api, admin, sign_in):
    member = (await sign_in("MEMBER"))["data"]["user"]["id"]
    for id in (member, "5c1cf4d6-1111-4222-8333-444455556666", "999999999999999999", "x", "9" * 19):
        answer = await api.get(f"/api/auth/users/{id}/badge/", token=admin)
        assert answer.status == 404, id
    answer = await api.get(f"/api/auth/users/badges/?user={member}&user=0", token=admin)
    assert answer.status == 404 and f"Unknown: {member}, 0." in answer.json["message"]


async def test_eight_badges_are_on_a_sheet_by_name(made, printed):
    people = [await made(name=f"Person {at:02}") for at in reversed(range(9))]
    data = await printed("badges/?" + "&".join(f"user={one['id']}" for one in [*people, people[0]]))
    first, second = pages(data)
    assert size(first) == (210, 297)
    found = " ".join(texts(data))
    places = [found.index(f"Person {at:02}") for at in range(9)]
    assert places == sorted(places) and "Person 08" in second.extract_text()
    assert sorted(text for kind, text in all_scanned(data) if kind == "QR Code") == sorted(
        one["email"] for one in people
    )
    cards = pages(await printed(f"badges/?sheet=card&user={people[0]['id']}&user={people[1]['user_id']}"))
    assert [size(page) for page in cards] == [(85.6, 54)] * 2


async def test_a_role_means_its_active_people(api, admin, made, printed):
    active, other = await made(role="DRIVER", name="Active"), await made(role="DRIVER", name="Left")
    await api.post(f"/api/auth/users/{other['id']}/deactivate/", {}, token=admin)
    named = await made(role="PACKER", name="Named")
    found = " ".join(texts(await printed(f"badges/?role=driver&user={named['id']}")))
    assert "Active" in found and "Named" in found and "Left" not in found
    assert active["email"] in found


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("", "user"),
        ("user=x", "user"),
        ("user=", "user"),
        ("user=" + "9" * 19, "user"),
        ("user=१", "user"),
        ("&".join(f"user={at}" for at in range(201)), "user"),
        ("role=VENDOR", "role"),
        ("role=" + "x" * 5000, "role"),
        ("user=1&sheet=a5", "sheet"),
        ("user=1&sheet=A4", "sheet"),
    ],
)
async def test_a_wrong_parameter_is_refused_beside_its_name(api, admin, asked, field):
    answer = await api.get(f"/api/auth/users/badges/?{asked}", token=admin)
    assert answer.status == 400 and list(answer.json["errors"]) == [field], answer.text


async def test_more_badges_than_a_file_has_are_refused_and_no_badge_is_404(api, admin, db):
    await db.execute(
        "INSERT INTO accounts.account (email, role) SELECT format('delivery%s@example.com', n), 'DELIVERY' FROM generate_series(1, 201) n"
    )
    answer = await api.get("/api/auth/users/badges/?role=DELIVERY", token=admin)
    assert answer.status == 400 and "at most 200 badges" in answer.json["message"]
    await db.execute("DELETE FROM accounts.account WHERE role = 'DELIVERY'")
    answer = await api.get("/api/auth/users/badges/?role=DELIVERY", token=admin)
    assert (answer.status, answer.json["message"]) == (404, "No User has this role.")


async def test_names_of_any_length_and_script_stay_on_the_card(made, printed):
    for name in ("漢字" * 75, "W" * 150, "അഞ്ജലി കൃഷ്ണൻ", "😀" * 150, "a " * 74 + "b"):
        person = await made(name=name, role="SUPERADMIN" if name == "" else "EMPLOYEE")
        data = await printed(f"{person['id']}/badge/")
        assert len(pages(data)) == 1 and ("QR Code", person["email"]) in all_scanned(data)


async def test_badges_are_found_by_indexes_among_many_accounts(db):
    """On the plan that all values share."""
    transaction = db.transaction()
    await transaction.start()
    await db.execute("SET LOCAL session_replication_role = replica; SET LOCAL plan_cache_mode = force_generic_plan")
    await db.execute(
        """INSERT INTO accounts.account (email, role)
           SELECT format('many%s@example.com', n), (ARRAY['MEMBER', 'USER', 'DRIVER'])[n % 3 + 1] FROM generate_series(1, 20000) n"""
    )
    await db.execute("ANALYZE accounts.account")
    await db.execute(f"PREPARE badges (uuid[], bigint[], text[], text[], bigint) AS {query.list_badges.text}")
    firm = "{" + ",".join(OF_THE_FIRM) + "}"
    plan = await db.fetchval(f"EXPLAIN (FORMAT json) EXECUTE badges ('{{}}', '{{1}}', '{{STORE}}', '{firm}', 200)")
    await transaction.rollback()
    await db.execute("DEALLOCATE badges; ANALYZE accounts.account")
    assert "account" not in sequential(json.loads(plan)) and "account_by_role" in plan


def sequential(plan: Any) -> set[str]:
    """The tables that a plan reads from end to end."""
    if isinstance(plan, list):
        return set().union(*map(sequential, plan))
    if not isinstance(plan, dict):
        return set()
    own = {plan["Relation Name"]} if plan.get("Node Type") == "Seq Scan" else set()
    return own.union(*map(sequential, plan.values()))
