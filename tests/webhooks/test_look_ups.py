"""Looking up names that others have chosen: shared, judged, and bounded for each asker."""

import asyncio
import socket
import threading
from collections import Counter

import pytest

from core.http.look_ups import LOOK_UPS_EACH, MOST_ADDRESSES, LookUps
from core.http.outbound import Outbound
from tests.support.deadlines import until

pytestmark = pytest.mark.gen_test


@pytest.fixture
def names(monkeypatch):
    """`names.asked`: how often each name was looked up; one that begins with slow is answered when `names.released` is set."""

    class Names:
        asked = Counter()
        released = threading.Event()
        addresses = ["1.1.1.1"]

    def look_up(host, port, *_):
        Names.asked[host] += 1
        if host.startswith("slow"):
            Names.released.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in Names.addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield Names
    Names.released.set()


async def test_an_asker_of_many_slow_names_keeps_no_other_from_looking_up(names):
    look_ups = LookUps(lambda address: None)
    slow = [asyncio.create_task(look_ups.find(f"slow-{n}.example.com", 0, "first")) for n in range(40)]
    await until(lambda: len(names.asked) >= LOOK_UPS_EACH)
    # Whoever gives up does not get another look-up by that: the thread is still held.
    for task in slow[:20]:
        task.cancel()
    assert await look_ups.find("quick.example.com", 0, "second")
    assert len(names.asked) == LOOK_UPS_EACH + 1
    # The first one waits for its own names, and others don't wait for it when they ask for the same.
    waiting = asyncio.create_task(look_ups.find("same.example.com", 0, "first"))
    assert await look_ups.find("same.example.com", 0, "second") == await asyncio.shield(
        asyncio.wait_for(look_ups.find("same.example.com", 0, "third"), 60)
    )
    names.released.set()
    assert await waiting and len(await asyncio.gather(*slow[20:])) == 20
    look_ups.close()


async def test_a_name_is_looked_up_once_for_all_who_ask_at_the_same_time_and_then_for_a_while(names):
    look_ups = LookUps(lambda address: None)
    asking = [asyncio.create_task(look_ups.find("slow.example.com", 0, n)) for n in range(50)]
    await until(lambda: names.asked)
    asking[0].cancel()
    names.released.set()
    await asyncio.gather(*asking[1:])
    await look_ups.find("slow.example.com", 0, "later")
    assert names.asked == {"slow.example.com": 1}
    look_ups.close()


async def test_of_a_name_with_a_thousand_addresses_all_are_judged_and_a_few_are_tried(names):
    client = Outbound(allow_private=False)
    names.addresses = [f"1.1.{n // 250}.{n % 250}" for n in range(1000)]
    assert len(await client.look_up("many.example.com")) == MOST_ADDRESSES
    names.addresses = [*names.addresses, "127.0.0.1"]
    with pytest.raises(OSError, match="not public"):
        await client.look_up("last.example.com")
    await client.close()
