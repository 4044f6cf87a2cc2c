"""Whatever a device sends as bills is either stored or in quarantine. docs/api/vendor.md#bills."""

import json
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.forms import by_form
from tests.support.http import Api, open_session
from tests.vendor.test_bill import SYNC

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-(10**11), 10**11, places=2, allow_nan=False).map(str),
    st.decimals(0, 999, places=2, allow_nan=False).map(float),
    st.text(st.characters(exclude_categories=()), max_size=30),
    st.sampled_from(["", " ", "2024-01-01", "2024-01-01T10:00:00Z", "x" * 300, "é", "\0", "\ud800", "1e5", "-0", "29ABCDE1234F1Z5"]),
)  # fmt: skip
ANYTHING = st.recursive(ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5)  # fmt: skip


@cache
def members(of):
    from handlers.vendor.bill_upload import BILL

    properties = BILL.document["properties"]
    return sorted((properties if of == "bill" else properties["items"]["items"]["properties"]).keys() - {"items"})


def documents(of):
    return st.dictionaries(st.sampled_from(members(of)), ODD, max_size=8)


LINES = st.lists(documents("line") | ANYTHING, max_size=4)
BILL = st.builds(
    lambda bill, lines, number: {**bill, **lines, **number},
    documents("bill"),
    st.just({}) | (LINES | ANYTHING).map(lambda lines: {"items": lines}),
    st.sampled_from(["A", "B", 1]).map(lambda number: {"invoice_number": number}) | st.just({}),
)
SENT = BILL | st.builds(lambda bill, device: {"bill_data": bill, "device_id": device}, BILL | ANYTHING, ODD) | ANYTHING


def is_numbered(sent):
    """Whether a bill has a number of its own, or can't be stored."""
    bill = sent.get("bill_data", sent) if isinstance(sent, dict) else None
    return not isinstance(bill, dict) or bool(bill.get("invoice_number"))


@pytest.mark.gen_test
async def test_every_bill_is_stored_or_in_quarantine_and_every_time_the_same(http_server, base_url, seller, db):
    someone, headers = await seller()
    session = await open_session()
    api = Api(session, base_url)
    examples = []

    @settings(max_examples=int(by_form(short=60, long=3000)), deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.lists(SENT, max_size=6))
    def collect(bills):
        examples.append(bills)

    collect()
    try:
        so_far = []
        for bills in examples:
            body = json.dumps(bills).encode()
            so_far += json.loads(body)
            answer = await api.call("POST", SYNC, body, headers=headers)
            assert answer.status == 201, (body, answer.text)
            found = answer.json
            assert found["synced"] == len(found["bills"])
            assert found["synced"] + len(found.get("errors", ())) == len(bills), body
            for one in found["bills"]:
                assert await db.fetchval(
                    "SELECT count(*) = $3 FROM vendor.bill_line WHERE vendor_id = $1::uuid AND bill_id = $2::uuid",
                    someone.id, one["id"], one["item_count"],
                )  # fmt: skip
            for row in found.get("errors", ()):
                sent = await db.fetchval(
                    "SELECT sent FROM vendor.bill_quarantine WHERE id = $1::uuid", row["quarantine_id"]
                )
                # A conflict may be an earlier one, whose bill means the same.
                assert json.loads(sent) in so_far
            if all(map(is_numbered, bills)):
                again = (await api.call("POST", SYNC, body, headers=headers)).json
                assert again == found
    finally:
        await session.close()
