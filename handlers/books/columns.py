"""The columns of exports. Imports read the same headers. docs/api/books.md#exports-and-imports."""

from core.sheets.cell import Column

_STAMPS = (Column("Created", "created_at", "moment"), Column("Updated", "updated_at", "moment"))
_SUMS = (
    Column("Subtotal", "subtotal", "amount"),
    Column("Tax rate", "tax_rate", "rate"),
    Column("Tax", "tax_amount", "amount"),
    Column("Total", "total_amount", "amount"),
)
_TEXTS = (Column("Terms", "terms"), Column("Notes", "notes"))

CLIENTS = (
    Column("ID", "id", "number"),
    Column("Name", "name"),
    Column("Email", "email"),
    Column("Phone", "phone"),
    Column("Address", "address"),
    Column("Company", "company"),
    Column("Tax number", "tax_number"),
    Column("Notes", "notes"),
    Column("Active", "is_active", "boolean"),
    *_STAMPS,
)
QUOTES = (
    Column("ID", "id", "number"),
    Column("Quote number", "quote_number"),
    Column("Client ID", "client", "number"),
    Column("Client", "client_name"),
    Column("Issue date", "issue_date", "day"),
    Column("Expiry date", "expiry_date", "day"),
    Column("Status", "status"),
    Column("Title", "title"),
    Column("Lines", "line_items", "count"),
    *_SUMS,
    Column("Invoice ID", "invoice", "number"),
    *_TEXTS,
    Column("Sent", "sent_at", "moment"),
    *_STAMPS,
)
INVOICES = (
    Column("ID", "id", "number"),
    Column("Invoice number", "invoice_number"),
    Column("Client ID", "client", "number"),
    Column("Client", "client_name"),
    Column("Issue date", "issue_date", "day"),
    Column("Due date", "due_date", "day"),
    Column("Status", "status"),
    Column("Title", "title"),
    Column("Lines", "line_items", "count"),
    *_SUMS,
    Column("Paid", "paid_amount", "amount"),
    Column("Balance", "balance", "amount"),
    Column("Quote ID", "source_quote", "number"),
    *_TEXTS,
    Column("Sent", "sent_at", "moment"),
    Column("Paid at", "paid_at", "moment"),
    *_STAMPS,
)
EXPENSES = (
    Column("ID", "id", "number"),
    Column("Description", "description"),
    Column("Amount", "amount", "amount"),
    Column("Tax", "tax_amount", "amount"),
    Column("Category", "category"),
    Column("Date", "expense_date", "day"),
    Column("Vendor", "vendor"),
    Column("Receipt number", "receipt_number"),
    Column("Billable", "is_billable", "boolean"),
    Column("Client ID", "client", "number"),
    Column("Status", "status"),
    Column("Attachments", "attachments", "count"),
    Column("Notes", "notes"),
    *_STAMPS,
)
