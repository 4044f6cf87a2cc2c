"""`server.py import FILE` (docs/api/sales.md#import-command), against a real server."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import server
from core.sheets.cell import Column
from core.sheets.xlsx_writer import XlsxWriter
from tests.sales.imports import created, lines, ndjson, stored_by_another
from tests.support.deadlines import DEADLINE, until
from tests.support.http import IMPORT_KEY

pytestmark = pytest.mark.gen_test

ROOT = Path(__file__).resolve().parents[2]
HEADER = "invoice_no,invoice_date,salesman,customer.code,customer.name,item.name,item.item_code,item.quantity,item.mrp,item.shelf_location\n"


@pytest.fixture
def command(base_url, http_server, monkeypatch, capsys):
    """`await command(path, "--option")`: (exit status, standard output, standard error). It runs in a thread of this process, which costs a
    tenth of a program."""

    async def command(path: Path, *options: str, key: str = IMPORT_KEY, url: str = base_url) -> tuple[int, str, str]:
        monkeypatch.setenv("SALES_IMPORT_API_KEY", key)
        args = server.parser().parse_args(["import", str(path), "--url", url, *options])
        capsys.readouterr()
        status = await asyncio.to_thread(args.run, args)
        return (status, *capsys.readouterr())

    return command


@asynccontextmanager
async def answering(body: bytes) -> AsyncIterator[str]:
    """The address of a server that answers everything with 200 and this body."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as site:
        yield f"http://127.0.0.1:{site.sockets[0].getsockname()[1]}"


def row(number: str, **changes: Any) -> str:
    cells = {
        "no": number,
        "date": "2025-01-18",
        "salesman": "Ajay",
        "code": "C-1",
        "name": "Shop",
        "item": "Thing",
        "sku": "T1",
        "quantity": "2",
    }
    return ",".join([*(str(one) for one in {**cells, **changes}.values()), "3.50", "R-1"]) + "\n"


async def test_a_csv_file_is_imported_and_what_is_refused_is_in_a_file_that_can_be_imported_when_it_is_mended(
    command, tmp_path, db
):
    path = tmp_path / "bills.csv"
    path.write_text(HEADER + row("IC-1") + row("IC-1", item="Other") + row("IC-2", quantity="none") + row("IC-3"))
    status, out, err = await command(path)
    assert (status, out) == (1, "2 created, 0 there already, 1 refused: see bills.csv.rejects.csv\n"), err
    rejects = tmp_path / "bills.csv.rejects.csv"
    text = rejects.read_text("utf-8-sig")
    assert '"items 1 quantity: A valid integer is required. ""none"" is not one."' in text
    rejects.write_text(text.replace(",none,", ",4,"))
    status, out, err = await command(rejects)
    assert (status, out) == (0, "1 created, 0 there already, 0 refused\n")
    assert "these columns are ignored: rejected_line, rejected_reason" in err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bills.csv", "bills.csv.rejects.csv"]
    assert (
        await db.fetchval(
            "SELECT quantity FROM sales.invoice_item t JOIN sales.invoice i ON i.id = t.invoice_id WHERE invoice_no = 'IC-2'"
        )
        == 4
    )
    assert (
        await db.fetchval(
            "SELECT count(*) FROM sales.invoice_item t JOIN sales.invoice i ON i.id = t.invoice_id WHERE invoice_no = 'IC-1'"
        )
        == 2
    )


async def test_a_file_of_lines_keeps_what_is_no_json_among_its_rejects(command, tmp_path, invoice):
    path = tmp_path / "bills.ndjson"
    good = json.dumps(invoice(invoice_no="IN-1"))
    path.write_text(f'{good}\n{{"invoice_no": \n\n{good}\n')
    status, out, err = await command(path, "--list-duplicates")
    assert (status, out) == (1, "1 created, 1 there already, 1 refused: see bills.ndjson.rejects.ndjson\n"), err
    first, second = map(json.loads, (tmp_path / "bills.ndjson.rejects.ndjson").read_text().splitlines())
    assert first["_rejected"]["line"] == 2 and first["_rejected_text"] == '{"invoice_no":'
    assert second["_rejected"] == {
        "line": 4,
        "errors": {"invoice_no": ["Invoice with this invoice_no already exists."]},
    }
    assert second["items"][0]["mrp"] == 3.5


