"""
OpenAI's HTTP API over the pipeline, so that programs switch to this gateway by changing `base_url`.

    requests    a body becomes an `Ask`
    others      embeddings and moderations, bodies and answers
    responses   the newer address, a package of its own
    wire        answers become bodies and server-sent events, exactly as OpenAI writes them
    views       the addresses
"""
