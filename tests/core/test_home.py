"""The home directory: one instance at a time, and secrets that stay."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.embedded.home import HomeError, open_home

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def holder(tmp_path):
    """Another process that has the home tmp_path/home open, until it is killed."""
    script = "import pathlib, sys, core.embedded.home; home = core.embedded.home.open_home(pathlib.Path(sys.argv[1])); print(1); input()"
    process = subprocess.Popen(
        [sys.executable, "-uc", script, tmp_path / "home"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"1\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_instance_over_the_same_home_is_refused_with_the_first_ones_pid(tmp_path, holder):
    with pytest.raises(HomeError, match=rf"another instance is running over .*/home \(pid {holder.pid}\)$"):
        open_home(tmp_path / "home")


def test_a_home_is_free_again_after_its_instance_was_killed(tmp_path, holder):
    holder.kill()
    holder.wait()

    open_home(tmp_path / "home").close()


def test_a_home_is_free_again_after_close(tmp_path):
    open_home(tmp_path / "home").close()
    open_home(tmp_path / "home").close()


def test_children_do_not_inherit_the_lock(tmp_path):
    home = open_home(tmp_path / "home")
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        home.close()
        open_home(tmp_path / "home").close()
    finally:
        child.kill()
        child.wait()


def test_a_new_home_and_its_secrets_are_closed_to_other_users(tmp_path):
    home = open_home(tmp_path / "home")
    home.secret("any")
    home.close()

    # As root, the group is that of the account which runs Postgres, and may pass through without looking.
    assert home.path.stat().st_mode & 0o777 == (0o700 if os.geteuid() else 0o710)
    assert (home.path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_secrets_are_random_and_stay_over_restarts(tmp_path):
    first, other = open_home(tmp_path / "home"), open_home(tmp_path / "other")
    secrets = [first.secret("a"), first.secret("b", 24), other.secret("a")]
    first.close()
    other.close()

    again = open_home(tmp_path / "home")
    assert len(set(secrets)) == 3
    assert [len(secret) for secret in secrets] == [64, 32, 64]
    assert [again.secret("a"), again.secret("b")] == secrets[:2]
    again.close()


def test_a_half_written_secrets_file_left_by_a_kill_is_no_obstacle(tmp_path):
    home = open_home(tmp_path / "home")
    secret = home.secret("a")
    (home.path / "secrets.json.unfinished").write_text('{"a": "x')

    home.secret("b")

    assert json.loads((home.path / "secrets.json").read_text())["a"] == secret
    home.close()


def test_damaged_secrets_are_an_error_of_one_line_and_are_not_replaced(tmp_path):
    open_home(tmp_path / "home").close()
    (tmp_path / "home/secrets.json").write_text('{"a": "x')

    with pytest.raises(HomeError, match=r"^can't read .*/secrets.json: .*$"):
        open_home(tmp_path / "home")
    assert (tmp_path / "home/secrets.json").read_text() == '{"a": "x'


def test_a_home_that_cannot_be_written_is_an_error_of_one_line(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(HomeError, match=r"^can't use .*/file as home directory: .*$"):
        open_home(tmp_path / "file")
    with pytest.raises(HomeError, match=r"^can't use .*/file/home as home directory: .*$"):
        open_home(tmp_path / "file/home")


def test_a_home_that_someone_else_made_keeps_its_mode(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o755)

    open_home(tmp_path / "home").close()

    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o755
