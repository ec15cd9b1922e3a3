"""HTTP towards providers: connections, their pools, and what comes back on them."""
