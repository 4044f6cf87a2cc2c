"""Exports of dashboards, as tests ask for them."""

from datetime import UTC, datetime, timedelta

PATH = "/api/dashboard/export/"


def today():
    return datetime.now(UTC).date()


def last_month():
    """The last day of the month before."""
    return today().replace(day=1) - timedelta(1)


async def asked(owner, query=""):
    """The document of an export that is asked for, and not made yet."""
    answer = await owner.get(f"{PATH}?{query}")
    assert answer.status == 202, answer.text
    return answer.json


async def made(owner, run_jobs, query=""):
    """The document of an export that a job has made."""
    export = await asked(owner, query)
    await run_jobs()
    done = (await owner.get(export["status_url"])).json
    assert done["status"] == "done", done
    return done


async def file(owner, run_jobs, query=""):
    """The bytes of a file that a job has made."""
    done = await made(owner, run_jobs, query)
    answer = await owner.get(done["export_url"])
    assert answer.status == 200, answer.text
    assert len(answer.body) == done["file_size"] == int(answer.headers["Content-Length"])
    return answer.body
