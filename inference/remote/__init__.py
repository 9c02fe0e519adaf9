"""
Model servers that are reached over OpenAI's HTTP API.

    options   how to reach one, and what it understands
    sse       bytes become the data of events       (pure)
    wire      a generation becomes a body, an event's data becomes pieces       (pure)
    refusals  a status and a body become one of our errors       (pure)
    client    the one pool of connections of this process
    backend   all of it put together: `RemoteBackend`
"""
