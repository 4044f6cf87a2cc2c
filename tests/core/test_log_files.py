"""Log files: rotation, several processes, kills, full disks."""

import errno
import io
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core import log_files, logs
from core.log_files import File, LogFiles
from tests.support.deadlines import DEADLINE, wait_until

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import logging, os, sys
from pathlib import Path
from core import log_files, logs
folder, name, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
files = log_files.LogFiles(folder, size=20_000)
logs.configure(debug=False, as_json=False, beside=[files])
with log_files.background(files):
    for n in range(number):
        logging.getLogger("tradepost.access").info("%s line %d of %s %s", name, n, name, "x" * (n % 300))
"""


@pytest.fixture
def files(tmp_path, restored):
    found = LogFiles(tmp_path / "logs")
    found.said = configure(found)
    return found


@pytest.fixture
def restored():
    """The root logger is as it was once the test is over."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # basicConfig would close those of pytest.
    root.handlers = []
    yield
    root.handlers, root.level = handlers, level


def configure(files, as_json=False):
    """The root logger writes to these files and, in place of standard error, which pytest replaces, to what is returned."""
    logs.configure(debug=False, as_json=as_json, beside=[files])
    said = io.StringIO()
    logging.getLogger().handlers[0].setStream(said)
    return said


def written(folder, name):
    """The lines of a file and of its older ones, the oldest first."""
    paths = sorted(folder.glob(f"{name}.[0-9]*"), key=lambda path: -int(path.suffix[1:]))
    return [line for path in [*paths, folder / name] if path.exists() for line in path.read_text().splitlines()]


def has_written(folder, name):
    """Whether lines of this name are in the newest file; while another is made, there is none."""
    try:
        return f" {name} line " in (folder / "api.log").read_text()
    except FileNotFoundError:
        return False


def start(*arguments):
    return subprocess.Popen([sys.executable, "-c", WRITER, *map(str, arguments)], cwd=ROOT, stderr=subprocess.DEVNULL)


def test_requests_are_in_one_file_and_what_was_refused_or_went_wrong_in_the_other(files, tmp_path):
    access = logging.getLogger("tradepost.access")
    access.info("GET /fine 200")
    access.info("GET /nowhere 404", extra={"is_refusal": True})
    logging.getLogger("tradepost.process").info("ready")
    logging.getLogger("tradepost.process").warning("odd")
    try:
        raise ValueError("boom\n2026-01-01T00:00:00.000Z ERROR forged")
    except ValueError:
        logging.getLogger("tradepost.handler").exception("failed")
    api, errors = (written(tmp_path / "logs", name) for name in ("api.log", "errors.log"))
    assert [line.split(None, 2)[-1] for line in api] == [
        "tradepost.access GET /fine 200",
        "tradepost.access GET /nowhere 404",
    ]
    heads = [line for line in errors if re.match(r"\d{4}-", line)]
    assert [line.split()[-1] for line in heads] == ["404", "odd", "failed"]
    assert "  ValueError: boom" in errors and any("test_log_files.py" in line for line in errors)


def test_a_strangers_line_break_makes_no_second_line(files, tmp_path):
    logging.getLogger("tradepost.access").info("GET %s", "/a\r\nforged\u2028\x85")
    assert len((tmp_path / "logs" / "api.log").read_text().splitlines()) == 1


def test_standard_error_and_the_file_have_the_same_line(files, tmp_path):
    said = configure(files, as_json=True)
    logging.getLogger("tradepost.access").info("GET /a 200")
    assert said.getvalue() == (tmp_path / "logs" / "api.log").read_text()


def test_a_file_rotates_at_its_size_and_keeps_a_number_of_older_ones(tmp_path):
    file = File(tmp_path / "some.log", 3, size=1000)
    for n in range(1, 201):
        assert file.write(f"line {n:03} {'x' * 40}")
    names = sorted(path.name for path in tmp_path.glob("some.log*"))
    assert names == ["some.log", "some.log.1", "some.log.2", "some.log.3"]
    numbers = [int(line.split()[1]) for line in written(tmp_path, "some.log")]
    assert numbers == list(range(numbers[0], 201)) and len(numbers) >= 60
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}


def test_the_sizes_are_those_that_are_documented():
    assert log_files.FILE_BYTES == 10 * 1024 * 1024
    assert log_files.BACKUPS == {"api.log": 5, "errors.log": 10, "audit.log": 10}


def test_several_processes_lose_no_line_and_tear_none(tmp_path):
    # So many older files that none is removed, and so few lines at once that the processes take turns.
    script = WRITER.replace(
        "files = ",
        "log_files.BACKUPS['api.log'], log_files.BATCH_CHARACTERS, log_files.END_SECONDS = 500, 2000, 60\nfiles = ",
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path), name, "3000"], cwd=ROOT, stderr=subprocess.DEVNULL
        )
        for name in "abc"
    ]
    assert [process.wait(DEADLINE) for process in running] == [0, 0, 0]
    lines = written(tmp_path, "api.log")
    assert len(list(tmp_path.glob("api.log.*"))) > 10 and not list(tmp_path.glob("*.rotate.*"))
    for name in "abc":
        own = [line for line in lines if f" {name} line " in line]
        assert [re.search(r" line (\d+) of \w x*$", line)[1] for line in own] == [str(n) for n in range(3000)]
    assert len(lines) == 9000


