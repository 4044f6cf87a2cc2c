"""Requests: from the socket to the handler, and what a handler reads and answers with."""
