"""
What `benchmarks.journal` measures.

    rows       prompts with their ends, and the two statements that hold such a one
    samples    one sample of each workload, ours and bare
"""
