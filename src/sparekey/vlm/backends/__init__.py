"""Backends: one small file a wire, each on the provider's own SDK, which is imported when a backend is first used."""
