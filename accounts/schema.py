"""Tells drf-spectacular what it cannot see: bearer tokens, and that unknown fields are refused."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Bearer <access_token>`."""

    target_class = "accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class StrictScheme(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """`additionalProperties: false` for every `StrictSerializer`, and no NUL in its texts."""

    target_class = "accounts.strict.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        mapped = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        mapped["additionalProperties"] = False
        for field in mapped["properties"].values():
            if field.get("type") == "string" and not {"format", "pattern", "enum"} & field.keys():
                field["pattern"] = r"^[^\u0000]*$"
        return mapped
