"""Coding agents in front of the gateway: the real programs, run through a tool loop while keys die. `make agents` runs this."""