async def test_a_workbook_is_imported(command, tmp_path, db):
    path = tmp_path / "bills.xlsx"
    titles = HEADER.strip().split(",")
    writer = XlsxWriter(path, "Bills", [Column(title, title) for title in titles])
    writer.add([json.dumps(dict(zip(titles, row(f"IX-{n}").strip().split(","), strict=True))) for n in range(3)])
    writer.close()
    assert (await command(path))[:2] == (0, "3 created, 0 there already, 0 refused\n")


async def test_what_the_command_cannot_do_ends_with_2_and_says_what_to_do(command, tmp_path):
    path = tmp_path / "bills.csv"
    status, _, err = await command(path)
    assert status == 2 and "No such file" in err
    path.write_text(HEADER.replace("salesman", "seller") + row("IF-1"))
    status, _, err = await command(path)
    assert (status, err) == (2, "import: The file lacks the column salesman.\n")
    path.write_text(HEADER + row("IF-1"))
    status, _, err = await command(path, key="another-wrong-key")
    assert status == 2 and "401 Authentication credentials were not provided." in err
    status, _, err = await command(path, "--patience", "0", url="http://127.0.0.1:1")
    assert status == 2 and "Run the command again to go on." in err


async def test_a_wrong_address_or_key_is_told_at_once_and_leaves_nothing_beside_the_file(command, tmp_path):
    path = tmp_path / "bills.csv"
    path.write_text(HEADER + row("IA-1"))
    for url in (
        "ftp://shop",
        "shop",
        "http://[shop",
        "http://shop:http",
        "http://shop:99999",
        "http://a..b",
        "http://shop/a b",
    ):
        status, _, err = await command(path, url=url)
        assert (status, err) == (2, f"import: {url!r} is no address of a server, such as http://127.0.0.1:8000.\n")
    for key in ("two\nlines", "two words", "schlüssel"):
        status, _, err = await command(path, key=key)
        assert (status, err) == (
            2,
            "import: the key has characters that no key of a server has: blanks, or others than ASCII.\n",
        )
    path.write_text("")
    assert (await command(path))[0] == 2
    assert [one.name for one in tmp_path.iterdir()] == ["bills.csv"]


async def test_a_server_that_is_another_one_is_told(command, tmp_path):
    path = tmp_path / "bills.csv"
    path.write_text(HEADER + row("IS-1"))
    for answer in ("[]", "{}", '{"data":null}', "<html>", '"x"'):
        async with answering(answer.encode()) as url:
            status, _, err = await command(path, url=url)
        assert (status, err) == (2, f"import: {url} answers something else than this server would.\n")


async def test_a_command_that_is_killed_goes_on_where_it_was(
    base_url, http_server, database_url, db, invoice, tmp_path
):
    path = tmp_path / "bills.ndjson"
    sent = lines(invoice, "FC", 1300)
    for n in (3, 700, 1200):
        sent[n]["invoice_date"] = "never"
    path.write_bytes(ndjson(sent))
    argv = [sys.executable, str(ROOT / "server.py"), "import", str(path), "--url", base_url]
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    env = {**os.environ, "SALES_IMPORT_API_KEY": IMPORT_KEY}
    async with stored_by_another(database_url, "FC-00900"):
        killed = await asyncio.create_subprocess_exec(*argv, env=env, **pipes)
        await until(lambda: created(db, "FC"), lambda n: n > 500)
        refused = await asyncio.create_subprocess_exec(*argv, env=env, **pipes)
        _, err = await asyncio.wait_for(refused.communicate(), DEADLINE)
        assert (refused.returncode, err) == (2, b"import: bills.ndjson is being imported by another process.\n")
        killed.kill()
        await killed.communicate()
    again = await asyncio.create_subprocess_exec(*argv, env=env, **pipes)
    out, err = await asyncio.wait_for(again.communicate(), DEADLINE)
    assert (again.returncode, out) == (
        1, b"1297 created, 0 there already, 3 refused: see bills.ndjson.rejects.ndjson\n",
    ), err  # fmt: skip
    assert b"goes on after 500 invoices" in err
    rejects = [json.loads(line)["_rejected"]["line"] for line in (tmp_path / "bills.ndjson.rejects.ndjson").open()]
    assert rejects == [4, 701, 1201]
    assert await created(db, "FC") == 1297
    assert not (tmp_path / "bills.ndjson.import-state").exists()
