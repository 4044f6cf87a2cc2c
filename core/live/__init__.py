"""The event log and the streams that are fed from it."""
