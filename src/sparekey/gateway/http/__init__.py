"""HTTP towards clients: one connection, its requests and their bodies."""
