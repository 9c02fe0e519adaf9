"""
What was asked and answered, counted by the hour.

    tallies    adds what ended to its hour, in the transaction that ends it
    latency    counts between bounds, and the percentiles that they tell
    reading    a span of time, from the tallies alone
    views, serializers        /api/statistics
    admin, charts             the page for reviewers, drawn on the server
"""
