"""Accounts: people, their sign-ins, roles and menus, for all four APIs. docs/api/accounts.md."""

# Items on a page of every list that has pages: without `page_size`, and at most. docs/api/accounts.md#departments-and-job-titles.
PAGE_SIZE, MAX_PAGE_SIZE = 20, 100
