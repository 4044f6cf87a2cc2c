"""Webhooks and deliveries in the administration. docs/api/webhooks.md#administration."""

import re
from html import unescape

import pytest

pytestmark = pytest.mark.gen_test

PATH = "/api/webhooks/"
WEBHOOKS, DELIVERIES = "/admin/webhooks/webhooks/", "/admin/webhooks/deliveries/"
BODY = {"url": "https://hooks.example.com/in/T1/token-a/?token=token-b", "topics": ["books.*"]}


def field(page, name):
    return unescape(re.search(rf'<input[^>]* name="{name}"[^>]* value="([^"]*)"', page.text)[1])


async def test_only_superadmins_see_webhooks_and_nobody_sees_their_secrets(owner, enter, db):
    made = await owner.made(PATH, BODY)
    key = f"{owner.id}.{made['id']}"
    assert (await (await enter("ADMIN")).get(WEBHOOKS)).status == 404
    staff = await enter()
    salt = await db.fetchval("SELECT encode(salt, 'hex') FROM webhooks.webhook WHERE id = $1", made["id"])
    for path in (WEBHOOKS, f"{WEBHOOKS}{key}/", f"{WEBHOOKS}csv/", f"{WEBHOOKS}choices/"):
        page = await staff.get(path)
        assert page.status == 200 and "https://hooks.example.com/in/T1/***" in page.text, path
        assert "token-" not in page.text and salt not in page.text and made["secret"][6:] not in page.text


async def test_a_webhook_is_switched_off_and_on_again_and_the_audit_names_the_administrator(owner, enter, db):
    made = await owner.made(PATH, BODY)
    key, staff = f"{owner.id}.{made['id']}", await enter()
    await staff.get(WEBHOOKS)
    form = {"keys": [key, f"{owner.id}.999999"], "confirmed": "yes"}
    for action, said, is_active in (
        ("switch-off", "1 webhook(s) switched off.", False),
        ("switch-on", "1 webhook(s) switched on.", True),
    ):
        await staff.post(f"{WEBHOOKS}action/", {**form, "action": action})
        assert said in (await staff.get(WEBHOOKS)).text
        assert (await owner.get(f"{PATH}{made['id']}/")).json["is_active"] is is_active
    rows = await db.fetch(
        "SELECT email, action FROM operations.audit WHERE object_type = 'webhook' AND object_id = $1 ORDER BY id",
        str(made["id"]),
    )
    assert [tuple(row) for row in rows][1:] == [("superadmin@example.com", "webhook.update")] * 2


async def test_a_webhook_is_described_and_deleted_but_leads_where_its_owner_says(owner, enter):
    made = await owner.made(PATH, BODY)
    key, staff = f"{owner.id}.{made['id']}", await enter()
    page = await staff.get(f"{WEBHOOKS}{key}/")
    sent = {
        "version": field(page, "version"),
        "description": "Told by phone",
        "is_active": "true",
        "url": "https://evil.example/",
    }
    assert (await staff.send(f"{WEBHOOKS}{key}/", sent)).status == 302
    shown = (await owner.get(f"{PATH}{made['id']}/")).json
    assert (shown["description"], shown["url"]) == ("Told by phone", BODY["url"])
    assert (await staff.post(f"{WEBHOOKS}{key}/delete/")).status == 302
    assert (await owner.get(f"{PATH}{made['id']}/")).status == 404


async def test_a_dead_delivery_is_sent_again_and_one_of_a_switched_off_webhook_is_not(owner, enter, db):
    made = await owner.made(PATH, BODY)
    message = await db.fetchval(
        "INSERT INTO webhooks.message (topic, body) VALUES ('books.client.created', '{\"n\":1}') RETURNING id"
    )
    id = await db.fetchval(
        "INSERT INTO webhooks.delivery (webhook_id, message_id, topic, status, next_attempt_at, attempts) "
        "VALUES ($1, $2, 'books.client.created', 'dead', NULL, 1) RETURNING id",
        made["id"],
        message,
    )
    await db.execute("INSERT INTO webhooks.attempt VALUES ($1, 1, now(), 12, 500, 'broken', NULL)", id)
    staff = await enter()
    page = await staff.get(f"{DELIVERIES}{id}/")
    assert "broken" in page.text and "&quot;n&quot;:1" in page.text
    key = f"{owner.id}.{made['id']}"
    assert f"{DELIVERIES}{id}/" in (await staff.get(f"{DELIVERIES}?webhook={key}&status=dead")).text
    assert f"{DELIVERIES}{id}/" not in (await staff.get(f"{DELIVERIES}?webhook={key}&status=pending")).text
    assert "first" in (await staff.get(f"{DELIVERIES}?status=dead")).text
    form = {"keys": [str(id), "999999"], "action": "replay", "confirmed": "yes"}
    await db.execute("UPDATE webhooks.webhook SET is_active = false WHERE id = $1", made["id"])
    await staff.post(f"{DELIVERIES}action/", form)
    assert "0 of 2 deliveries queued again. The webhook is not active." in (await staff.get(DELIVERIES)).text
    await db.execute("UPDATE webhooks.webhook SET is_active = true WHERE id = $1", made["id"])
    await staff.post(f"{DELIVERIES}action/", form)
    assert "1 of 2 deliveries queued again." in (await staff.get(DELIVERIES)).text
    assert await db.fetchval("SELECT status FROM webhooks.delivery WHERE id = $1", id) != "dead"
