"""What the gateway serves: who may ask, at which paths, and how a request goes through its chain."""
