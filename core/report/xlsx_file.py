"""A report as XLSX: a sheet for each section, with its chart beside it."""

import json
from collections.abc import Callable
from pathlib import Path

from core.report.report import Report, batches
from core.sheets.cell import Column
from core.sheets.xlsx_writer import XlsxWriter

BATCH = 500
_FACTS = (Column("Report", "label"), Column("", "text"))


def write(report: Report, folder: Path, path: Path, done: Callable[[int], None]) -> None:
    """done: called with the number of rows that were written."""
    writer = XlsxWriter(path, "Report", _FACTS)
    left_out = [
        (section.name, f"{section.left_out:,} more rows do not fit on a sheet; CSV has all.")
        for section in report.sections
        if section.left_out
    ]
    facts = (*report.head, *left_out)
    writer.add([json.dumps({"label": label, "text": text}) for label, text in facts])
    for section in report.sections:
        writer.begin(section.name, section.columns)
        for batch in batches(folder, section, BATCH):
            writer.add(batch)
            done(len(batch))
        if report.charts and section.chart is not None:
            writer.chart(section.chart)
    writer.close()
