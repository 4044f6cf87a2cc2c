"""The areas of the server, found in their folders: adding an area edits no other area's files.

An area is a package in handlers/; handlers/api is what all areas share. Each module of each package may define
    routes     [(path, handler)]                             core/http/router.py
    groups     (group, ...) of its routes                    handlers/api/description.py
    fallbacks  [(path prefix, handler)] for unknown paths    core/http/router.py
    refusals   {constraint: refusal}                         core/http/application.py
    duties     [Duty]                                        core/duties.py
    listeners  {topic of the event log: listener}            core/duties.py
    readings   [function of the application] of what the metrics show    core/metrics.py
    jobs       [Job] that run after the answer               core/jobs/job.py
    schedules  [Schedule] that enqueue them                  core/jobs/job.py
    demos      [coroutine function of the settings] that fill the demo
    exports    {noun: what a job exports}                    handlers/books/export_job.py
    acknowledges [coroutine function]                        handlers/dashboard/notification_socket.py
    admin_tables [Table], admin_facts [Facts] of the administration    handlers/api/admin.py
    pages      [PageLink] of the home page and the menu      handlers/api/page.py
    tables, clearings                                        handlers/api/clearing.py
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache
from types import ModuleType
from typing import Any

import handlers
from core.duties import Duty, Listener
from core.http.application import Application, Refusal, constraint_refusals
from core.http.router import Router
from core.jobs import Job, Schedule
from core.metrics import Reading


@cache
def modules() -> list[ModuleType]:
    """Every module of every package but this one, in alphabetical order."""
    found = []
    for area in sorted(pkgutil.iter_modules(handlers.__path__), key=lambda entry: entry.name):
        if area.ispkg:
            package = importlib.import_module(f"handlers.{area.name}")
            names = sorted(f"{package.__name__}.{entry.name}" for entry in pkgutil.iter_modules(package.__path__))
            found += [package, *(importlib.import_module(name) for name in names if name != __name__)]
    return found


def router() -> Router:
    """The routes and fallbacks of all areas."""
    return Router(gathered("routes"), gathered("fallbacks"))


def refusals() -> dict[str, Refusal]:
    """The refusals of all areas, by constraint."""
    return constraint_refusals(modules())


def duties() -> list[Duty]:
    """The duties of all areas."""
    return gathered("duties")


def listeners() -> dict[str, list[Listener]]:
    """The listeners of all areas, by topic of the event log."""
    found: dict[str, list[Listener]] = {}
    for module in modules():
        for topic, listener in getattr(module, "listeners", {}).items():
            found.setdefault(topic, []).append(listener)
    return found


def readings() -> list[Callable[[Application], Iterable[Reading]]]:
    """What the areas keep that the metrics show."""
    return gathered("readings")


def jobs() -> list[Job]:
    """The jobs of all areas."""
    return gathered("jobs")


def schedules() -> list[Schedule]:
    """The schedules of all areas. Raises ValueError when one names a job that there is not."""
    found, known = gathered("schedules"), {job.name for job in jobs()}
    for schedule in found:
        if schedule.job not in known:
            raise ValueError(f"schedule {schedule.name}: there is no job {schedule.job}")
    return found


def names() -> list[str]:
    """The names of the areas, which are also those of their schemas in Postgres."""
    return sorted({module.__name__.split(".")[1] for module in modules()} - {"api"})


def joined(name: str) -> dict[str, Any]:
    """One dict of all dicts that modules define under this name."""
    return {key: value for module in modules() for key, value in getattr(module, name, {}).items()}


def gathered(name: str) -> list[Any]:
    """One list of all lists that modules define under this name."""
    return [entry for module in modules() for entry in getattr(module, name, [])]
