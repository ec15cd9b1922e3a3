"""What the gateway tells about itself: access log, metrics, spans, and what the console shows."""
