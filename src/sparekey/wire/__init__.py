"""How requests are put to providers and read back."""
