"""What the benchmarks of the gateway share: the servers that are compared, and the load."""
