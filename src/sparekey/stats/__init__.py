"""What happened in a chain, kept in bounded memory and in a history: counts, durations, events, tokens."""
