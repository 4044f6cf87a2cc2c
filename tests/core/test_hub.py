"""Values that are sent to their readers anew whenever they have changed: the readers that the hub keeps."""

import gc
import time
import weakref

import pytest

from core.live.hub import Hub
from tests.support.deadlines import until

pytestmark = pytest.mark.gen_test


class Listener:
    """A reader that is due in an hour, and keeps what it is sent."""

    def __init__(self, key):
        self.key, self.due, self.found = key, time.monotonic() + 3600, []

    def update(self, value, now):
        self.due = now + 3600
        self.found.append(value)

    def fail(self):
        pass


async def test_a_reader_that_has_left_is_not_kept_until_it_would_have_been_due():
    async def read(keys):
        return dict.fromkeys(keys, "value")

    hub, stays, leaves = Hub(read), Listener(1), Listener(1)
    for reader in (stays, leaves):
        hub.add(reader)
    hub.reschedule(leaves)
    heard = leaves.found
    await until(lambda: stays.found and heard)
    left = weakref.ref(leaves)
    hub.remove(leaves)
    del leaves, reader

    def is_gone():
        gc.collect()
        return left() is None

    await until(is_gone)
    hub.change(1)
    await until(lambda: len(stays.found) == 2)
    hub.remove(stays)


async def test_a_reader_is_sent_its_value_when_it_is_due_by_its_latest_wish():
    async def read(keys):
        return dict.fromkeys(keys, "value")

    hub, reader = Hub(read), Listener(7)
    hub.add(reader)
    await until(lambda: len(reader.found) == 1)
    reader.due = time.monotonic()
    hub.reschedule(reader)
    await until(lambda: len(reader.found) == 2)
    hub.remove(reader)
    assert hub.count(7) == 0
