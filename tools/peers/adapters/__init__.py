"""One file for each system: how its users are told to set up an ordered list of credentials with streams, two retries and 30 s."""
