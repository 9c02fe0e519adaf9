"""
What Prometheus reads at `/metrics`: how many, how long, how full. Names and numbers, never text, and no label
that a caller can choose freely.

    instruments    every metric, its labels and its buckets
    counting       what happens while prompts are answered
    gauging        how things stand: models, servers, the book
    processes      what each process takes of the machine
    views          the page, and who may read it
"""
