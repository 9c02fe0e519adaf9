"""
OpenAI's HTTP API over the pipeline, so that programs switch to this gateway by changing `base_url`.

    fields    what a field may be: read strictly, and described for the schema, from one declaration
    requests  a body becomes an `Ask`
    wire      answers become bodies and server-sent events, exactly as OpenAI writes them
    views     the addresses
"""
