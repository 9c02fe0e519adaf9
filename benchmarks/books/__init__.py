"""
The book of `scripts/bench book`.

    filling    rows, made by the database itself on PostgreSQL
    pages      what is asked for
    counted    statistics without a book, with their sums and without
"""
