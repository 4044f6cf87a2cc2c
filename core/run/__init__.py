"""One process of the server, and several on one port."""
