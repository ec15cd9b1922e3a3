"""What happened in a chain: counts, durations and records.

record              the one value for an event, a timeline's entry, a failed attempt, a row of the history
chain_stats         a chain's statistics in memory: a hook
credential_stats    the counts and durations of one credential
quantiles           durations of the last minutes in constant memory
history             a SQLite file of records and of counts by day; history_rows reads and writes its rows
restart             loads the statistics from the history after a restart, and writes them back
worker_reports      the numbers that the workers of one gateway exchange
tokens              a tracker of tokens by model and provider, for wrappers
"""
