"""What is asked of the book, and how long that takes: through Django's own test client, without HTTP."""

import statistics
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from benchmarks.books.filling import RARE, WORDS, word

LIST, JOURNAL, STATISTICS = "/admin/prompts/prompt/", "/api/journal", "/admin/prompts/hourlytally/"
Ask = Callable[[int], tuple[Any, str, dict[str, str]]]


def measure(pages: dict[str, Ask], *, times: int) -> dict[str, tuple[float, float]]:
    """Of each page the median and the 95th percentile, in milliseconds. It is asked once before."""
    found: dict[str, tuple[float, float]] = {}
    for name, ask in pages.items():
        took = []
        for number in range(times + 1):
            client, path, query = ask(number)
            before = time.perf_counter()
            answer = client.get(path, query)
            took.append((time.perf_counter() - before) * 1000)
            assert answer.status_code == 200, (name, answer.status_code, answer.content[:500])
        took = sorted(took[1:])
        found[name] = (statistics.median(took), took[min(len(took) - 1, round(len(took) * 0.95))])
    return found


def pages(root: Any, users: list[Any]) -> dict[str, Ask]:
    """Pages that both databases have. `users` are some who asked."""
    from django.test import Client

    from accounts.sessions import open_session
    from prompts.models import Prompt

    office = Client(headers={"Host": "localhost"})
    office.force_login(root)

    def bearer(user: Any) -> Client:
        return Client(headers={"Authorization": f"Bearer {open_session(user).access}", "Host": "localhost"})

    desk, own = bearer(root), bearer(users[0])
    deep = Prompt.objects.order_by("-id").values_list("id", flat=True)[20_000]
    row = Prompt.objects.order_by("-id").values_list("id", flat=True)[1_000]
    some = [user.pk for user in users]
    month = datetime.now(UTC) - timedelta(days=30)
    half = {
        "since": (month - timedelta(days=150)).isoformat(),
        "until": (month - timedelta(days=120)).isoformat(),
    }
    cursor = b64encode(urlencode({"p": str(deep)}).encode()).decode()

    def journal(**query: Any) -> Ask:
        return lambda number: (desk, JOURNAL, query)

    def admin(**query: str) -> Ask:
        return lambda number: (office, LIST, query)

    return {
        "journal: the newest page": journal(),
        "journal: page 1,000, by its cursor": journal(cursor=cursor),
        "journal: of a user": lambda number: (desk, JOURNAL, {"user": str(some[number % len(some)])}),
        "journal: of a key": lambda number: (desk, JOURNAL, {"key": str(some[(number | 1) % len(some)])}),
        "journal: outcome blocked (1 %)": journal(outcome="blocked"),
        "journal: outcome not_scanned (0.01 %)": journal(outcome="not_scanned"),
        "journal: rule email (1 %)": journal(rule="email"),
        "journal: rule phone (0.1 %)": journal(rule="phone"),
        "journal: rule iban (0.01 %)": journal(rule="iban"),
        "journal: rule email in a month, half a year ago": journal(rule="email", **half),
        "journal: rule iban in a month, half a year ago": journal(rule="iban", **half),
        "journal: a model of 33 %": journal(model="smollm2-135m"),
        "journal: a model that was retired long ago": journal(model="retired"),
        "journal: a model of 0.001 %": journal(model="hardly-used"),
        "GET /prompt, one's own newest": lambda number: (own, "/prompt", {}),
        "GET /prompt?rule=email": lambda number: (own, "/prompt", {"rule": "email"}),
        "admin: the newest page": admin(),
        "admin: page 100": admin(p="100"),
        "admin: one row": lambda number: (office, f"{LIST}{row}/change/", {}),
        "admin: the past week": admin(when="week"),
        "admin: outcome blocked": admin(outcome="blocked"),
        "admin: rule email": admin(rule="email"),
        "admin: rule iban": admin(rule="iban"),
        "statistics: the past day": lambda number: (office, STATISTICS, {"span": "day"}),
        "statistics: the past week": lambda number: (office, STATISTICS, {"span": "week"}),
        "statistics: the past month": lambda number: (office, STATISTICS, {"span": "month"}),
    }


def searches(root: Any) -> dict[str, Ask]:
    """Searches, on PostgreSQL. Words differ from one time to the next where there are many of a kind."""
    from django.test import Client

    from accounts.sessions import open_session

    office = Client(headers={"Host": "localhost"})
    office.force_login(root)
    desk = Client(headers={"Authorization": f"Bearer {open_session(root).access}", "Host": "localhost"})

    def journal(words: Callable[[int], str]) -> Ask:
        return lambda number: (desk, JOURNAL, {"search": words(number)})

    def rare(number: int) -> str:
        return word(WORDS - 1 - 37 * number)

    return {
        "search: a word in 0.002 %": journal(lambda number: RARE),
        "search: words in about 0.003 %": journal(rare),
        "search: two of them": journal(lambda number: f"{rare(number)} {rare(number + 50)}"),
        "search: either of them": journal(lambda number: f"{rare(number)} or {rare(number + 100)}"),
        "search: words that are in no row": journal(lambda number: f"nowhere{number}"),
        "search: words in about 0.03 %": journal(lambda number: word(9_000 + 37 * number)),
        "search: words in about 0.3 %": journal(lambda number: word(900 + 7 * number)),
        "search: words in about 3 %": journal(lambda number: word(90 + number)),
        "search: the commonest word (80 %)": journal(lambda number: word(1)),
        "search: a common word without another": journal(lambda number: f"{word(3)} -{word(1)}"),
        "search: a phrase of common words": journal(lambda number: f'"{word(7)} {word(11 + number)}"'),
        "admin: search for words in about 0.003 %": lambda number: (office, LIST, {"q": rare(number + 200)}),
    }
