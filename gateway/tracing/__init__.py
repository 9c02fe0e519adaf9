"""
Traces, where OTEL_EXPORTER_OTLP_ENDPOINT says where to send them: a span for each request, and one for each
stage of its prompt. Names and numbers, never text.

    facts       what may be said of a span: the types let no text through
    spans       begins and ends spans. The only module that knows OpenTelemetry's interface
    serving     a request, from its first byte to the last of its answer
    house       a prompt's stages: puts something around the parts of the `House`, which know nothing of it
    answering   a model at work: here, at each server that is asked, in the engine service
    export      sends them, in a thread of its own, with a bounded queue
    switch      all of it on or off; imports OpenTelemetry when it is on, and not before
"""
