"""Accounts: people, their sessions and roles. Shared by all four APIs, so its error bodies satisfy each of their documents."""
