"""The console: a page that shows people in plain words what the gateway's chains do.

host        what the console is shown, and asks for
words       how a chain is (`observe.chain_health`), causes and what comes next in plain words
snapshot    everything the page and `sparekey status` show, as one JSON value
access      the admin key, sessions, who may change something
live        server-sent events
actions     what a person may do

The page is served as it is: `index.html`, `console.css`, and small modules without a build step. `console.js` puts the parts together,
`live.js` keeps the connection, `cards.js` shows the credentials, `past.js` what happened, `actions.js` asks and does, `draw.js` makes
elements, charts and numbers.
"""
