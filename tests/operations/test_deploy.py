"""The files of docs/deploy/ that nothing here can run whole: each part that can be tried is, and each name is one that exists."""

import asyncio
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields

import pytest
import yaml
from dotenv import dotenv_values

import server
from core import settings
from handlers.settings import Settings
from tests.support.shipped import DEPLOY, ROOT, exec_start, read_unit

UNITS = [DEPLOY / name for name in ("tradepost.service", "tradepost-worker.service")]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTAINERFILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def instructions():
    """The instructions of the Containerfile: (name, rest), with continued lines joined."""
    text = re.sub(r"\\\n\s*", "", CONTAINERFILE)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


def accepted(arguments):
    """Whether these are arguments of the program."""
    return server.parser().parse_args(arguments)


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd on this machine: its units are only read"
)
def test_systemd_finds_nothing_wrong_with_the_units_and_little_exposed():
    checked = subprocess.run(["systemd-analyze", "verify", "--man=no", *UNITS], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    for unit in UNITS:
        # From 0 to 100; a unit without hardening has 96.
        command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]
        assert subprocess.run(command, capture_output=True).returncode == 0, unit


def test_the_units_start_commands_of_the_program_as_the_account_of_the_manual():
    for unit, command in zip(UNITS, ("serve", "worker"), strict=True):
        service = read_unit(unit)["Service"]
        words = exec_start(unit)
        assert words[:2] == ["/usr/bin/python3", "/opt/tradepost/tradepost.pyz"]
        assert accepted(words[2:]).command == command
        # What the hardening leaves writable is where the settings of the example put the data.
        example = dotenv_values(DEPLOY / "tradepost.env.example")
        assert example["MEDIA_ROOT"].startswith(f"/var/lib/{service['StateDirectory']}/")
        assert example["LOG_DIR"] == f"/var/log/{service['LogsDirectory']}"
        assert (
            service["ProtectSystem"] == "strict"
            and service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}"
        )
        # A stop may take 20 s (core/run/workers.py).
        assert int(service["TimeoutStopSec"]) > 20
        for made in (f"useradd --system --home-dir /var/lib/{service['User']}", words[1], unit.name):
            assert made in README, made


def test_the_example_of_settings_has_only_settings_that_are_read():
    example = dotenv_values(DEPLOY / "tradepost.env.example")
    assert set(example) <= {field.metadata["name"] for field in fields(Settings)}
    given = {name: value for name, value in example.items() if value}
    with pytest.raises(settings.SettingsError) as caught:
        settings.read(Settings, given)
    # The key is for the administrator to make.
    assert [line.split(" ")[0] for line in caught.value.lines] == ["SECRET_KEY"]
    config = settings.read(Settings, {**given, "SECRET_KEY": "an-example-of-a-key-of-32-bytes-and-more"})
    assert config.media_root == "/var/lib/tradepost/media" and [str(one) for one in config.trusted_proxies] == [
        "127.0.0.1/32"
    ]


def test_the_container_copies_what_a_build_needs_and_nothing_that_is_not_there(tmp_path):
    copied = [
        shlex.split(rest)[:-1] for name, rest in instructions() if name == "COPY" and not rest.startswith("--from")
    ]
    sources = {source for one in copied for source in one}
    for source in sources:
        assert (ROOT / source).exists(), source
        destination = tmp_path / source
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, destination)
    [build] = [rest for name, rest in instructions() if name == "RUN" and "./run build" in rest]
    assert shlex.split(build) == ["./run", "build", "/opt/tradepost/tradepost.pyz"]
    # The first step of the build, which takes a second. The others need nothing of the checkout.
    code = "from pathlib import Path; from core.release.__main__ import unpack_program as u; u(Path.cwd() / 'out', Path.cwd() / 'out/site')"
    (tmp_path / "out").mkdir()
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    packed = {path.name for path in (tmp_path / "out" / "site").iterdir()}
    assert {"server.py", "core", "handlers", "sql", "schemas", "web"} <= packed


def test_the_container_runs_as_an_unprivileged_account_from_what_its_build_has_unpacked():
    # Of an instruction that comes several times, the one of the second stage is the last.
    told = dict(instructions())
    assert told["USER"] == "tradepost" and told["STOPSIGNAL"] == "SIGTERM"
    environment = dict(word.split("=", 1) for word in shlex.split(told["ENV"]))
    [unpacked] = [rest for name, rest in instructions() if name == "RUN" and "version" in rest]
    assert f"SHIV_ROOT={environment['SHIV_ROOT']} " in unpacked and environment["SHIV_ROOT"].startswith(
        "/opt/tradepost/"
    )
    assert environment["MEDIA_ROOT"].startswith(f"{told['VOLUME']}/")
    entry, arguments = yaml.safe_load(told["ENTRYPOINT"]), yaml.safe_load(told["CMD"])
    assert entry == ["python3", "/opt/tradepost/tradepost.pyz"] and entry[1] in unpacked
    assert accepted(arguments).host == "0.0.0.0"


@pytest.mark.gen_test
async def test_the_health_check_of_the_container_tells_a_server_that_answers_from_one_that_does_not(
    base_url, http_server
):
    [rest] = [rest for name, rest in instructions() if name == "HEALTHCHECK"]
    program, flag, code = yaml.safe_load(rest.partition("CMD ")[2])
    assert (program, flag) == ("python3", "-c") and "http://127.0.0.1:8000" in code

    async def check(url):
        command = [sys.executable, "-c", code.replace("http://127.0.0.1:8000", url)]
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        return await process.wait()

    assert await check(base_url) == 0
    assert await check("http://127.0.0.1:9") != 0


def test_the_services_of_the_compose_file_run_commands_of_the_program_with_settings_that_exist():
    known = {field.metadata["name"] for field in fields(Settings)}
    server_, worker = COMPOSE["services"]["server"], COMPOSE["services"]["worker"]
    assert accepted(server_["command"]).no_jobs and accepted(worker["command"]).command == "worker"
    for one in (server_, worker):
        assert set(one["environment"]) <= known
        assert (DEPLOY / one["build"]["context"] / one["build"]["dockerfile"]).resolve() == DEPLOY / "Containerfile"
        assert {volume.partition(":")[0] for volume in one["volumes"]} <= set(COMPOSE["volumes"])
        assert set(one["depends_on"]) <= set(COMPOSE["services"])
    assert worker["ports"] == []


def test_nothing_in_these_files_names_a_package_index():
    for path in DEPLOY.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pypi|index-url=|ghcr\.io|docker\.io|https?://(?!tradepost|127\.0\.0\.1|\$host)", text), (
            path
        )


def test_the_manual_refers_to_each_of_these_files():
    for path in DEPLOY.iterdir():
        assert f"docs/deploy/{path.name}" in README, path.name
