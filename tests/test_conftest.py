"""What the tests run on: one that was killed is cleared away by the next, and values that share a server are all asked."""

import inspect
import os
import subprocess
import sys
import time

import pytest

from core.embedded.home import open_home
from tests.conftest import FOLDER, each, sweep


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


@pytest.mark.gen_test
async def test_each_runs_a_test_with_all_values_and_says_which_one_failed():
    seen = []

    @each("field, value", [("a", 1), ("b", 2), ("c", 3)])
    async def looked_at(fixture, field, value):
        seen.append((fixture, field, value))
        assert field != "b"

    assert list(inspect.signature(looked_at).parameters) == ["fixture"]
    with pytest.raises(AssertionError) as failed:
        await looked_at("f")
    assert seen == [("f", "a", 1), ("f", "b", 2)] and failed.value.__notes__ == ["with field='b', value=2"]
