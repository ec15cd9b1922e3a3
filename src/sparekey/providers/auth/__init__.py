"""How clouds sign requests that no plain key opens: one module a cloud, pure functions without I/O."""
