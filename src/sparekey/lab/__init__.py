"""Simulated providers and the fault drill: nothing here is needed in production.

Only `cli` imports it.
"""
