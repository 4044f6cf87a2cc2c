"""Webhooks of an account: making, changing, deleting them, their secrets, and which topics an account may name."""

import asyncio
import base64
import json

import pytest

from core.secret_keys import Fallback
from handlers.webhooks.secret import key_check, secret_of
from handlers.webhooks.topic import TOPICS
from handlers.webhooks.webhook import MOST

pytestmark = pytest.mark.gen_test
PATH = "/api/webhooks/"
BODY = {"url": "https://hooks.example.com/in", "topics": ["books.*"], "description": " Our bookkeeper "}


async def test_a_webhook_is_made_and_its_secret_shown_only_then(owner, db):
    made = await owner.made(PATH, BODY)
    secret = made.pop("secret")
    assert secret.startswith("whsec_") and len(base64.b64decode(secret[6:], validate=True)) == 32
    assert (made["url"], made["topics"], made["description"], made["is_active"]) == (
        BODY["url"],
        ["books.*"],
        "Our bookkeeper",
        True,
    )
    shown = await owner.get(f"{PATH}{made['id']}/")
    assert (shown.status, shown.json) == (200, made)
    assert (await owner.get(PATH)).json == {"count": 1, "next": None, "previous": None, "results": [made]}
    audit = await db.fetch("SELECT * FROM operations.audit WHERE object_type = 'webhook' AND account_id = $1", owner.id)
    stored = await db.fetchval("SELECT to_jsonb(w)::text FROM webhooks.webhook w WHERE id = $1", made["id"])
    kept = await db.fetchval("SELECT string_agg(body, '') FROM core.idempotency")
    for text in (json.dumps([[str(value) for value in row] for row in audit]), stored, kept or ""):
        assert secret[6:] not in text and "secret" not in text.replace("previous_secret_until", "")
    assert [row["action"] for row in audit] == ["webhook.create"]


async def test_the_audit_has_no_token_of_a_url(owner, db):
    made = await owner.made(PATH, {**BODY, "url": "https://hooks.example.com/in/T1/token-a/?token=token-b&token-c"})
    path = f"{PATH}{made['id']}/"
    await owner.patch(path, {"url": "https://hooks.example.com/token-d-token-d-token-d/"})
    await owner.delete(path)
    rows = await db.fetch(
        "SELECT before, after FROM operations.audit WHERE object_type = 'webhook' AND object_id = $1", str(made["id"])
    )
    text = json.dumps([list(row) for row in rows])
    assert len(rows) == 3 and "token-" not in text and "https://hooks.example.com/in/T1/***/?token=***&***" in text


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://hooks.example.com", "https://hooks.example.com"),
        ("https://hooks.example.com:8443/", "https://hooks.example.com:8443/"),
        ("https://hooks.example.com/services/T01/B01/abcdef", "https://hooks.example.com/services/T01/***/***"),
        ("https://hooks.example.com/0123456789abcdefg/in", "https://hooks.example.com/***/in"),
        ("https://hooks.example.com/in;id=7", "https://hooks.example.com/***"),
        ("https://hooks.example.com/in?", "https://hooks.example.com/in"),
        ("https://hooks.example.com?a=1&b&=x&0123456789abcdefg=y&", "https://hooks.example.com?a=***&***&***&***&***"),
        ("https://hooks.example.com/a?b=c/d?e=f", "https://hooks.example.com/a?b=***"),
        ("HTTPS://[2606:4700::1111]/x//y", "HTTPS://[2606:4700::1111]/x//***"),
    ],
)
async def test_of_a_url_the_audit_has_the_host_the_beginning_of_the_path_and_the_names_of_the_query(db, url, masked):
    assert await db.fetchval("SELECT webhooks.masked($1)", url) == masked


