"""Bars as an SVG of a few kilobytes, readable on white and on black."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bench.figures import Figures, Spread

_WIDTH = 800
_LABELS = 370
_NUMBERS = 90
_BAR = 16
_STEP = 26
_OURS = "#2f7ed8"
_THEIRS = "#9aa5b1"
_INK = "#808890"


@dataclass(frozen=True)
class Bars:
    """One group of bars."""

    title: str
    bars: Sequence[tuple[str, str, Spread]]


def chosen(figures: Figures, titles: Mapping[str, str]) -> list[Bars]:
    """Take what a reader wants to know first."""
    groups = (
        ("Acknowledged per second, 64 connections", "ack", "64 connections"),
        ("Handled per second, 8 at once", "handled", "8 at once"),
    )
    return [
        Bars(title, bars)
        for title, workload, condition in groups
        if (bars := _bars(figures.of(workload), condition, titles))
    ]


def _bars(
    figures: Figures, condition: str, titles: Mapping[str, str]
) -> list[tuple[str, str, Spread]]:
    found = [
        (subject, titles[subject].replace("*", "").replace("`", ""), value)
        for subject in figures.subjects(condition)
        # The generator's limit is no peer, and would make all others short.
        if subject != "constant"
        and (value := figures.spread(subject, condition, "per_second")) is not None
    ]
    return sorted(found, key=lambda bar: -bar[2].median)


def svg(groups: Sequence[Bars]) -> str:
    """Draw the groups below each other; a line shows the lowest and the highest."""
    lines: list[str] = []
    y = 8
    for group in groups:
        y += 20
        lines.append(_text(8, y, group.title, bold=True))
        y += 12
        longest = max(spread.highest for _, _, spread in group.bars)
        for subject, label, spread in group.bars:
            lines += _bar(y, label, spread, longest, is_ours=subject.startswith("almahook"))
            y += _STEP
        y += 12
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" '
        f'width="{_WIDTH}" height="{y}" font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, *lines, "</svg>"]) + "\n"


def _bar(y: int, label: str, spread: Spread, longest: float, *, is_ours: bool) -> list[str]:
    scale = (_WIDTH - _LABELS - _NUMBERS) / longest
    left, middle = _LABELS, y + _BAR / 2
    low, high = left + spread.lowest * scale, left + spread.highest * scale
    return [
        _text(left - 8, middle + 4, label, anchor="end"),
        (
            f'<rect x="{left}" y="{y}" width="{max(1, spread.median * scale):.1f}" '
            f'height="{_BAR}" fill="{_OURS if is_ours else _THEIRS}"/>'
        ),
        f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="{_INK}" stroke-width="2"/>',
        _text(high + 6, middle + 4, f"{spread.median:,.0f}"),
    ]


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{_INK}"{weight}>'
        f"{escape(text)}</text>"
    )
