"""Webhooks: events of all areas, sent to the addresses that accounts name. docs/api/webhooks.md."""
