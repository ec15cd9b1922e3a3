"""The formats of model APIs: requests are rewritten for a provider, answers, events and errors are read and written."""
