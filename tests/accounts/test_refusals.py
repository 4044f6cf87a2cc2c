"""Refusals of broken constraints: each one names something that the database can raise."""

import re

import pytest

from handlers.api import areas

pytestmark = pytest.mark.gen_test

# Constraints, unique indexes (a broken one is reported by its name), and names that functions raise.
NAMES = """
    SELECT conname FROM pg_constraint
     UNION
    SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisunique"""


async def test_every_constraint_that_refusals_name_exists_in_the_migrated_database(db):
    existing = {row[0] for row in await db.fetch(NAMES)}
    bodies = await db.fetch("SELECT prosrc FROM pg_proc WHERE prosrc LIKE '%CONSTRAINT = %'")
    existing |= {name for row in bodies for name in re.findall(r"CONSTRAINT = '([a-z_]+)'", row["prosrc"])}
    refused = set(areas.refusals())
    assert len(refused) > 5
    assert refused - existing == set()
