"""A report as CSV: one section below the other, each with its name, its header and its rows."""

from collections.abc import Callable
from pathlib import Path

from core.report.report import Report, batches
from core.sheets import csv_writer

BATCH = 500


def write(report: Report, folder: Path, path: Path, done: Callable[[int], None]) -> None:
    """done: called with the number of rows that were written."""
    with path.open("wb") as file:
        file.write(csv_writer.BOM)
        for fact in report.head:
            file.write(csv_writer.line(fact))
        for section in report.sections:
            file.write(csv_writer.line([]) + csv_writer.line([section.name]))
            file.write(csv_writer.line([column.header for column in section.columns]))
            for batch in batches(folder, section, BATCH):
                file.write(csv_writer.rows(section.columns, batch))
                done(len(batch))
