"""Random histories of devices that work offline, against a model of the rule that the later change wins. docs/api/vendor.md#sync.

Five devices whose clocks differ by up to a day make, change and delete rows, and send their changes in batches that arrive late,
repeatedly, in another order, or cut off. The fold of handlers/vendor/sync.py has to decide like the model, which is written here from the
documentation and shares nothing with it; the server like both.
"""

import asyncio
import json
import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from core.http import body
from handlers.vendor import sync
from handlers.vendor.sync_batch import CATEGORY_SYNC, ITEM_SYNC, CategorySync, ItemSync
from tests.support.forms import by_form

pytestmark = pytest.mark.gen_test

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HISTORIES = int(by_form(short=1500, long=100_000))
ON_SERVER = int(by_form(short=6, long=300))
KINDS = {"categories": (CategorySync, CATEGORY_SYNC), "items": (ItemSync, ITEM_SYNC)}
NAMES = ["Tea", "Coffee", "Juice", "Water"]


class History:
    """A random history: `batches` are the requests in the order in which they arrive, each with the time of its arrival."""

    def __init__(self, seed, kind, ids, begin):
        self.random = random.Random(seed)
        self.kind, self.ids = kind, ids
        pick = self.random
        skews = [timedelta(seconds=pick.uniform(-86_400, 86_400)) for _ in range(5)]
        made = []
        now = begin
        for _ in range(pick.randint(2, 10)):
            device = pick.choice(skews)
            operations = []
            for _ in range(pick.randint(1, 6)):
                now += timedelta(seconds=pick.choice((0, 1, 60, 20_000)))
                operations.append(self._operation(now + device))
            made.append(operations)
        sent = []
        for operations in made:
            if pick.random() < 0.3:
                # The answer was lost, and the device sends the same again; or the connection was cut in between.
                sent.append(operations[: pick.randint(0, len(operations))])
            sent.append(operations)
        if pick.random() < 0.5:
            pick.shuffle(sent)
        self.batches = [(now + timedelta(seconds=n), operations) for n, operations in enumerate(sent)]

    def _operation(self, time):
        pick = self.random
        id = pick.choice(self.ids)
        stamp = {} if pick.random() < 0.1 else {"timestamp": time.isoformat()}
        if pick.random() < 0.25:
            return {"operation": "delete", "id": id, **stamp}
        data = {"id": id}
        if pick.random() < 0.8:
            data["name"] = pick.choice(NAMES)
        if self.kind == "items" and pick.random() < 0.8:
            data["price"] = pick.randint(0, 9)
        if pick.random() < 0.5:
            data["sort_order"] = pick.randint(0, 9)
        return {"operation": pick.choice(("create", "update")), "data": data, **stamp}


class Model:
    """The rule as the documentation says it. rows, graves: by id, with the time of the change that counts."""

    def __init__(self, kind):
        self.kind, self.rows, self.graves = kind, {}, {}

    def send(self, operations, now):
        return [self._one(operation, now) for operation in operations]

    def _one(self, operation, now):
        stamp = operation.get("timestamp")
        time = now if stamp is None else min(datetime.fromisoformat(stamp), now + timedelta(minutes=5))
        always = stamp is None
        data = operation.get("data", {})
        id = data.get("id") or operation["id"]
        row, grave = self.rows.get(id), self.graves.get(id)
        if row is not None and not always and row[0] > time:
            return "kept"
        if operation["operation"] == "delete":
            if row is None and grave is None:
                return "error"
            if row is not None:
                del self.rows[id]
                self.graves[id] = time
                return "deleted"
            self.graves[id] = max(grave, time)
            return "gone"
        if row is None and grave is not None and not always and grave > time:
            return "gone"
        if row is None and not ({"name"} | ({"price"} if self.kind == "items" else set())) <= data.keys():
            return "error"
        taken = {one["name"] for other, (_, one) in self.rows.items() if other != id}
        if self.kind == "categories" and data.get("name") in taken:
            return "error"
        values = {**(row[1] if row else {"sort_order": 0}), **{name: data[name] for name in data if name != "id"}}
        self.rows[id] = (time, values)
        self.graves.pop(id, None)
        return "updated" if row else "created"


