"""Bills. docs/api/vendor.md#bills."""

import pytest

pytestmark = pytest.mark.gen_test

SYNC = "/backup/sync"


async def test_smoke(api, vendor, token, db):
    headers = await token(await vendor())
    a = await api.post(SYNC, [{"invoice_number": "A", "items": [{"name": "x", "price": 2, "quantity": 1.5}]}, 7, {}], headers=headers)
    print(a.text)
    assert a.status == 201
    print((await api.get(SYNC, headers=headers)).text)
    assert 0
