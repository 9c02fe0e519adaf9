"""`Sanitized` is worth something only if few places can make one. This walks the source and lists them."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "accounts", "prompts", "sanitization", "inference")
# Where text becomes Sanitized: the stream that sanitizes it, the one for JSON that puts what streams made of
# its strings back between its marks, `join`, the chain that speaks for the operator's system prompt, and what
# reads back what was stored as one: answers, and in the spool their rows.
ALLOWED = {
    "sanitization/stream.py": 2,
    "sanitization/structured.py": 1,
    "sanitization/text.py": 1,
    "sanitization/chain.py": 1,
    "prompts/journal.py": 1,
    "prompts/spool.py": 1,
}


def makers(source: str) -> int:
    """How often a module makes a Sanitized out of something other than the empty string, casts included."""
    count = 0
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = node.args[0] if node.args else None
        if called == "Sanitized":
            count += not (isinstance(first, ast.Constant) and first.value == "")
        elif called == "cast" and first is not None:
            count += "Sanitized" in ast.dump(first)
    return count


def test_only_the_chain_and_what_keeps_its_texts_make_sanitized_text():
    found = {
        str(path.relative_to(ROOT)): number
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if (number := makers(path.read_text(encoding="utf-8")))
    }
    assert {path: number for path, number in found.items() if number > ALLOWED.get(path, 0)} == {}
    assert "sanitization/stream.py" in found


def test_the_walk_sees_every_way_of_making_one():
    assert makers("x = Sanitized(text)") == 1
    assert makers("x = chain.Sanitized(text)") == 1
    assert makers("x = cast(Sanitized, text)") == 1
    assert makers("x = typing.cast('Sanitized', text)") == 1
    assert makers("EMPTY = Sanitized('')") == 0


def test_the_core_imports_no_django():
    edges = {"apps.py", "checks.py", "composition.py", "models.py", "services.py", "store.py"}
    edges |= {"admin.py", "forms.py", "serializers.py", "views.py", "urls.py"}
    for path in (ROOT / "sanitization").rglob("*.py"):
        if path.name in edges or path.parent.name in ("commands", "migrations"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not any(name.split(".")[0] == "django" for name in names), path
