"""What one account takes of a process: a share of its places, so that others have some."""

import asyncio

import pytest

from handlers.webhooks import sender
from handlers.webhooks.places import Holder, Places
from handlers.webhooks.sender import Sender
from tests.support.deadlines import until
from tests.support.receiver import Receiver, for_ever

pytestmark = pytest.mark.gen_test


def test_an_account_has_a_quarter_of_the_places_and_less_when_others_have_some():
    places = Places(200)
    assert (places.free, places.share, places.held()["webhook"]) == (200, 50, 25)
    for account in range(7):
        for _ in range(20):
            places.enter(Holder(account, 10 * account))
    assert (places.free, places.share) == (60, 25)
    assert not places.is_over(Holder(0, 0)) and not places.has_room(Holder(0, 0)) and places.has_room(Holder(0, 1))
    for account in range(7, 60):
        places.enter(Holder(account, 10 * account))
    assert (places.free, places.share, places.is_over(Holder(0, 0))) == (7, 12, True)
    for account in range(7, 60):
        places.leave(Holder(account, 10 * account))
    for account in range(7):
        for _ in range(20):
            places.leave(Holder(account, 10 * account))
    assert (places.free, places.share, places.held()["accounts"]) == (200, 50, {})


async def test_receivers_of_one_account_that_hang_leave_places_to_another_account(
    owner, open_books, hook, receiver, app
):
    mine = app.kept(Sender)
    mine._quick, mine._slow = Places(8), Places(4)
    other = await open_books()
    async with Receiver(for_ever) as hanging:
        for _ in range(4):
            await hook(["books.client.*"], whose=other, url=f"{hanging.url}/in")
        await hook(["books.client.created"])
        for _ in range(2):
            client = await other.client()
            await other.patch(f"/api/clients/{client['id']}/", {"notes": "x"})
            await other.delete(f"/api/clients/{client['id']}/")
        await hanging.wait_for(2)
        for _ in range(5):
            await owner.client()
        await receiver.wait_for(5)
        # A quarter of eight, one of each webhook; none of them has ended meanwhile.
        assert len(hanging.received) == 2
        assert mine._quick.held()["accounts"].get(other.id) == 2


async def test_a_lane_that_always_has_more_to_send_makes_room_where_all_places_are_taken(
    owner, open_books, hook, receiver, app, db, monkeypatch
):
    monkeypatch.setattr(sender, "LONGEST_STAY", 0.0)
    mine = app.kept(Sender)
    mine._quick = Places(1)
    released = asyncio.Event()

    async def hold(received):
        await released.wait()
        return 200

    receiver.answering = hold
    other = await open_books()
    made = [
        await hook(["books.client.created"], whose=whose, url=f"{receiver.url}/{path}")
        for whose, path in ((owner, "first"), (other, "second"))
    ]
    monkeypatch.setattr(Places, "share", 1)
    for _ in range(3):
        await owner.client()
    await receiver.wait_for(1)
    await other.client()
    counted = "SELECT count(*) = 4 FROM webhooks.delivery WHERE webhook_id = ANY ($1)"
    await until(lambda: db.fetchval(counted, [webhook["id"] for webhook in made]))
    await until(lambda: mine._is_full)
    released.set()
    await receiver.wait_for(4)
    assert [received.path for received in receiver.received][:2] == ["/first", "/second"]
