"""The pure core: every decision of the chain, and nothing else.

No clock, sleep, random number, lock, log or I/O: time and chance are arguments, state is a value that goes in and comes out.

    policy      the table: what each error class does (data), and the knobs of a chain
    timing      how long a park or a pause lasts
    breaker     one thing that may be parked: closed, parked, due, probing
    pool        the ordered credentials and their state: active index, term, failback timer
    admission   a request comes in: probes, the ring, rescue
    settlement  a result comes back: who is active, who is parked
    walk        what one request saw on its way around the ring
    flow        one call as a generator: yields attempts and pauses, is sent what became of them
    events      what happened between two states
    operator    what a person does: hold, release, probe now, make active
    status      a state in words, for people
"""
