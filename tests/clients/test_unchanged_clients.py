"""
Clients of others, as they are on their registries, against a running gateway with the real model:
langchain-openai, litellm and instructor from programs/, the openai package for Node from node/. Each runs in
an environment of its own and does one case after the other; only the address and the key are ours.
"""

import ast
import json
import re
import shutil
import subprocess

import pytest

from tests.clients.conftest import HERE

pytestmark = [pytest.mark.clients, pytest.mark.server, pytest.mark.model]
PROGRAMS = ("langchain", "litellm", "instructor", "node")


def cases_of(program):
    """The names of a file's cases: its functions without parameters."""
    if program == "node":
        return re.findall(r"^export async function (\w+)", (HERE / "node" / "cases.mjs").read_text(), re.M)
    tree = ast.parse((HERE / "programs" / f"{program}_cases.py").read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [each.name for each in functions if not ast.unparse(each.args)]


class Worker:
    """A process that runs cases by name; started for its first case."""

    def __init__(self, command, surroundings, log):
        self._log = log.open("w")
        self._process = subprocess.Popen(
            [str(part) for part in command],
            env=surroundings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def run(self, case):
        """What went wrong, or None."""
        self._process.stdin.write(f"{case}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        return json.loads(line)["wrong"] if line else f"it ended; see {self._log.name}"

    def end(self):
        self._process.kill()
        self._process.communicate()
        self._log.close()


@pytest.fixture(scope="module")
def workers(request, surroundings, tmp_path_factory):
    """One for each program, by name."""
    place = tmp_path_factory.mktemp("workers")
    running = {}

    def of(program):
        if program not in running:
            running[program] = Worker(command_of(program, request, place), surroundings, place / program)
        return running[program]

    yield of
    for worker in running.values():
        worker.end()


def command_of(program, request, place):
    if program != "node":
        python = request.getfixturevalue("clients_python")
        return [python, HERE / "programs" / "worker.py", f"{program}_cases.py"]
    node, modules = request.getfixturevalue("node_modules")
    for name in ("worker.mjs", "cases.mjs"):
        shutil.copy(HERE / "node" / name, place)
    (place / "node_modules").symlink_to(modules)
    return [node, place / "worker.mjs"]


@pytest.mark.parametrize(("program", "case"), [(p, case) for p in PROGRAMS for case in cases_of(p)])
def test_a_client(workers, program, case):
    wrong = workers(program).run(case)
    assert wrong is None, wrong
