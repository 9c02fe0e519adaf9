"""
Limits: how much a caller may ask in a minute, at once, and in a month.

    quotas         what is allowed: to a user, to his roles, to a key, by default      plain Python
    ledger         the arithmetic: minutes, leases, budgets                            plain Python
    reservations   what the pipeline sees: reserve, settle                             plain Python
    memory         the counts of one process
    shared         the counts of all processes, in Redis: `ledger` again, as scripts
    usage          what was used in a month: the truth, in the database
    limiter        puts these together

    reserve ──► does it fit, for the user and for his key? ──► counted, at once for both ──► the model
    settle  ◄── the tokens that were reserved become those that it took ◄── answered, failed, caller gone
"""