def test_a_killed_writer_stops_no_other_and_leaves_no_half_line_before_anothers(tmp_path):
    for name in ("one", "two", "three"):
        victim = start(tmp_path, f"{name}-victim", 10_000_000)
        wait_until(lambda name=name: has_written(tmp_path, f"{name}-victim"))
        other = start(tmp_path, "other", 200)
        victim.send_signal(signal.SIGKILL)
        victim.wait(DEADLINE)
        assert other.wait(DEADLINE) == 0
    lines = [line for line in written(tmp_path, "api.log") if " other line " in line]
    assert [re.search(r" line (\d+) ", line)[1] for line in lines[-200:]] == [str(n) for n in range(200)]
    assert all(re.match(r"\d{4}-\S+ INFO    tradepost.access other line ", line) for line in lines)


def test_half_a_line_of_a_killed_process_does_not_begin_the_next_one(tmp_path):
    (tmp_path / "some.log").write_text("whole\nhal")
    assert File(tmp_path / "some.log", 3).write("next")
    assert (tmp_path / "some.log").read_text() == "whole\nhal\nnext\n"


def test_a_rotation_that_was_killed_is_finished(tmp_path):
    for name, text in (("some.log.rotate.77", "newest"), ("some.log.1", "1"), ("some.log.2", "2"), ("some.log.4", "4")):
        (tmp_path / name).write_text(text)
    File(tmp_path / "some.log", 5).finish_rotation()
    assert {path.name: path.read_text() for path in tmp_path.glob("some.log.*")} == {
        "some.log.1": "newest",
        "some.log.2": "1",
        "some.log.3": "2",
        "some.log.4": "4",
    }


def test_a_rotation_that_was_killed_keeps_no_more_files_than_usual(tmp_path):
    for number in (1, 2, 3):
        (tmp_path / f"some.log.{number}").write_text(str(number))
    (tmp_path / "some.log.rotate.77").write_text("newest")
    File(tmp_path / "some.log", 3).finish_rotation()
    assert [path.read_text() for path in sorted(tmp_path.glob("some.log.*"))] == ["newest", "1", "2"]


def test_a_full_disk_is_told_once_and_takes_no_half_lines(files, tmp_path, monkeypatch):
    """The library's write fails after half of the text, as on a full disk."""
    api = tmp_path / "logs" / "api.log"
    access = logging.getLogger("tradepost.access")
    access.info("before")
    real = log_files.ConcurrentRotatingFileHandler.do_write

    def full(self, msg):
        with open(self.baseFilename, "a") as file:
            file.write(msg[: len(msg) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(log_files.ConcurrentRotatingFileHandler, "do_write", full)
    for n in range(50):
        access.info("during %d", n)
    said = files.said.getvalue()
    assert said.count("during") == 50 and said.count("No space left on device") == 2
    assert len(api.read_text().splitlines()) == 1
    monkeypatch.setattr(log_files.ConcurrentRotatingFileHandler, "do_write", real)
    access.info("after")
    assert "api.log is written again" in files.said.getvalue()
    assert [line.split()[-1] for line in api.read_text().splitlines()] == ["before", "after"]


def test_a_folder_that_is_replaced_is_written_again(files, tmp_path):
    access = logging.getLogger("tradepost.access")
    access.info("one")
    (tmp_path / "logs").rename(tmp_path / "moved")
    access.info("two")
    (tmp_path / "logs").mkdir()
    access.info("three")
    assert (tmp_path / "logs" / "api.log").read_text().endswith("three\n")


def test_a_slow_disk_makes_no_caller_wait_and_takes_no_more_than_some_memory(files, tmp_path, monkeypatch):
    is_slow, goes_on = threading.Event(), threading.Event()
    real = File.do_write

    def slow(self, msg):
        is_slow.set()
        assert goes_on.wait(DEADLINE)
        real(self, msg)

    monkeypatch.setattr(File, "do_write", slow)
    monkeypatch.setattr(log_files, "MOST_WAITING", 10_000)
    access = logging.getLogger("tradepost.access")
    with log_files.background(files):
        access.info("first")
        assert is_slow.wait(DEADLINE)
        for n in range(1000):
            access.info("line %d", n)
        assert sum(len(line) for _, line in files._lines) < 11_000
        goes_on.set()
    lines = written(tmp_path / "logs", "api.log")
    numbers = [int(line.split()[-1]) for line in lines[1:]]
    assert numbers == list(range(len(numbers))) and 50 < len(numbers) < 500
    assert f"too slow: {1000 - len(numbers)} lines" in written(tmp_path / "logs", "errors.log")[0]


def test_at_the_end_every_line_is_written(files, tmp_path):
    with log_files.background(files):
        for n in range(5000):
            logging.getLogger("tradepost.access").info("line %d", n)
    logging.getLogger("tradepost.access").info("line 5000")
    assert [int(line.split()[-1]) for line in written(tmp_path / "logs", "api.log")] == list(range(5001))


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError) as raised:
        log_files.check(tmp_path / "file" / "logs")
    assert raised.value.filename and str(tmp_path / "file") in str(raised.value.filename)


def test_a_forked_process_writes_beside_its_parent(files, tmp_path):
    access = logging.getLogger("tradepost.access")
    access.info("parent")
    pid = os.fork()
    if pid == 0:
        try:
            with log_files.background(files):
                for n in range(100):
                    access.info("child %d", n)
        finally:
            os._exit(0)
    for n in range(100):
        access.info("parent %d", n)
    assert os.waitpid(pid, 0)[1] == 0
    lines = written(tmp_path / "logs", "api.log")
    assert len(lines) == 201
    assert [line.split()[-1] for line in lines if " child " in line] == [str(n) for n in range(100)]
