"""How long a start on existing data takes, to the first answered request."""

from statistics import median
from time import perf_counter

from benchmarks.installation import Installation, Server, environment
from benchmarks.plan import Plan
from benchmarks.table import Row
from core.embedded.home import open_home
from core.embedded.postgres import start_postgres

START_SECONDS = 3  # the aim


def start(installation: Installation, plan: Plan) -> list[Row]:
    """`server.py serve --demo` over a home that an earlier start made, beside its Postgres alone over the same."""
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
    notes = f"the first start, which makes the database: {first:.1f} s"
    return [
        Row(
            "start",
            median(again),
            "s",
            median(references),
            "s Postgres up and down",
            f"< {START_SECONDS} s",
            met,
            notes,
        )
    ]


def _seconds(installation: Installation) -> float:
    arguments = ["--demo", "--home", str(installation.folder / "start")]
    server = Server(arguments, environment({}), installation.folder / "start.log")
    try:
        return server.wait()
    finally:
        server.stop()
