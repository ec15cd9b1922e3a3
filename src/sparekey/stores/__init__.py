"""Where state lives between requests: read and compare-and-set, no policy."""
