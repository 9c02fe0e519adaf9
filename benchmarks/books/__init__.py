"""
The book of `scripts/bench book`.

    filling    rows, made by the database itself on PostgreSQL
    pages      what is asked for
"""