class Memory:
    """A database in memory, which does what the fold says."""

    def __init__(self, kind):
        self.handler, self.schema = KINDS[kind]
        self.rows, self.graves = {}, {}

    def send(self, operations, now):
        items, text = body.read_items(json.dumps(operations).encode(), self.schema, 1000)
        read = sync.read(items, text, self.handler.rules)
        named = {one.id for one in read}
        wanted = {json.loads(one.values["name"]) for one in read if "name" in one.values}
        stored = sync.Stored(
            {
                id: sync.Row(time, values["name"], is_stored=True)
                for id, (time, values) in self.rows.items()
                if id in named or values["name"] in wanted
            },
            {id: time for id, time in self.graves.items() if id in named},
        )
        batch = sync.Batch(self.handler.rules, stored, now)
        for one in read:
            batch.apply(one)
        for id in batch.deletes:
            del self.rows[id]
        for id, row in batch.updates.items():
            self.rows[id] = (row.time, {**self.rows[id][1], **self._values(row)})
        for id, row in batch.inserts.items():
            assert id not in self.rows
            self.rows[id] = (row.time, {"sort_order": 0, **self._values(row)})
        for id in batch.raises:
            del self.graves[id]
        self.graves |= batch.buries
        assert len(batch.entries) + len(batch.errors) == len(operations)
        assert not self.rows.keys() & self.graves.keys()
        return batch

    @staticmethod
    def _values(row):
        return {name: json.loads(text) for name, text in row.values.items()}


def counted(results):
    return tuple(sum(one == what for one in results) for what in ("created", "updated", "deleted", "error"))


@pytest.mark.parametrize("kind", ["categories", "items"])
def test_the_fold_decides_like_the_rule_in_every_history(kind):
    for seed in range(HISTORIES // 2):
        ids = [str(uuid.UUID(int=seed * 10 + n)) for n in range(4)]
        model, memory = Model(kind), Memory(kind)
        for now, operations in History(seed, kind, ids, BEGIN).batches:
            results = model.send(operations, now)
            batch = memory.send(operations, now)
            assert (batch.created, batch.updated, batch.deleted, len(batch.errors)) == counted(results), seed
            assert (memory.rows, memory.graves) == (model.rows, model.graves), seed


@pytest.mark.parametrize("kind", ["categories", "items"])
async def test_the_server_decides_like_the_rule_and_its_devices_end_with_the_same_rows(api, vendor, token, kind):
    path = {"categories": "/items/categories/", "items": "/items/"}[kind]
    headers = await token(await vendor())
    mirror, since = {}, ""
    for seed in range(ON_SERVER // 2):
        ids = [str(uuid.uuid4()) for _ in range(4)]
        # The arrival is now at the server, so the history lies in the last days.
        history = History(seed, kind, ids, datetime.now(UTC) - timedelta(days=3))
        if kind == "categories":
            # Names are unique within a vendor, and so are those of one history.
            suffix = f" {seed}"
            for _, operations in history.batches:
                for one in operations:
                    if (name := one.get("data", {}).get("name")) in NAMES:
                        one["data"]["name"] = name + suffix
        model = Model(kind)
        for _, operations in history.batches:
            answer = (await api.post(f"{path}sync", operations, headers=headers)).json
            results = model.send(operations, datetime.now(UTC))
            found = (answer["created"], answer["updated"], answer["deleted"], len(answer["errors"] or ()))
            assert found == counted(results), seed
        answers = await asyncio.gather(*(api.get(f"{path}{id}/", headers=headers) for id in ids))
        rows = {id: answer.json for id, answer in zip(ids, answers, strict=True) if answer.status == 200}
        fields = ("name", "sort_order", "price") if kind == "items" else ("name", "sort_order")
        shown = {id: {name: row[name] for name in fields} for id, row in rows.items()}
        expected = {id: {**values} for id, (_, values) in model.rows.items()}
        for values in expected.values():
            if "price" in values:
                values["price"] = f"{values['price']}.00"
        assert shown == expected, seed
        page = {"more": True}
        while page["more"]:
            page = (await api.get(f"/items/changes?since={since}&limit=3", headers=headers)).json
            mirror.update({row["id"]: row for row in page[kind]})
            for row in page["deleted"]:
                mirror.pop(row["id"], None)
            since = page["next"]
        assert {id: mirror[id] for id in ids if id in mirror} == rows, seed
