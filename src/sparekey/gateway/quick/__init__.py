"""The quick path: an ordinary request of a healthy chain, without task, cycle and ASGI. What is not ordinary goes to the engine."""
