"""Clearing the tables of sales, for the developer options. docs/api/operations.md#developer-options."""

from core.data import sql
from handlers.api.clearing import Clearing, Table

query = sql.load("sales/clearing")

tables = [
    Table(1, "invoices", "Sales invoices/orders", "sales.invoice"),
    Table(2, "invoice_items", "Invoice line items", "sales.invoice_item"),
    Table(3, "invoice_returns", "Invoice return/review records", None),
    Table(4, "picking_sessions", "Picking workflow sessions", "sales.session", "picking"),
    Table(5, "packing_sessions", "Packing workflow sessions", "sales.session", "packing"),
    Table(6, "delivery_sessions", "Delivery workflow sessions", "sales.session", "delivery"),
    Table(7, "customers", "Customer records", "sales.customer"),
    Table(8, "salesmen", "Salesman records", "sales.salesman"),
    Table(9, "couriers", "Courier service providers", None),
]

# Wherever an invoice changes or goes.
_FORGET = (query.forget_invoices,)
clearings = {
    "all": Clearing("All data cleared successfully", query.count_all, (query.hold_all,), (query.empty_all, *_FORGET)),
    "invoices": Clearing(
        "All invoices and related data cleared",
        query.count_invoices,
        (query.hold_invoices,),
        (query.empty_invoices, *_FORGET),
    ),
    "sessions": Clearing(
        "All session data cleared",
        query.count_sessions,
        (query.be_quiet, query.hold_sessions),
        (query.empty_sessions, query.return_invoices, *_FORGET),
    ),
    "customers": Clearing(
        "All customers cleared",
        query.clear_customers,
        (query.hold_imports,),
        _FORGET,
        refusal="Cannot delete customers while invoices exist. Clear invoices first.",
    ),
    "salesmen": Clearing("All salesmen cleared", query.clear_salesmen, (query.hold_imports, query.be_quiet), _FORGET),
    "couriers": Clearing("All couriers cleared", query.count_couriers),
}
