"""What receivers get: signed, in order, and again when they were away."""

import pytest

pytestmark = pytest.mark.gen_test


async def test_a_change_of_the_books_arrives_signed_with_its_document(owner, hook, receiver):
    made = await hook(["books.client.created"])
    client = await owner.client(name="Ada Ltd")
    (received,) = await receiver.wait_for(1)
    assert received.is_signed_by(made["secret"])
    assert (received.path, received.headers["Content-Type"]) == ("/in", "application/json")
    assert received.headers["User-Agent"].startswith("Tradepost-Webhooks/")
    assert received.json == {
        "type": "books.client.created",
        "timestamp": received.json["timestamp"],
        "data": client,
    }
