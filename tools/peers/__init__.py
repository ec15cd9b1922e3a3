"""The fault wall for other libraries: see docs/comparison.md.

This module imports nothing of sparekey, because the peers' environments lack it.
"""
