"""The two pages that need no account: what this is, and what its errors mean."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gateway.problems import TABLE


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Says what this service is and links onward."""
    return render(request, "gateway/front.html", {"origin": settings.PUBLIC_URL})


@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    """Lists the problem codes; every problem document's `type` points here."""
    rows: dict[str, dict[str, Any]] = {}
    for kind, row in TABLE.items():
        sentence = row.detail if isinstance(row.detail, str) else (kind.__doc__ or "").strip().split("\n")[0]
        rows.setdefault(row.code, {"code": row.code, "status": row.status, "sentence": sentence})
    return render(request, "gateway/problems.html", {"problems": rows.values()})
