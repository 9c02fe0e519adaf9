"""
`rules__has="email"`: whether the array of rules holds one, on both databases.

PostgreSQL answers from a GIN index (migration 0002); SQLite looks through the text.
"""

import json
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler


class RulesField(models.JSONField):
    """A JSON array of rule ids, sorted, without repeats."""


@RulesField.register_lookup
class Has(models.Lookup[str]):
    """Takes one rule id."""

    lookup_name = "has"
    prepare_rhs = False

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} @> %s::jsonb", (*parameters, json.dumps([str(self.rhs)]))

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        # In the stored text each rule stands in quotes, and no rule id holds one; several times faster than
        # unfolding the JSON.
        return f"INSTR({column}, %s) > 0", (*parameters, json.dumps(str(self.rhs)))
