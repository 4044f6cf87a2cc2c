"""What the developer options count and clear of the tables of accounts. docs/api/operations.md#developer-options."""

from core.data import sql
from handlers.api.clearing import Clearing, Table

query = sql.load("accounts/clearing")

tables = [
    Table(10, "users", "System users (staff)", "accounts.account"),
    Table(11, "departments", "Organization departments", "accounts.department"),
    Table(12, "job_titles", "Job title definitions", "accounts.job_title"),
]
clearings = {
    "users": Clearing("All non-SUPERADMIN users cleared", query.clear_users),
    "departments": Clearing("All departments cleared", query.clear_departments),
    "job_titles": Clearing("All job titles cleared", query.clear_job_titles),
}
