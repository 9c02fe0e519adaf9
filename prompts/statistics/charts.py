"""
Charts, drawn on the server as SVG: no script, nothing from elsewhere, and a name and a sentence that a screen
reader finds. What is drawn stands in a table of the page too; links in a chart are for those who point.

Colours are attributes, and lines and letters take the page's own (`currentColor`), so they fit a dark page
too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 920, 200
LEFT, BOTTOM, TOP = 56, 22, 14
ROW, NAMES = 22, 260
LABELS = 12  # about so many under a chart, whatever the number of points
LABEL_WIDTH = 30
EMPTY = SafeString("")
# Each at least 3:1 against a white and against a dark page.
COLOURS = ("#0072b2", "#d55e00", "#008f68", "#b8578f", "#8a7000", "#4f7fb8", "#7a4fa3", "#767676")


@dataclass(frozen=True, slots=True)
class Bar:
    """One column: what stands under it, and how high each colour is. `title` shows under the pointer; `links`
    has an address for each colour, or nothing."""

    label: str
    values: Sequence[float]
    title: str
    links: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One name with its bar."""

    name: str
    value: int
    link: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One value a point; None leaves a gap."""

    name: str
    colour: str
    values: Sequence[float | None]


def columns(
    bars: Sequence[Bar], colours: Sequence[str], *, title: str, told: str = "", most: float | None = None
) -> SafeString:
    """Stacked columns over time; `most` is the height of the chart, else the highest column. `told` says in a
    sentence what is to be seen."""
    highest = most or max((sum(bar.values) for bar in bars), default=0) or 1
    room, step = HEIGHT - TOP - BOTTOM, (WIDTH - LEFT) / max(1, len(bars))
    drawn = []
    for number, bar in enumerate(bars):
        y, about = float(HEIGHT - BOTTOM), conditional_escape(bar.title)
        for at, (value, colour) in enumerate(zip(bar.values, colours, strict=True)):
            if value > 0:
                tall = room * value / highest
                y -= tall
                place = (LEFT + number * step, y, max(0.8, step - 1), tall)
                link = bar.links[at] if bar.links else ""
                drawn.append(_rect(place, colour, title=about, link=link))
    labels = [bar.label for bar in bars]
    return _chart(title, told, _axis(highest), _under(labels, step), format_html_join("", "{}", _each(drawn)))


def lines(labels: Sequence[str], drawn: Sequence[Line], *, title: str, told: str = "") -> SafeString:
    """Lines over time, from 0 to the highest value. A point between two gaps is a dot."""
    highest = max((value for line in drawn for value in line.values if value is not None), default=0) or 1
    room, step = HEIGHT - TOP - BOTTOM, (WIDTH - LEFT) / max(1, len(labels))
    pieces = []
    for line in drawn:
        for stretch in _stretches(line.values):
            places = [
                (LEFT + (number + 0.5) * step, HEIGHT - BOTTOM - room * value / highest)
                for number, value in stretch
            ]
            pieces.append(_stroke(places, line))
    return _chart(
        title, told, _axis(highest), _under(labels, step), format_html_join("", "{}", _each(pieces))
    )


def rows(values: Sequence[Row], colour: str, *, title: str, told: str = "") -> SafeString:
    """A bar for each name, the names in front."""
    highest = max((row.value for row in values), default=0) or 1
    room = WIDTH - NAMES - 90
    drawn = []
    for number, row in enumerate(values):
        y, long = number * ROW, room * row.value / highest
        drawn.append(_text(0, y + 15, row.name, size=12))
        drawn.append(_rect((NAMES, y + 3, long, ROW - 6), colour, title=row.name, link=row.link))
        drawn.append(_text(NAMES + long + 6, y + 15, f"{row.value:,}", size=12))
    body = format_html_join("", "{}", _each(drawn))
    return _svg(title, told, max(1, len(values)) * ROW, body)


def _chart(title: str, told: str, *pieces: SafeString) -> SafeString:
    return _svg(title, told, HEIGHT, format_html_join("", "{}", _each(pieces)))


def _svg(title: str, told: str, height: int, body: SafeString) -> SafeString:
    about = format_html("<desc>{}</desc>", told) if told else EMPTY
    return format_html(
        '<svg viewBox="0 0 {} {}" width="100%" role="img" aria-label="{}"{}>{}{}</svg>',
        *(WIDTH, height, title, format_html(' aria-description="{}"', told) if told else EMPTY, about, body),
    )


def _axis(highest: float) -> SafeString:
    base, middle = HEIGHT - BOTTOM, (HEIGHT - BOTTOM + TOP) / 2
    grid = '<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="currentColor" stroke-opacity="{}"/>'
    return format_html(
        "{}{}{}{}{}",
        format_html(grid, LEFT, base, WIDTH, base, "0.4"),
        format_html(grid, LEFT, _short(middle), WIDTH, _short(middle), "0.12"),
        format_html(grid, LEFT, TOP, WIDTH, TOP, "0.12"),
        _text(0, TOP + 4, _number(highest)),
        _text(0, middle + 4, _number(highest / 2)),
    )


def _under(labels: Sequence[str], step: float) -> SafeString:
    every = max(1, -(-len(labels) // LABELS))
    shown = [
        _text(LEFT + number * step, HEIGHT - 6, label)
        for number, label in enumerate(labels)
        if number % every == 0 and LEFT + number * step < WIDTH - LABEL_WIDTH
    ]
    return format_html_join("", "{}", _each(shown))


def _rect(place: tuple[float, float, float, float], colour: str, *, title: str, link: str) -> SafeString:
    rect = '<rect x="{}" y="{}" width="{}" height="{}" fill="{}"><title>{}</title></rect>'
    told = (*map(_short, place), colour, title)
    if not link:
        return format_html(rect, *told)
    return format_html(f'<a href="{{}}" tabindex="-1">{rect}</a>', link, *told)


def _stroke(places: Sequence[tuple[float, float]], line: Line) -> SafeString:
    if len(places) == 1:
        (x, y) = places[0]
        return format_html(
            '<circle cx="{}" cy="{}" r="2.5" fill="{}"><title>{}</title></circle>',
            *(_short(x), _short(y), line.colour, line.name),
        )
    points = " ".join(f"{_short(x)},{_short(y)}" for x, y in places)
    return format_html(
        '<polyline points="{}" fill="none" stroke="{}" stroke-width="2"><title>{}</title></polyline>',
        *(points, line.colour, line.name),
    )


def _stretches(values: Sequence[float | None]) -> Iterable[list[tuple[int, float]]]:
    """The values between gaps, numbered."""
    stretch: list[tuple[int, float]] = []
    for number, value in enumerate((*values, None)):
        if value is not None:
            stretch.append((number, value))
        elif stretch:
            yield stretch
            stretch = []


def _text(x: float, y: float, text: str, *, size: int = 11) -> SafeString:
    return format_html(
        '<text x="{}" y="{}" font-size="{}" fill="currentColor">{}</text>', _short(x), _short(y), size, text
    )


def _each(pieces: Iterable[SafeString]) -> Iterable[tuple[SafeString]]:
    return ((piece,) for piece in pieces)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
