"""One module for each system, set up as its documentation says.

Each has an ordered list of credentials, streams, two retries, and a timeout of 30 s.
"""
