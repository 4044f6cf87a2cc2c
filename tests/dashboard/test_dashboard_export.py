"""Exports of dashboards. docs/api/dashboard.md#export."""

import csv
import io
import json
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pypdf
import pytest
import python_calamine

from core.report.report import FORMATS, MEDIA
from handlers.dashboard.export_sections import TABLES

pytestmark = pytest.mark.gen_test
PATH = "/api/dashboard/export/"


def today():
    return datetime.now(UTC).date()


async def made(owner, run_jobs, asked=""):
    """The document of an export that a job has made."""
    answer = await owner.get(f"{PATH}?{asked}")
    assert answer.status == 202, answer.text
    await run_jobs()
    done = await owner.get(answer.json["status_url"])
    assert (done.status, done.json["status"]) == (200, "done"), done.text
    return done.json


async def file(owner, run_jobs, asked=""):
    """The bytes of a file that a job has made."""
    done = await made(owner, run_jobs, asked)
    answer = await owner.get(done["export_url"])
    assert answer.status == 200, answer.text
    assert len(answer.body) == done["file_size"] == int(answer.headers["Content-Length"])
    return answer.body


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", TABLES)
async def test_empty_books_make_a_file_of_each_kind(owner, run_jobs, kind, form):
    data = await file(owner, run_jobs, f"export_format={form}&export_type={kind}")
