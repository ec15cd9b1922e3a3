"""The console: what the gateway's chains do, in plain words, for people.

host        what the console is shown, and asks for
words       states and causes in plain words
snapshot    everything the page and `sparekey status` show, as one JSON value
access      the admin key, sessions, who may change something
live        server-sent events
actions     what a person may do
faults      what can be injected into simulated providers

The page is `index.html`, `console.css`, `console.js`, served as they are.
"""
