"""The packages that the program needs, copied as they are installed here, without those of tests."""

import configparser
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path, PurePath

# setuptools brings `packaging`, and puts it on the path: core/release/ needs nothing but shiv, which needs setuptools.
import setuptools  # type: ignore[import-untyped]  # noqa: F401
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# What pip notes about an installation; nothing reads it, and it differs from one machine to the next.
NOTES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
# Nothing reads these while a program runs: sources of compiled modules, types for checkers, maps for debuggers of scripts.
UNREAD = (".pyc", ".pyx", ".pxd", ".pyi", ".c", ".h", ".map")
# botocore describes 400 services, in a third of the bytes of the whole file. core/files/storage_s3.py speaks to one of them.
SERVICES = ("s3",)
# The glibc of the older names of the tags (PEP 600).
GLIBC = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}


class PackagesError(Exception):
    """The installed packages can't be used. The message is one line for the person at the terminal."""


def needed(root: Path, extras: list[str], python: str) -> list[metadata.Distribution]:
    """The installed packages that setup.cfg asks for, and those that they need on this version of Python, such as 3.11.2.

    Raises PackagesError: one is missing, or is not of the version that constraints.txt says.
    """
    config = configparser.ConfigParser()
    config.read(root / "setup.cfg", encoding="utf-8")
    asked = [config["options"]["install_requires"], *(config["options.extras_require"][extra] for extra in extras)]
    waiting = [Requirement(line) for text in asked for line in text.splitlines() if line and not line.startswith("#")]
    pins = dict(
        re.findall(r"^([A-Za-z0-9._-]+)==([^\s#]+)", (root / "constraints.txt").read_text(encoding="utf-8"), re.M)
    )
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    environment = {"python_full_version": python}
    found: dict[str, metadata.Distribution] = {}
    # A package may be asked for again with other extras, which ask for further packages.
    seen = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in sorted({"", *requirement.extras}):
            is_asked = requirement.marker is None or requirement.marker.evaluate({**environment, "extra": ""})
            if (name, extra) in seen or not is_asked:
                continue
            seen.add((name, extra))
            found[name] = one = _installed(name, pins)
            for line in one.requires or []:
                further = Requirement(line)
                if further.marker is None or further.marker.evaluate({**environment, "extra": extra}):
                    # Its marker is true, but says so only with this extra.
                    further.marker = None
                    waiting.append(further)
    return [found[name] for name in sorted(found)]


def _installed(name: str, pins: dict[str, str]) -> metadata.Distribution:
    try:
        one = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise PackagesError(f"{name} is not installed; ./run version installs what setup.cfg asks for") from None
    if one.version != pins.get(name):
        raise PackagesError(f"{name} {one.version} is installed, and constraints.txt says {pins.get(name, 'nothing')}")
    return one


def oldest_python(root: Path, extras: list[str]) -> str:
    """The oldest release of this minor version of Python for which the installed packages are enough.

    pip installs what this release needs, and redis, for example, needs async-timeout before 3.11.3 only.
    """
    major, minor, micro = sys.version_info[:3]
    while micro > 0:
        try:
            needed(root, extras, f"{major}.{minor}.{micro - 1}")
        except PackagesError:
            break
        micro -= 1
    return f"{major}.{minor}.{micro}"


def copy_package(package: metadata.Distribution, target: Path) -> None:
    """Copy the files that the package has below site-packages and that a running program may read."""
    for file in package.files or []:
        # Commands are outside of site-packages.
        if file.parts[0] != ".." and is_read(file):
            copy_file(Path(str(package.locate_file(file))), target / file)


def is_read(file: PurePath) -> bool:
    """Whether a running program may read this file of a package."""
    is_note = file.parent.name.endswith(".dist-info") and file.name in NOTES
    is_of_other_service = (
        file.parts[:2] == ("botocore", "data") and len(file.parts) > 3 and file.parts[2] not in SERVICES
    )
    return file.suffix not in UNREAD and not is_note and not is_of_other_service


def copy_file(source: Path, target: Path) -> None:
    """Copy content and whether it can be executed; other modes differ from one machine to the next."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def oldest_glibc(packages: list[metadata.Distribution]) -> tuple[int, int]:
    """The oldest glibc that all of them run on, by the tags of their wheels (PEP 600); (0, 0): they say nothing of one."""
    return max((_oldest_glibc(package.read_text("WHEEL") or "") for package in packages), default=(0, 0))


def _oldest_glibc(text: str) -> tuple[int, int]:
    found = [(int(major), int(minor)) for major, minor in re.findall(r"^Tag: .*-manylinux_(\d+)_(\d+)_", text, re.M)]
    found += [GLIBC[name] for name in re.findall(r"^Tag: .*-(manylinux\d+)_[a-z]", text, re.M) if name in GLIBC]
    return min(found, default=(0, 0))
