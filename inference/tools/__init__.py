"""
Calls of tools, for models that only know text.

    notations   how models write a call; which of them a model was trained with
    parser      finds calls in an answer while it comes       (pure)
    words       tools, calls and results for a template that knows none of them
    grammar     makes a model call: a grammar of the tools' schemas
"""
