"""Makes the program in one file, which runs on a machine with nothing but Python: `./run build [FILE] [--with-demo]`.

The file is a zip that Python runs (PEP 441), made by shiv. It has the program as setup.cfg packs it, and the packages that the program
needs as they are installed here: no package index is asked, and the file runs on the same minor version of Python, system and processor.
The same sources and packages make the same file, byte for byte.
"""

import argparse
import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import shiv
from shiv.bootstrap.environment import Environment
from shiv.builder import create_archive

from core import product
from core.program import Build
from core.release import packages

ROOT = Path(__file__).resolve().parents[2]
# What the program's own package is made from.
SOURCES = ("setup.cfg", "pyproject.toml", "server.py", "core", "handlers", "sql", "schemas", "web")
START = Path(__file__).parent / "start.py"
UNFINISHED = f".{product.SLUG}-build-"
# The earliest time that a zip can hold. A true one would make each file another.
TIME = "1980-01-01 00:00:00"
# Hexadecimal digits of the build's id, by which the folder is named that the file unpacks itself into.
ID_DIGITS = 16


class BuildError(Exception):
    """The file can't be made. The message is for the person at the terminal."""


def build(target: Path, with_demo: bool) -> Build:
    """Make the file. It gets its name when it is whole. Raises BuildError, PackagesError, OSError."""
    target = target.absolute()
    with unfinished(target.parent) as folder:
        site = folder / "site-packages"
        unpack_program(folder, site)
        extras = ["embedded"] if with_demo else []
        oldest = packages.oldest_python(ROOT, extras)
        brought = packages.needed(ROOT, extras, oldest)
        for package in brought:
            packages.copy_package(package, site)
        made = Build(
            id="",
            python=oldest,
            machine=f"{platform.system()} {platform.machine()}",
            suffix=str(sysconfig.get_config_var("EXT_SUFFIX")),
            glibc=packages.oldest_glibc(brought),
            has_demo=with_demo,
        )
        made = dataclasses.replace(made, id=content_id(site, made))
        (site / "build.json").write_text(as_json(made), encoding="utf-8")
        # Whatever the umask is: another account may run what one has unpacked.
        (site / "build.json").chmod(0o644)
        pack(site, folder / "file", made)
        os.replace(folder / "file", target)
    return made


@contextlib.contextmanager
def unfinished(parent: Path) -> Iterator[Path]:
    """A folder for what is not whole yet, on the file system of the target. Removes it, and those that killed builds have left."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=parent))
    # The kernel releases the lock when the process ends in any way.
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        for other in parent.glob(f"{UNFINISHED}*"):
            if other != folder and not is_locked(other):
                shutil.rmtree(other, ignore_errors=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def is_locked(folder: Path) -> bool:
    """Whether a build goes on in the folder, or has gone meanwhile."""
    try:
        lock = os.open(folder, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(lock)


def unpack_program(folder: Path, site: Path) -> None:
    """Put the program's own files into `site`, as setuptools packs them. It works on a copy, because it leaves files beside the sources."""
    copy = folder / "sources"
    for name in SOURCES:
        found = [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*"))
        for path in found:
            if path.is_file() and path.suffix != ".pyc":
                packages.copy_file(path, copy / path.relative_to(ROOT))
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise BuildError(f"setuptools can't pack the program:\n{done.stderr.strip()[-2000:]}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        for name in wheel.namelist():
            if Path(name).name not in packages.NOTES:
                target = site / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(wheel.read(name))
                target.chmod(0o644)


def content_id(site: Path, made: Build) -> str:
    """The hash of all files with their names, and of what the build says of itself."""
    digest = hashlib.sha256(as_json(made).encode() + START.read_bytes())
    for path in sorted(path for path in site.rglob("*") if path.is_file()):
        digest.update(f"\0{path.relative_to(site)}\0{path.stat().st_mode:o}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:ID_DIGITS]


def as_json(made: Build) -> str:
    return json.dumps(dataclasses.asdict(made), indent=2) + "\n"


def pack(site: Path, target: Path, made: Build) -> None:
    """Write the zip: shiv's, which begins with our own start.py."""
    environment = Environment(
        built_at=TIME,
        build_id=made.id,
        entry_point="server:main",
        compile_pyc=False,
        reproducible=True,
        shiv_version=shiv.__version__,
    )
    create_archive([site], target, "/usr/bin/env python3", "_start:start", environment)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo("_start.py", (1980, 1, 1, 0, 0, 0))
        entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        archive.writestr(entry, START.read_bytes())
    target.chmod(0o755)


def main() -> int:
    name = f"{product.SLUG}.pyz"
    parser = argparse.ArgumentParser(prog="run build", description="Make the program in one file.")
    parser.add_argument("file", nargs="?", metavar="FILE", help=f"default: build/{name}")
    parser.add_argument("--with-demo", action="store_true", help="with the Postgres and Redis of a demo")
    args = parser.parse_args()
    target = Path(args.file) if args.file else ROOT / "build" / name
    try:
        made = build(target, args.with_demo)
    except (BuildError, packages.PackagesError, OSError) as error:
        print(f"run build: {error}", file=sys.stderr)
        return 1
    size = target.stat().st_size / 1_000_000
    print(
        f"{target}: build {made.id}, {size:.1f} MB, for Python {made.minor} ({made.python} or later) on {made.machine}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
