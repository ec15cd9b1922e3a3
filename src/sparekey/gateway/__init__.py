"""The gateway: one address for every client, in front of the chains of a configuration."""
