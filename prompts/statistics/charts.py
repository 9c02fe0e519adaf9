"""
Bars, drawn on the server as SVG: no script, nothing from elsewhere, and text that a screen reader finds.

Colours are attributes, and lines and letters take the page's own (`currentColor`), so they fit a
dark page too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 920, 200
LEFT, BOTTOM, TOP = 56, 22, 14
ROW, NAMES = 22, 260


@dataclass(frozen=True, slots=True)
class Bar:
    """One column: what stands under it, and how high each colour is. `title` shows under the pointer."""

    label: str
    values: Sequence[int]
    title: str


def columns(bars: Sequence[Bar], colours: Sequence[str], *, title: str) -> SafeString:
    """Stacked columns over time."""
    highest = max((sum(bar.values) for bar in bars), default=0) or 1
    room, step = HEIGHT - TOP - BOTTOM, (WIDTH - LEFT) / max(1, len(bars))
    drawn, labels = [], []
    every = max(1, -(-len(bars) // 12))  # about a dozen labels, whatever the number of bars
    for number, bar in enumerate(bars):
        x, y = LEFT + number * step, float(HEIGHT - BOTTOM)
        for value, colour in zip(bar.values, colours, strict=True):
            if value > 0:
                tall = room * value / highest
                y -= tall
                drawn.append(
                    (_short(x), _short(y), _short(max(1, step - 1)), _short(tall), colour, bar.title)
                )
        if number % every == 0:
            labels.append((_short(x), HEIGHT - 6, bar.label))
    base = HEIGHT - BOTTOM
    return format_html(
        '<svg viewBox="0 0 {} {}" width="100%" role="img" aria-label="{}">'
        '<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="currentColor" stroke-opacity="0.4"/>'
        '<text x="0" y="{}" font-size="11" fill="currentColor">{}</text>{}{}</svg>',
        *(WIDTH, HEIGHT, title, LEFT, base, WIDTH, base, TOP + 4, f"{highest:,}"),
        format_html_join(
            "",
            '<rect x="{}" y="{}" width="{}" height="{}" fill="{}"><title>{}</title></rect>',
            drawn,
        ),
        format_html_join("", '<text x="{}" y="{}" font-size="11" fill="currentColor">{}</text>', labels),
    )


def rows(values: Sequence[tuple[str, int]], colour: str, *, title: str) -> SafeString:
    """A bar for each name, the names in front."""
    highest = max((value for _, value in values), default=0) or 1
    room = WIDTH - NAMES - 90
    drawn = [
        (
            *(number * ROW + 15, name, NAMES, number * ROW + 3, _short(room * value / highest), ROW - 6),
            *(colour, _short(NAMES + room * value / highest + 6), number * ROW + 15, f"{value:,}"),
        )
        for number, (name, value) in enumerate(values)
    ]
    return format_html(
        '<svg viewBox="0 0 {} {}" width="100%" role="img" aria-label="{}">{}</svg>',
        *(WIDTH, max(1, len(drawn)) * ROW, title),
        format_html_join(
            "",
            '<text x="0" y="{}" font-size="12" fill="currentColor">{}</text>'
            '<rect x="{}" y="{}" width="{}" height="{}" fill="{}"/>'
            '<text x="{}" y="{}" font-size="12" fill="currentColor">{}</text>',
            drawn,
        ),
    )


def _short(number: float) -> str:
    return f"{number:.1f}"
