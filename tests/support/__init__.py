"""What the tests run on: services, clients, real programs, a browser; it knows no test."""
