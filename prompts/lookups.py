"""
Questions to JSON columns, answered by both databases.

    rules__has="email"                                    the array of rules holds one
    findings__some={"rule": "email", "action": "mask"}    an object of the array has all these fields

PostgreSQL answers the first from a GIN index (migration 0002); SQLite looks through the text.
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


@models.JSONField.register_lookup
class Some(models.Lookup[dict[str, str]]):
    """Takes fields with their values; the column is an array of objects."""

    lookup_name = "some"
    prepare_rhs = False

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} @> %s::jsonb", (*parameters, json.dumps([self.rhs]))

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        fields = dict(self.rhs)
        each = " AND ".join(["json_extract(value, %s) = %s"] * len(fields)) or "1"
        wanted = [part for name, value in fields.items() for part in (f'$."{name}"', value)]
        return f"EXISTS (SELECT 1 FROM json_each({column}) WHERE {each})", (*parameters, *wanted)  # noqa: S608  # nosec B608