async def test_the_list_has_pages_cursors_and_a_filter(owner):
    ids = [(await owner.made(PATH, {**BODY, "is_active": bool(n)}))["id"] for n in range(3)]
    first = (await owner.get(f"{PATH}?cursor=&page_size=2")).json
    rest = (await owner.get(first["next"].replace(owner.api.base_url, ""))).json
    assert [one["id"] for one in first["results"] + rest["results"]] == ids[::-1]
    assert [one["id"] for one in (await owner.get(f"{PATH}?page=2&page_size=2")).json["results"]] == ids[:1]
    assert [one["id"] for one in (await owner.get(f"{PATH}?is_active=false")).json["results"]] == ids[:1]
    assert (await owner.get(f"{PATH}?is_active=x")).status == 400
    assert (await owner.get(f"{PATH}?cursor=x")).status == 400


async def test_a_change_is_made_to_the_state_that_the_client_has_seen(owner, db):
    made = await owner.made(PATH, BODY)
    path = f"{PATH}{made['id']}/"
    etag = (await owner.get(path)).headers["ETag"]
    changed = await owner.patch(path, {"description": "Other"}, headers={"If-Match": etag})
    assert (changed.status, changed.json["description"], changed.json["topics"]) == (200, "Other", ["books.*"])
    stale = await owner.patch(path, {"is_active": False}, headers={"If-Match": etag})
    assert (stale.status, stale.headers["ETag"]) == (412, changed.headers["ETag"])
    assert (await owner.delete(path, headers={"If-Match": etag})).status == 412
    same = await owner.patch(path, {"description": "Other"})
    assert same.headers["ETag"] == changed.headers["ETag"]
    replaced = await owner.put(path, {**BODY, "topics": ["*", "books.*", "*"]})
    assert (replaced.status, replaced.json["topics"]) == (200, ["*", "books.*"])
    assert (await owner.delete(path)).status == 204
    assert (await owner.get(path)).status == 404
    actions = await db.fetch("SELECT action FROM operations.audit WHERE object_id = $1 ORDER BY id", str(made["id"]))
    assert [row["action"] for row in actions] == [
        "webhook.create",
        "webhook.update",
        "webhook.update",
        "webhook.delete",
    ]


WRONG = [
    ({}, "url"),
    ({"url": "https://a.example.com/"}, "topics"),
    ({**BODY, "url": ""}, "url"),
    ({**BODY, "url": 7}, "url"),
    ({**BODY, "url": "https://a.example.com/" + "x" * 2048}, "url"),
    ({**BODY, "url": "https://a.example.com/\0"}, "url"),
    ({**BODY, "topics": []}, "topics"),
    ({**BODY, "topics": "books"}, "topics"),
    ({**BODY, "topics": [7]}, "topics"),
    ({**BODY, "topics": ["x" * 101]}, "topics"),
    ({**BODY, "topics": ["books.*"] * 51}, "topics"),
    ({**BODY, "topics": ["books"]}, "topics"),
    ({**BODY, "topics": ["*.created"]}, "topics"),
    ({**BODY, "topics": ["books.invoice.created.*"]}, "topics"),
    ({**BODY, "topics": ["sales.*"]}, "topics"),
    ({**BODY, "topics": ["sales.invoice.created"]}, "topics"),
    ({**BODY, "topics": ["books.nothing"]}, "topics"),
    ({**BODY, "description": "x" * 501}, "description"),
    ({**BODY, "is_active": "perhaps"}, "is_active"),
]


@pytest.mark.parametrize(("body", "field"), WRONG)
async def test_a_wrong_body_is_refused_by_the_name_of_its_field(owner, body, field):
    answer = await owner.post(PATH, body)
    assert answer.status == 400, answer.text
    assert field in answer.json["details"]


async def test_bodies_that_are_no_objects_are_refused(owner):
    for body in (b"", b"[]", b"null", b'"x"', b"{", b'{"url": NaN}', b"[" * 5000):
        assert (await owner.post(PATH, body)).status == 400, body[:20]


