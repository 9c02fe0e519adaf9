"""
Who may do what to what: the one place. The API, the admin and the console ask here.

    Holds        the caller holds the permission that a view of DRF names for the method
    manageable   the accounts that somebody may administer: nobody but a superuser touches a superuser
    own          the rows that are somebody's own; all others do not exist for him (404)
"""

from typing import Any, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, QuerySet
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import User

Rows = TypeVar("Rows", bound=Model)
Somebody = User | AbstractBaseUser | AnonymousUser


class Holds(BasePermission):
    """`needs` of a view maps methods to permissions, `app.codename`. A method that it does not name is open
    to everybody who is logged in, or answered 405."""

    def has_permission(self, request: Request, view: Any) -> bool:
        needed = view.needs.get("GET" if request.method == "HEAD" else request.method)
        return needed is None or bool(request.user.has_perm(needed))


def own(rows: QuerySet[Rows], user: Somebody) -> QuerySet[Rows]:
    """The rows whose `user` this is."""
    return rows.filter(user_id=user.pk)


def manageable(actor: Somebody) -> QuerySet[User]:
    """The accounts that the actor may administer, if he holds the permission to."""
    if isinstance(actor, User) and actor.is_superuser:
        return User.objects.all()
    return User.objects.filter(is_superuser=False)


def may_manage(actor: Somebody, target: User) -> bool:
    """Whether the target is one of the actor's to administer."""
    return not target.is_superuser or (isinstance(actor, User) and actor.is_superuser)
