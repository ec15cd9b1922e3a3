"""One module a provider; none is imported before it is asked for (see `embedding.factory`)."""
