# The first code that runs in the one file, of which it is a part: it says in one line why the file can't start here, where shiv would end
# with a traceback, and unpacks the file. Its syntax is that of Python 3.6, so that an old Python can read it and say so.
import json
import os
import platform
import sys
import sysconfig
import tempfile
import zipfile
from typing import Any, Dict, Optional


def start() -> None:
    """Unpack the file if that was not done before, and run the program."""
    with zipfile.ZipFile(sys.argv[0]) as archive:
        says = misfit(json.loads(archive.read("site-packages/build.json").decode()))
        if says:
            refuse(says)
        try:
            tempfile.gettempdir()
        except OSError:
            refuse("needs a folder for temporary files: make /tmp writable, or name another one by TMPDIR")
        os.environ["SHIV_ROOT"] = os.environ.get("SHIV_ROOT") or "~/.shiv"
        unpack(archive)
    import _bootstrap

    _bootstrap.bootstrap()


def misfit(build: Dict[str, Any]) -> Optional[str]:
    """Why the file can't run here; None: it can."""
    machine = "{} {}".format(platform.system(), platform.machine())
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    release = tuple(int(part) for part in build["python"].split("."))
    minor = "{}.{}".format(*release)
    if (suffix, machine) != (build["suffix"], build["machine"]) or sys.version_info[:3] < release:
        says = "is made for Python {} ({} or later) on {} ({}), and this is Python {} on {} ({}): start it with another python{}"
        theirs = minor, build["python"], build["machine"], build["suffix"]
        return says.format(*(theirs + (platform.python_version(), machine, suffix, minor)))
    needed = tuple(build["glibc"])
    found = tuple(int(part) for part in platform.libc_ver()[1].split(".")[:2] if part.isdigit())
    if needed > (0, 0) and needed > found:
        says = "needs glibc {}.{}, and this system has {}: make the file on a system as old as this one"
        return says.format(needed[0], needed[1], ".".join(map(str, found)) or "another library")
    return None


def unpack(archive: zipfile.ZipFile) -> None:
    """Unpack the file into a folder of this build, below SHIV_ROOT, unless it is there."""
    import _bootstrap

    environment = _bootstrap.Environment.from_json(archive.read("environment.json").decode())
    advice = "Name a folder that only this account can write: SHIV_ROOT=/var/cache/tradepost"
    root = os.environ["SHIV_ROOT"]
    try:
        place = _bootstrap.cache_path(archive, root, environment.build_id)
        if not (place / "site-packages").exists() or environment.force_extract:
            _bootstrap.extract_site_packages(
                archive, place, environment.compile_pyc, environment.compile_workers, environment.force_extract
            )
            # It was meant for this start, and has been done.
            os.environ.pop("SHIV_FORCE_EXTRACT", None)
        owner = place.stat().st_uid
    # RuntimeError: the account has no home folder.
    except (OSError, RuntimeError) as error:
        refuse("can't unpack itself into {}: {}. {}".format(root, getattr(error, "strerror", None) or error, advice))
    # In a folder such as /tmp, another account could have put a program of its own under this name.
    if owner not in (0, os.geteuid()):
        refuse("won't run what is in {}, because another account has unpacked it. {}".format(place, advice))


def refuse(says: str) -> None:
    sys.exit("{} {}".format(os.path.basename(sys.argv[0]), says))
