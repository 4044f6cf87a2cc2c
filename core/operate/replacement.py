"""Putting the dump of a backup into a database, in one transaction: the script that pg_restore makes of it, run by psql.

psql is given the COMMIT only when pg_restore has ended well and everything before it has gone well. Whatever fails or is killed earlier, psql
finds the end of its input, and Postgres rolls back.
"""

import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from typing import IO, Any, NamedTuple

from core.data import migrations, sql
from core.operate import archive, postgres_tools
from core.operate.archive import Archive
from core.operate.backup import BackupError, last_error
from core.operate.postgres_tools import Tools
from core.settings import CoreSettings

# pg_restore writes it for Postgres 17 and later, and an earlier one does not know it. It stands within the first bytes of the script.
NEW_SETTING, NEW_SETTING_SINCE, HEAD_BYTES = b"SET transaction_timeout = 0;\n", 17, 16_384


class Target(NamedTuple):
    """Where a backup is restored to. version: the major one. occupied: the schemas that hold something. log: the name of the event log,
    which a restore changes; "": there is none."""

    database: str
    version: int
    occupied: list[str]
    log: str


class Replacement:
    """Puts a backup into a database. `run` may be in a thread, and `stop`, from another one, ends it."""

    def __init__(self, config: CoreSettings, backup: Archive, target: Target, tools: Tools) -> None:
        self._backup, self._target, self._tools = backup, target, tools
        self._env = postgres_tools.environment(config.database_url, "restore")
        self._is_stopped = False
        self._processes: list[subprocess.Popen[bytes]] = []

    def stop(self) -> None:
        """Let `run` fail, unless it has committed."""
        self._is_stopped = True
        for process in self._processes:
            process.kill()

    def run(self) -> None:
        """One transaction. Raises BackupError; then the database is as before, unless the answer to the COMMIT was lost."""
        with (
            tempfile.NamedTemporaryFile("w", suffix=".list") as entries,
            tempfile.TemporaryFile() as told,
            tempfile.TemporaryFile() as answered,
        ):
            entries.write(self._wanted_entries())
            entries.flush()
            owned = ["--no-owner", "--no-privileges", f"--use-list={entries.name}"]
            script = self._start("pg_restore", "--file=-", *owned, stdout=subprocess.PIPE, stderr=told)
            with _ended(script):
                as_one = ["-XqAt", "--no-password", "-v", "ON_ERROR_STOP=1", "-f", "-"]
                psql = self._start("psql", *as_one, stdout=subprocess.DEVNULL, stderr=answered)
                with _ended(psql), _feeding(script, self._backup.dump()):
                    self._lead(script, psql)
            if psql.returncode != 0:
                raise BackupError(f"nothing was changed, the database refused the backup: {last_error(answered)}")
            if script.returncode != 0:
                raise BackupError(f"nothing was changed, pg_restore can't read the dump: {last_error(told)}")

    def _lead(self, script: subprocess.Popen[bytes], psql: subprocess.Popen[bytes]) -> None:
        """Write to psql what it is to run, and wait for its end."""
        assert psql.stdin is not None and script.stdout is not None
        has_new_setting = self._target.version >= NEW_SETTING_SINCE
        try:
            psql.stdin.write(_preamble(self._target).encode())
            _pump(script.stdout, psql.stdin, has_new_setting=has_new_setting)
            # Without the end psql rolls back, also if this process is killed.
            if script.wait() == 0 and not self._is_stopped:
                psql.stdin.write(_epilogue(self._backup.manifest).encode())
            psql.stdin.close()
        except BrokenPipeError:
            # psql has ended, and said why.
            pass
        psql.wait()

    def _wanted_entries(self) -> str:
        """The table of contents of the dump, for pg_restore, without comments on extensions: only the owner of an extension may write them."""
        with tempfile.TemporaryFile() as told:
            listing = self._start("pg_restore", "--list", stdout=subprocess.PIPE, stderr=told)
            with _ended(listing), _feeding(listing, self._backup.dump()):
                assert listing.stdout is not None
                listed = listing.stdout.read().decode()
                if listing.wait() != 0:
                    raise BackupError(f"nothing was changed, pg_restore can't read the dump: {last_error(told)}")
        return "".join(line for line in listed.splitlines(keepends=True) if " COMMENT - EXTENSION " not in line)

    def _start(self, name: str, *arguments: str, stdout: int, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [self._tools[name], *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, env=self._env)
        self._processes.append(process)
        if self._is_stopped:
            process.kill()
        return process


class _ended:
    """A process that does not outlive the block."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class _feeding:
    """Within the block a thread writes pieces to the standard input of a process."""

    def __init__(self, process: subprocess.Popen[bytes], pieces: Iterable[bytes]) -> None:
        self._process, self._pieces = process, pieces
        self._thread = threading.Thread(target=self._feed, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        # If it still runs, nobody reads what it writes any more, and the thread would wait for it.
        if self._process.poll() is None:
            self._process.kill()
        self._thread.join()

    def _feed(self) -> None:
        assert self._process.stdin is not None
        try:
            with self._process.stdin as stdin:
                for data in self._pieces:
                    stdin.write(data)
        except (BrokenPipeError, archive.ArchiveError):
            # The process has read enough, or it will say that its input ends too early.
            pass


def _pump(source: IO[bytes], sink: IO[bytes], *, has_new_setting: bool) -> None:
    head = b""
    while len(head) < HEAD_BYTES and (data := source.read(HEAD_BYTES - len(head))):
        head += data
    sink.write(head if has_new_setting else head.replace(NEW_SETTING, b"", 1))
    shutil.copyfileobj(source, sink, archive.CHUNK)


def _preamble(target: Target) -> str:
    """What is run before the script of pg_restore."""
    lines = [
        "BEGIN;",
        "SET LOCAL statement_timeout = 0;",
        "SET LOCAL lock_timeout = '10s';",
        # A server that starts meanwhile waits with its migrations, and says for whom.
        f"SELECT pg_advisory_xact_lock({migrations.LOCK});",
    ]
    if not target.occupied:
        return "\n".join([*lines, ""])
    lines.append("CREATE TEMP TABLE replaced_media (key text) ON COMMIT DROP;")
    lines.append(
        "DO $$ BEGIN IF to_regclass('core.media_file') IS NOT NULL THEN"
        " INSERT INTO pg_temp.replaced_media SELECT m.key FROM core.media_file m; END IF; END $$;"
    )
    lines += [f"DROP SCHEMA {_quoted(name)} CASCADE;" for name in target.occupied if name != "public"]
    if "public" in target.occupied:
        lines.append(_EMPTY_PUBLIC)
    return "\n".join([*lines, ""])


# The schema itself stays, and with it the extensions, which only their owner may drop.
_EMPTY_PUBLIC = """
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT format('%I.%I', n.nspname, c.relname) AS name,
               CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                              WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('DROP %s IF EXISTS %s CASCADE', one.kind, one.name);
    END LOOP;
    FOR one IN
        SELECT p.oid::regprocedure::text AS name FROM pg_proc p
         WHERE p.pronamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', one.name);
    END LOOP;
END $$;
"""

_COUNT = """
DO $$
DECLARE
    one record;
    n bigint;
BEGIN
    FOR one IN SELECT key, value::bigint AS wanted FROM pg_catalog.jsonb_each_text(pg_catalog.current_setting('restore.tables')::jsonb) LOOP
        EXECUTE pg_catalog.format('SELECT count(*) FROM %s', one.key::regclass) INTO n;
        IF n <> one.wanted THEN
            RAISE EXCEPTION 'the table % has % rows, and the backup says %', one.key, n, one.wanted;
        END IF;
    END LOOP;
END $$;
"""

# Files of the replaced rows: the server removes them after a day.
_HAND_OVER_MEDIA = """
DO $$ BEGIN
    IF to_regclass('pg_temp.replaced_media') IS NOT NULL THEN
        INSERT INTO core.media_file (key, unused_from) SELECT r.key, pg_catalog.now() + interval '1 day' FROM pg_temp.replaced_media r ON CONFLICT DO NOTHING;
    END IF;
END $$;
"""


def _epilogue(manifest: dict[str, Any]) -> str:
    """What is run after the script of pg_restore, and ends the transaction."""
    tables = json.dumps(manifest["tables"], ensure_ascii=False).replace("'", "''")
    return "\n".join(
        [
            "",
            "SET LOCAL standard_conforming_strings = on;",
            f"SELECT pg_catalog.set_config('restore.tables', '{tables}', true);",
            _COUNT,
            *_of_areas(manifest),
            _HAND_OVER_MEDIA,
            "COMMIT;",
            "",
        ]
    )


def _of_areas(manifest: dict[str, Any]) -> Iterator[str]:
    """The statements of sql/AREA/restore.sql, of the areas that the backup has."""
    schemas = {name.partition(".")[0] for name in manifest["tables"]}
    for path in sorted(sql.ROOT.glob("*/restore.sql")):
        if path.parent.name in schemas:
            for one in sql.load(f"{path.parent.name}/restore").all:
                yield one.text if one.text.rstrip().endswith(";") else f"{one.text};"


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
