"""
One model name, many servers: which of them answers.

    table     models, servers and what leads where
    file      `backends.toml` becomes a table, or sentences about what is wrong with it
    choosing  which of several servers a conversation goes to       (pure)
    health    which may be asked at all, and how often one more may be tried       (pure)
    live      a server as it is now: how much it has to do, how it fares
    line      who waits for a place
    router    the `Backend` over all of it
    probes    asks servers from time to time whether they are alive
"""