async def test_an_account_has_at_most_twenty_webhooks_however_many_it_makes_at_once(owner, db):
    for _ in range(MOST - 2):
        await owner.made(PATH, BODY)
    answers = await asyncio.gather(*(owner.post(PATH, BODY) for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [201, 201, 400, 400, 400, 400]
    assert await db.fetchval("SELECT count(*) FROM webhooks.webhook WHERE account_id = $1", owner.id) == MOST


async def test_what_belongs_to_another_account_does_not_exist(owner, open_books, hook, delivered):
    made = await hook()
    await owner.post(f"{PATH}{made['id']}/test/")
    (delivery,) = await delivered(made, 1)
    path, other = f"{PATH}{made['id']}/", await open_books()
    one = f"{path}deliveries/{delivery['id']}/"
    assert (await owner.get(one)).status == 200
    calls = [
        ("GET", path, None), ("PUT", path, BODY), ("PATCH", path, {}), ("DELETE", path, None), ("POST", f"{path}rotate/", {}),
        ("POST", f"{path}test/", {}), ("GET", f"{path}deliveries/", None), ("GET", one, None), ("POST", f"{one}replay/", {}),
        ("POST", f"{path}replay/", {"since": "2020-01-01"}),
    ]  # fmt: skip
    for method, where, body in calls:
        assert (await other.call(method, where, body)).status == 404, (method, where)
    mine = await other.made(PATH, BODY)
    # The delivery of one webhook below the path of another.
    assert (await other.get(f"{PATH}{mine['id']}/deliveries/{delivery['id']}/")).status == 404
    assert (await other.post(f"{PATH}{mine['id']}/deliveries/{delivery['id']}/replay/")).status == 404
    assert (await other.get(PATH)).json["count"] == 1


async def test_a_repeated_request_is_done_once_and_gets_the_same_secret(owner):
    key = {"Idempotency-Key": "one"}
    first, second = [await owner.post(PATH, BODY, headers=key) for _ in range(2)]
    assert (first.status, second.status) == (201, 201)
    assert second.json == first.json and second.headers["Idempotency-Replayed"] == "true"
    assert (await owner.get(PATH)).json["count"] == 1
    rotate = f"{PATH}{first.json['id']}/rotate/"
    secrets = {(await owner.post(rotate, headers={"Idempotency-Key": "two"})).json["secret"] for _ in range(2)}
    assert len(secrets) == 1 and secrets != {first.json["secret"]}


async def test_a_rotation_gives_another_secret_and_both_sign_for_a_day(owner, hook, receiver, db):
    made = await hook(["books.client.created"])
    rotated = (await owner.post(f"{PATH}{made['id']}/rotate/")).json
    assert rotated["secret"] != made["secret"] and rotated["previous_secret_until"]
    await owner.client()
    (received,) = await receiver.wait_for(1)
    assert len(received.headers["webhook-signature"].split(" ")) == 2
    assert received.is_signed_by(made["secret"]) and received.is_signed_by(rotated["secret"])
    await db.execute("UPDATE webhooks.webhook SET previous_until = now() WHERE id = $1", made["id"])
    await owner.client()
    received = (await receiver.wait_for(2))[1]
    assert received.is_signed_by(rotated["secret"]) and not received.is_signed_by(made["secret"])


async def test_a_secret_is_rotated_once_by_two_who_have_seen_the_same_state(owner):
    made = (await owner.post(PATH, BODY)).json
    tag = (await owner.get(f"{PATH}{made['id']}/")).headers["ETag"]
    rotate = f"{PATH}{made['id']}/rotate/"
    first, second = [await owner.post(rotate, headers={"If-Match": tag}) for _ in range(2)]
    assert (first.status, second.status) == (201, 412)
    assert first.headers["Cache-Control"] == "no-store"


async def test_with_another_key_of_the_server_nothing_is_sent_and_the_webhook_says_why(
    owner, hook, receiver, db, until_off
):
    made = await hook(["books.client.created"])
    await db.execute("UPDATE webhooks.webhook SET key_check = 'another' WHERE id = $1", made["id"])
    await owner.client()
    assert (await until_off(made))["disabled_reason"] == "key"
    assert not receiver.received
    line = await db.fetchrow(
        "SELECT * FROM operations.audit WHERE action = 'webhook.disable' AND object_id = $1", str(made["id"])
    )
    assert (line["account_id"], line["address"], json.loads(line["after"])["disabled_reason"]) == (
        None,
        "server",
        "key",
    )
    rotated = (await owner.post(f"{PATH}{made['id']}/rotate/")).json
    await owner.patch(f"{PATH}{made['id']}/", {"is_active": True})
    (received,) = await receiver.wait_for(1)
    assert received.is_signed_by(rotated["secret"]) and " " not in received.headers["webhook-signature"]


OLDER = "an-older-key-of-at-least-32-bytes-too"


@pytest.mark.parametrize(
    "changed_settings", [{"webhook_allow_private": True, "secret_key_fallbacks": (Fallback(OLDER),)}]
)
async def test_a_webhook_of_an_older_key_goes_on_signing_with_it_until_its_owner_rotates(owner, hook, receiver, db):
    made = await hook(["books.client.created"])
    salt = await db.fetchval(
        "UPDATE webhooks.webhook SET key_check = $1 WHERE id = $2 RETURNING salt", key_check(OLDER), made["id"]
    )
    before = secret_of(OLDER, salt)
    await owner.client()
    (received,) = await receiver.wait_for(1)
    assert received.is_signed_by(before) and not received.is_signed_by(made["secret"])
    rotated = (await owner.post(f"{PATH}{made['id']}/rotate/")).json
    assert rotated["secret"] not in (before, made["secret"]) and rotated["previous_secret_until"]
    await owner.client()
    _, received = await receiver.wait_for(2)
    assert received.is_signed_by(rotated["secret"]) and received.is_signed_by(before)
    assert (await owner.get(f"{PATH}{made['id']}/")).json["is_active"]


@pytest.mark.parametrize(
    "changed_settings", [{"webhook_allow_private": True, "secret_key_fallbacks": (Fallback(OLDER),)}]
)
async def test_an_answer_that_is_repeated_after_another_key_has_the_secret_of_the_first_time(owner, receiver, db, app):
    body, headers = (
        {"url": f"{receiver.url}/in", "topics": ["books.*"]},
        {"Idempotency-Key": "made-before-the-rotation"},
    )
    first = await owner.post(PATH, body, headers=headers)
    salt = await db.fetchval("SELECT salt FROM webhooks.webhook WHERE id = $1", first.json["id"])
    ours, theirs = (key_check(key).hex() for key in (app.config.secret_key, OLDER))
    changed = await db.execute(
        "UPDATE core.idempotency SET body = replace(body, $1, $2) WHERE key = $3",
        ours,
        theirs,
        headers["Idempotency-Key"],
    )
    assert changed == "UPDATE 1"
    assert (await owner.post(PATH, body, headers=headers)).json["secret"] == secret_of(OLDER, salt)


async def test_each_role_sees_the_topics_of_its_areas(api, sign_in):
    expected = {
        "SUPERADMIN": {"books", "sales", "pos", "vendor", "webhook"},
        "EMPLOYEE": {"books", "sales", "pos", "webhook"},
        "PICKER": {"books", "sales", "webhook"},
        "MEMBER": {"books", "webhook"},
        "VENDOR": {"vendor", "webhook"},
        "SALESREP": {"vendor", "webhook"},
    }
    for role, areas in expected.items():
        token = (await sign_in(role))["access"]
        shown = (await api.get(f"{PATH}topics/", token=token)).json["results"]
        assert {one["topic"].partition(".")[0] for one in shown} == areas, role
        assert all(one["description"] == TOPICS[one["topic"]][1] for one in shown)
        seen = [one["topic"] for one in shown]
        assert (await api.post(PATH, {**BODY, "topics": seen}, token=token)).status == 201
        unseen = [topic for topic in TOPICS if topic not in seen]
        if unseen:
            refused = await api.post(PATH, {**BODY, "topics": unseen}, token=token)
            assert (refused.status, len(refused.json["details"]["topics"])) == (400, len(unseen)), role
    assert (await api.get(f"{PATH}topics/")).status == 401


async def test_the_webhooks_of_a_deleted_account_are_gone(owner, hook, db):
    await hook()
    await db.execute("DELETE FROM accounts.account WHERE id = $1", owner.id)
    assert not await db.fetchval("SELECT count(*) FROM webhooks.webhook WHERE account_id = $1", owner.id)
