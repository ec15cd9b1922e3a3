"""The pure core: every decision of the chain, and nothing else.

No clock, sleep, random number, lock, log or I/O: time and chance are arguments, state is a value that goes in and comes out.

    policy        the table: what each error class does (data), and the knobs of a chain
    timing        how long a park or a pause lasts
    breaker       one thing that may be parked: closed, parked, due, probing
    pool          the ordered credentials and their state: active index, term, failback timer
    twins         credentials that are one and the same
    identity      what tells two requests apart
    memory        words that proved to be the request's; droughts
    choose        who is asked next: the ring, probes, failback, rescue
    settlement    a result comes back: who is active, who is parked
    expectations  what answers usually take: limits, brownouts
    local         what one process keeps to itself: budgets, the scout, egress
    shared_state  where the state of a chain lives, as the core sees it
    walk          the books of one request: what it has seen, whom it may still ask
    next_attempt  whom a request asks now: a ticket, a wait, or no credential
    beside        whom it starts beside an attempt that is slow
    outcomes      what became of an attempt, for the request and for the chain
    rounds        once more: the same credential, or the whole ring
    egress        patience with our own network
    exhaustion    what the caller gets when no credential has served
    race          the attempts of one round, several beside each other where one is slow
    flow          one call as a generator: yields attempts and pauses, is sent what became of them
    streams       the same for a stream
    splice        how a new answer goes on where another one broke
    rejoin        two histories of one chain become one
    manual        what a person does: hold, release, probe now, make active
    events        what happened between two states
    status        a state in words, for people
"""
