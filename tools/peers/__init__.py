"""The fault wall in front of other libraries: see docs/comparison.md. Nothing here imports sparekey, as peers live without it."""
