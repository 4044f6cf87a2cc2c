"""Temporary folders do not stay when their process is killed."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from core.temporary_folder import temporary_folder
from tests.support.deadlines import DEADLINE
from tests.support.program import ROOT


def aged(path):
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def test_folders_that_killed_processes_left_are_removed_and_those_in_use_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / "tradepost-things-left"
    left.mkdir()
    (left / "counter_1.db").touch()
    young = tmp_path / "tradepost-things-young"
    young.mkdir()
    other = tmp_path / "tradepost-others-left"
    other.mkdir()
    strange = tmp_path / "else"
    strange.mkdir()
    (tmp_path / "tradepost-things-link").symlink_to(strange)
    aged(left), aged(other), aged(strange)
    with temporary_folder("things") as first:
        assert not left.exists() and young.exists() and strange.exists() and other.exists()
        aged(first)
        with temporary_folder("things") as second:
            assert first.exists() and first != second
    assert not first.exists() and not second.exists()


def test_a_killed_process_unlocks_its_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    script = """
from core.temporary_folder import temporary_folder
with temporary_folder("things") as path:
    (path / "rows").write_text("secret")
    print(path, flush=True)
    input()
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", script]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as holder:
        path = aged(Path(holder.stdout.readline().strip()))
        with temporary_folder("things"):
            assert path.exists()
        holder.send_signal(signal.SIGKILL)
        holder.wait(DEADLINE)
    assert path.exists()
    with temporary_folder("things"):
        assert not path.exists()
