"""
llama.cpp behind `inference.runner.Runner`. The only package that imports llama_cpp.

    runner      the LlamaRunner
    library     the C library itself: silenced, and refused where its build crashes
    loading     a model and its context in memory
    vocabulary  text to tokens and back
    batch       a step's rows as the arrays that llama.cpp reads
    slots       what each slot holds; cutting and copying without a hole
    sampling    choosing the next token
    formats     what an answer must look like, as a grammar
    saving      what a slot holds, in a file

Uses the low-level API: the high-level one serialises callers behind locks and holds one sequence.
"""

from inference.llama.library import system_info
from inference.llama.runner import LlamaRunner
from inference.options import LlamaOptions

__all__ = ["LlamaOptions", "LlamaRunner", "system_info"]
