"""
What need not be computed again.

    answers       answers that were given before, and the key that one is kept under
    flights       answers that are being given now: the same request waits for one and shares it
    claims        the same between processes: who generates, until when
    replies       answers to requests that carry an Idempotency-Key
    stores        where all that is kept: memory of this process, or Redis (`redis_store`)
    purging       taking it out again

Everything that is kept is sanitized. The values of each caller are put back into his own copy, afterwards.
"""
