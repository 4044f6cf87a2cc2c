"""A test run that was killed is cleared away by the next one."""

import os
import subprocess
import sys
import time

import pytest

from core.embedded.home import open_home
from tests.support.services import FOLDER, sweep


@pytest.fixture
def leave(tmp_path):
    """`leave("name", age=100)`: a run's folder, and a process that works in it."""
    started = []

    def leave(name, age):
        folder = tmp_path / f"{FOLDER}{name}"
        open_home(folder / "home").close()
        sleep = [sys.executable, "-c", "import time; time.sleep(60)", str(folder / "data")]
        started.append(subprocess.Popen(sleep))
        os.utime(folder, (time.time() - age,) * 2)
        return folder, started[-1]

    yield leave
    for process in started:
        process.kill()
        process.wait()


def test_a_run_that_was_killed_is_cleared_away_and_one_that_goes_on_or_has_just_begun_is_left_alone(tmp_path, leave):
    dead, dead_process = leave("dead", 100)
    running, running_process = leave("running", 100)
    new, new_process = leave("new", 5)
    held = open_home(running / "home")
    try:
        sweep(tmp_path)
    finally:
        held.close()
    assert dead_process.poll() is not None and not dead.exists()
    assert running_process.poll() is None and running.exists()
    assert new_process.poll() is None and new.exists()
