"""The time from a start on existing data to the first response."""

from statistics import median
from time import perf_counter

from benchmarks.installation import Installation, Server, environment
from benchmarks.plan import Plan
from benchmarks.table import Row
from core.embedded.home import open_home
from core.embedded.postgres import start_postgres

# The aim.
START_SECONDS = 3


def start(installation: Installation, plan: Plan) -> list[Row]:
    """Measures `server.py serve --demo` on an existing home folder. The reference is a start and stop of Postgres alone on it."""
    home = installation.folder / "start"
    first = _seconds(installation)
    again, references = [], []
    for _ in range(plan.rounds(3)):
        again.append(_seconds(installation))
        opened = open_home(home)
        try:
            began = perf_counter()
            start_postgres(opened).stop()
            references.append(perf_counter() - began)
        finally:
            opened.close()
    met = median(again) < START_SECONDS
    notes = f"the first start, which creates the database, takes {first:.1f} s"
    seconds, reference, aim = median(again), median(references), f"< {START_SECONDS} s"
    return [Row("start", seconds, "s", reference, "s Postgres start and stop", aim, met, notes)]


def _seconds(installation: Installation) -> float:
    arguments = ["--demo", "--home", str(installation.folder / "start")]
    server = Server(arguments, environment({}), installation.folder / "start.log")
    try:
        return server.wait()
    finally:
        server.stop()
