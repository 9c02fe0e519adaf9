"""
The four roles, as Django groups with Django permissions. Migrations 0003 and 0007 make them; operators may
add their own.

    user            asks, and reads and erases his own prompts      every new account
    reviewer        reads everybody's sanitized prompts, findings and statistics, and the policies
    policy editor   writes policies and puts them into force
    admin           users, sessions, keys, limits, invitations, audit trail, statistics

Roles add up. A policy of the sanitizer may be assigned to a role by its name.
"""

from collections.abc import Iterable
from typing import Any

USER, REVIEWER, EDITOR, ADMIN = "user", "reviewer", "policy editor", "admin"
NAMES = (USER, REVIEWER, EDITOR, ADMIN)
# Those who have work to do in the admin, and so may log in there.
STAFF = frozenset({REVIEWER, EDITOR, ADMIN})

# Role to permissions, each `app.codename` with the model that Django files it under.
GRANTS: dict[str, tuple[tuple[str, str], ...]] = {
    USER: (("prompts.add_prompt", "prompt"),),
    REVIEWER: (
        ("prompts.view_prompt", "prompt"),
        ("prompts.read_text", "prompt"),
        ("prompts.view_statistics", "hourlytally"),
        ("sanitization.view_policyrevision", "policyrevision"),
    ),
    EDITOR: (
        ("sanitization.view_policyrevision", "policyrevision"),
        ("sanitization.add_policyrevision", "policyrevision"),
        ("sanitization.activate_policy", "policyrevision"),
    ),
    ADMIN: (
        ("accounts.view_user", "user"),
        ("accounts.add_user", "user"),
        ("accounts.change_user", "user"),
        ("accounts.delete_user", "user"),
        ("accounts.view_session", "session"),
        ("accounts.change_session", "session"),
        ("accounts.view_apikey", "apikey"),
        ("accounts.change_apikey", "apikey"),
        ("accounts.view_invitation", "invitation"),
        ("accounts.add_invitation", "invitation"),
        ("accounts.change_invitation", "invitation"),
        ("accounts.view_auditevent", "auditevent"),
        ("prompts.view_statistics", "hourlytally"),
        ("accounts.view_limit", "limit"),
        ("accounts.add_limit", "limit"),
        ("accounts.change_limit", "limit"),
        ("accounts.delete_limit", "limit"),
    ),
}


def grant(grants: dict[str, Iterable[tuple[str, str]]], apps: Any) -> None:
    """Makes the groups that are missing and gives each what it is to hold; takes nothing away.

    Permissions are made by name where Django has not made them yet: it does so after all migrations.
    """
    types = apps.get_model("contenttypes", "ContentType").objects
    permissions = apps.get_model("auth", "Permission").objects
    groups = apps.get_model("auth", "Group").objects
    for role, held in grants.items():
        group, _ = groups.get_or_create(name=role)
        for permission, model in held:
            app, codename = permission.split(".")
            kind, _ = types.get_or_create(app_label=app, model=model)
            right, _ = permissions.get_or_create(
                content_type=kind, codename=codename, defaults={"name": f"Can {codename.replace('_', ' ')}"}
            )
            group.permissions.add(right)
