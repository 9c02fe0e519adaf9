"""
Runs cases of one file in an environment that the tests do not share: `python worker.py CASES.py`. It reads
names of functions from stdin, a line each, and answers each with one line of JSON: what went wrong, or null.
"""

import asyncio
import importlib
import inspect
import json
import os
import sys
import traceback
from pathlib import Path


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a client that prints, prints to stderr
    cases = importlib.import_module(Path(sys.argv[1]).stem)
    for line in sys.stdin:
        case = getattr(cases, line.strip())
        wrong = None
        try:
            asyncio.run(case()) if inspect.iscoroutinefunction(case) else case()
        except BaseException:
            wrong = traceback.format_exc()
        print(json.dumps({"wrong": wrong}), file=answers, flush=True)


if __name__ == "__main__":
    main()
