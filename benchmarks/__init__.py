"""What `./run bench` runs: the server's speed beside that of what it stands on, in one run, on this machine."""
