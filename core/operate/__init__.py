"""What an operator does with a server from its command line: backup, restore, checks, another secret."""
