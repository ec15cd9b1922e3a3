"""A request of any chat format as one set of values, and its reader for each format (`reading.read`)."""
