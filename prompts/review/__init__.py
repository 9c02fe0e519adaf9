"""
The book for those whose work it is to read it: `/api/journal`, filtered and paged, and all of it as a file.

    serializers   the filters, and a row
    files         rows as CSV and as JSON lines
    views         the addresses
    panel         the same filters beside the admin's list
"""
