"""
OpenAI's `POST /v1/responses`, its stateless core: nothing is kept to be fetched later, so a conversation
comes whole with each request.

    items      the items of `input` become the turns of a conversation
    reading    a body becomes an `Ask`, and what the answer repeats of it
    writing    the response, and its items
    streaming  the same as server-sent events, as it comes
    schema     what the OpenAPI schema says
    views      the address
"""
