"""The sections of the exports of dashboards: their columns, their charts, and what a PDF shows of them. docs/api/dashboard.md#export."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from core.paper.amounts import MONTHS
from core.report.report import Tile
from core.sheets.cell import Column
from core.sheets.chart import Chart

# Of the lists in an overview, and the bars of a chart.
MOST_SHOWN = 10
# Periods of an overview; sql/dashboard/export_content.sql reads 24.
PERIODS_OF_OVERVIEW = 12

CLIENT_COLUMNS = (
    Column("Client ID", "id", "number"),
    Column("Client", "name"),
    Column("Company", "company"),
    Column("Revenue", "revenue", "amount"),
    Column("Share %", "share", "percent"),
    Column("Invoices", "invoices", "number"),
    Column("Quotes", "quotes", "number"),
    Column("Outstanding", "outstanding", "amount"),
    Column("Average days to pay", "average_days", "amount"),
    Column("Payment score", "score", "amount"),
    Column("Risk", "risk"),
    Column("Active", "is_active", "boolean"),
)


class Table(NamedTuple):
    """A section without its rows. source: of its rows, a list of sql/dashboard/export_content.sql or a member of its get_content. last: how
    many of its rows, from the end, are shown; 0: all. most: how many from the beginning; 0: as many as the format takes."""

    name: str
    source: str
    columns: tuple[Column, ...]
    chart: Chart | None = None
    paper: tuple[str, ...] = ()
    empty: str = "Nothing in this period."
    last: int = 0
    most: int = 0


FIGURES = Table(
    "Figures",
    "figures",
    (
        Column("Figure", "name"),
        Column("This period", "present", "by_row"),
        Column("Period before", "before", "by_row"),
        Column("Change %", "change", "percent"),
    ),
)
PERIODS = Table(
    "Periods",
    "periods",
    (
        Column("Period", "label"),
        Column("From", "start", "day"),
        Column("To", "last", "day"),
        Column("Revenue", "revenue", "amount"),
        Column("Tax in it", "tax", "amount"),
        Column("Expenses", "expenses", "amount"),
        Column("Net profit", "profit", "amount"),
        Column("Margin %", "margin", "percent"),
        Column("Invoices", "invoices", "number"),
    ),
    Chart("line", "Revenue and expenses", "label", ("revenue", "expenses", "profit")),
    ("label", "revenue", "tax", "expenses", "profit", "margin", "invoices"),
)
DUE = Table(
    "Outstanding",
    "due",
    (
        Column("Due", "name"),
        Column("Invoices", "invoices", "number"),
        Column("Amount", "amount", "amount"),
        Column("Share %", "share", "percent"),
    ),
    Chart("bars", "Outstanding by due date", "name", ("amount",)),
)
CATEGORIES = Table(
    "Expense categories",
    "categories",
    (
        Column("Category", "name"),
        Column("Amount", "amount", "amount"),
        Column("Expenses", "n", "number"),
        Column("Share %", "share", "percent"),
    ),
    Chart("pie", "Expenses by category", "name", ("amount",)),
    empty="No expenses in this period.",
)
METRICS = Table(
    "Metrics",
    "metrics",
    (
        Column("Metric", "name"),
        Column("Category", "category"),
        Column("This period", "present", "by_row"),
        Column("Period before", "before", "by_row"),
        Column("Change %", "change", "percent"),
        Column("Target", "target", "by_row"),
        Column("Target reached %", "achieved", "percent"),
    ),
)
CLIENTS = Table(
    "Clients",
    "clients",
    CLIENT_COLUMNS,
    Chart("bars", "Revenue of the largest clients", "name", ("revenue",), MOST_SHOWN),
    ("name", "revenue", "share", "invoices", "outstanding", "score", "risk"),
    "No invoices in this period.",
)
TOP_CLIENTS = CLIENTS._replace(name="Top clients", most=MOST_SHOWN)
SERVICES = Table(
    "Services",
    "services",
    (
        Column("Service", "name"),
        Column("Amount", "amount", "amount"),
        Column("Lines", "n", "number"),
        Column("Share %", "share", "percent"),
    ),
    Chart("bars", "Amount of the largest services", "name", ("amount",), MOST_SHOWN),
    empty="No invoices in this period.",
)
INVOICES = Table(
    "Invoices",
    "invoices",
    (
        Column("Invoice ID", "id", "number"),
        Column("Invoice number", "number"),
        Column("Client", "client"),
        Column("Issue date", "issue_date", "day"),
        Column("Due date", "due_date", "day"),
        Column("Status", "status"),
        Column("Title", "title"),
        Column("Subtotal", "subtotal", "amount"),
        Column("Tax", "tax", "amount"),
        Column("Total", "total", "amount"),
        Column("Paid", "paid", "amount"),
        Column("Balance", "balance", "amount"),
    ),
    paper=("client", "number", "issue_date", "due_date", "status", "total", "balance"),
    empty="No invoices in this period.",
)
EXPENSES = Table(
    "Expenses",
    "expenses",
    (
        Column("Expense ID", "id", "number"),
        Column("Date", "date", "day"),
        Column("Description", "description"),
        Column("Category", "category"),
        Column("Vendor", "vendor"),
        Column("Client", "client"),
        Column("Status", "status"),
        Column("Billable", "is_billable", "boolean"),
        Column("Tax", "tax", "amount"),
        Column("Amount", "amount", "amount"),
    ),
    paper=("description", "date", "category", "vendor", "status", "amount"),
    empty="No expenses in this period.",
)
# By export_type: what the file is called, and its sections.
TITLES = {
    "overview": "Overview",
    "detailed": "Detailed report",
    "financial": "Financial report",
    "clients": "Clients",
    "analytics": "Analytics",
}
TABLES: Mapping[str, tuple[Table, ...]] = {
    "overview": (FIGURES, PERIODS._replace(last=PERIODS_OF_OVERVIEW), TOP_CLIENTS, CATEGORIES),
    "detailed": (FIGURES, PERIODS, DUE, CATEGORIES, SERVICES, CLIENTS, METRICS, INVOICES, EXPENSES),
    "financial": (PERIODS, DUE),
    "clients": (CLIENTS,),
    "analytics": (METRICS, CATEGORIES, SERVICES, CLIENTS),
}
# The figures at the head of a PDF, and whether more of them is better.
TILES = {"Revenue": True, "Expenses": False, "Net profit": True, "Outstanding today": None}


def label(period_type: str, start: str) -> str:
    """What people call a period. start: its first day."""
    first = date.fromisoformat(start)
    month = MONTHS[first.month - 1][:3]
    if period_type == "yearly":
        return f"{first.year}"
    if period_type == "quarterly":
        return f"Q{(first.month + 2) // 3} {first.year}"
    if period_type == "monthly":
        return f"{month} {first.year}"
    # A week is named by its Monday.
    return f"{first.day} {month} {first.year}"


def tiles(figures: Sequence[Mapping[str, Any]]) -> tuple[Tile, ...]:
    """The figures at the head of a PDF."""
    found = {figure["name"]: figure for figure in figures}
    return tuple(_tile(found[name], more_is_better) for name, more_is_better in TILES.items())


def _tile(figure: Mapping[str, Any], more_is_better: bool | None) -> Tile:
    change = figure["change"] or ""
    if more_is_better is None or not change or not float(change):
        return Tile(figure["name"], figure["present"], figure["kind"], change)
    is_better = (float(change) > 0) == more_is_better
    return Tile(figure["name"], figure["present"], figure["kind"], change, is_better)
