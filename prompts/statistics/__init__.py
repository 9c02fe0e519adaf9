"""
What was asked and answered, counted by the hour.

    tallies    adds what ended to its hour, in the transaction that ends it
    latency    counts between bounds, and the percentiles that they tell
    summing    sums of the days that ended, behind the prompts
    pieces     what of a span is read from sums, and what from tallies
    reading    a span of time, from both
    views, serializers        /api/statistics
    admin, page, charts       the page for reviewers, drawn on the server
    health                    how models, servers and the book are, for that page
"""
