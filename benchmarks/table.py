"""The rows of the result, and the table that is printed."""

from dataclasses import dataclass


@dataclass
class Row:
    """One measurement. reference: the same work without the server, in the same unit unless reference_unit is given.
    met: whether the aim is met, or None without an aim."""

    name: str
    measured: float
    unit: str
    reference: float | None = None
    reference_unit: str = ""
    aim: str = ""
    met: bool | None = None
    notes: str = ""

    @property
    def ratio(self) -> float | None:
        return self.measured / self.reference if self.reference else None

    def cells(self) -> list[str]:
        measured = f"{figure(self.measured)} {self.unit}"
        reference = "" if self.reference is None else f"{figure(self.reference)} {self.reference_unit or self.unit}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        met = "" if self.met is None else "met" if self.met else "NOT MET"
        return [self.name, measured, reference, ratio, self.aim, met, self.notes]


@dataclass
class Failure:
    """A benchmark that could not be measured, and the reason."""

    name: str
    why: str

    def cells(self) -> list[str]:
        return [self.name, "not measured", "", "", "", "FAILED", self.why]


def figure(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def text(rows: list[Row | Failure]) -> str:
    """Returns an aligned table, with the numbers aligned to the right."""
    heads = ["what", "measured", "reference", "ratio", "aim", "", "notes"]
    lines = [heads, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    right = (1, 2, 3)

    def padded(column: int, cell: str) -> str:
        return cell.rjust(widths[column]) if column in right else cell.ljust(widths[column])

    shown = ["  ".join(padded(column, cell) for column, cell in enumerate(line)).rstrip() for line in lines]
    return "\n".join([shown[0], "-" * max(map(len, shown)), *shown[1:]])
