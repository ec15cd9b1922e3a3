"""What the gateway tells about itself: access log, metrics, spans, how its chains are, and what the console shows."""
