"""XLSX files that a process of their own writes. What a file holds: tests/core/test_sheets.py."""

import asyncio
import json
import os
import signal

import psutil
import pytest

from core.sheets import reader, xlsx_writer
from core.sheets.cell import Column
from core.sheets.xlsx_process import xlsx_process

pytestmark = pytest.mark.gen_test

COLUMNS = (Column("Text", "text"), Column("Number", "number", "number"), Column("Lines", "lines", "count"))


def document(text, number=1):
    # Postgres writes line breaks between the members of arrays.
    return json.dumps({"text": text, "number": number, "lines": [1, 2]}, indent=1, ensure_ascii=False)


async def test_the_rows_of_all_batches_are_in_the_file(tmp_path):
    path, texts = tmp_path / "a.xlsx", ["é\u2028ü", "a\nb", "=1+1", "", "😀"]
    async with xlsx_process(path, "Things", COLUMNS) as writer:
        for number, text in enumerate(texts):
            await writer.add([document(text, number), document(text, number)])
        await writer.close()
    assert writer.count == 10
    table = reader.read(path.read_bytes(), len, 10)
    assert table.header == ["Text", "Number", "Lines"]
    found = [(row[0] or "", int(row[1]), int(row[2])) for _, row in table.rows]
    assert found == [(text, n, 2) for n, text in enumerate(texts) for _ in range(2)]


async def test_the_process_gives_way_to_this_one(tmp_path):
    async with xlsx_process(tmp_path / "a.xlsx", "Things", COLUMNS) as writer:
        process, own = psutil.Process(writer.pid), os.getpriority(os.PRIO_PROCESS, 0)
        while process.nice() != min(own + 10, 19):
            await asyncio.sleep(0.01)
        await writer.close()


async def test_a_sheet_that_is_full_takes_no_more_rows_and_leaves_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr(xlsx_writer, "MOST_ROWS", 1)
    with pytest.raises(xlsx_writer.Full):
        async with xlsx_process(tmp_path / "a.xlsx", "Things", COLUMNS) as writer:
            await writer.add([document("a")])
            await writer.add([document("b")])
    assert not psutil.pid_exists(writer.pid)


async def test_a_process_that_is_killed_is_an_error(tmp_path):
    with pytest.raises(OSError, match="has ended|closed|lost|Broken pipe|reset"):
        async with xlsx_process(tmp_path / "a.xlsx", "Things", COLUMNS) as writer:
            os.kill(writer.pid, signal.SIGKILL)
            await writer.add([document("a")])
            await writer.close()


async def test_a_row_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(OSError, match="has ended with status 1"):
        async with xlsx_process(tmp_path / "a.xlsx", "Things", COLUMNS) as writer:
            await writer.add(['{"text": "a"}'])
            await writer.close()


async def test_a_reader_who_gives_up_ends_the_process(tmp_path):
    writer = None

    async def write():
        nonlocal writer
        async with xlsx_process(tmp_path / "a.xlsx", "Things", COLUMNS) as writer:
            await asyncio.sleep(3600)

    task = asyncio.create_task(write())
    while writer is None:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not psutil.pid_exists(writer.pid)
