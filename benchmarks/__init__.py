"""The benchmarks of `./run bench`. Each compares the server with a reference, such as pgbench, on this machine and in the same run."""
