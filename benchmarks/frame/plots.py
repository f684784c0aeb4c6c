"""Plots as SVG, without a package: lines over a number, and bars beside the bounds that they must keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10
from typing import Protocol

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 50
COLOURS = ("#1b6ca8", "#c8553d", "#2f8f4e", "#7a4fa3", "#b8860b", "#555555")
BAR_HEIGHT, BAR_GAP, LABEL_WIDTH = 18, 10, 300


class Plot(Protocol):
    """A picture that can be written."""

    def as_svg(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of points (x, y), one for each name. `logarithmic` is for an x that grows by factors."""

    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    logarithmic: bool = False

    def as_svg(self) -> str:
        points = [point for line in self.lines.values() for point in line]
        across = _Scale.over([x for x, _ in points], LEFT, WIDTH - RIGHT, logarithmic=self.logarithmic)
        up = _Scale.over([0.0, *(y for _, y in points)], HEIGHT - BOTTOM, TOP)
        parts = [_text(LEFT, 24, self.title, size=16), *_axes(across, up, self.x, self.y)]
        for number, (name, line) in enumerate(self.lines.items()):
            colour = COLOURS[number % len(COLOURS)]
            path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in sorted(line))
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>' for x, y in line]
            parts.append(_text(LEFT + 130 * number, 42, f"— {name}", colour=colour))
        return _svg(WIDTH, HEIGHT, parts)


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars, one for each name; `musts` are the bounds of some of them, drawn as a mark."""

    title: str
    bars: Mapping[str, float]
    musts: Mapping[str, float] = field(default_factory=dict)

    def as_svg(self) -> str:
        across = _Scale.over([0.0, *self.bars.values(), *self.musts.values()], LABEL_WIDTH, WIDTH - 80)
        parts = [_text(10, 24, self.title, size=16)]
        for number, (name, value) in enumerate(self.bars.items()):
            y = 40 + number * (BAR_HEIGHT + BAR_GAP)
            width = max(across(value) - LABEL_WIDTH, 1)
            parts.append(_text(LABEL_WIDTH - 8, y + 13, name, anchor="end"))
            parts.append(_rect(LABEL_WIDTH, y, width, BAR_HEIGHT, COLOURS[0]))
            parts.append(_text(LABEL_WIDTH + width + 6, y + 13, f"{value:.3g}"))
            if name in self.musts:
                parts.append(_rect(across(self.musts[name]) - 1, y - 3, 2, BAR_HEIGHT + 6, COLOURS[1]))
        return _svg(WIDTH, 50 + len(self.bars) * (BAR_HEIGHT + BAR_GAP), parts)


@dataclass(frozen=True, slots=True)
class _Scale:
    """A number's place in the picture."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, *, logarithmic: bool = False) -> "_Scale":
        low, high = min(values, default=0.0), max(values, default=1.0)
        return cls(low, high if high > low else low + 1, start, end, logarithmic)

    def __call__(self, value: float) -> float:
        if self.logarithmic:
            share = (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Gives some round numbers within."""
        if self.logarithmic:
            decades = range(ceil(log10(self.low)), floor(log10(self.high)) + 1)
            return [10.0**decade for decade in decades]
        rough = (self.high - self.low) / 5
        step = min((unit * 10 ** floor(log10(rough)) for unit in (1, 2, 5, 10)), key=lambda unit: abs(unit - rough))
        return [step * number for number in range(ceil(self.low / step), floor(self.high / step) + 1)]


def _axes(across: _Scale, up: _Scale, x: str, y: str) -> list[str]:
    parts = [_line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM), _line(LEFT, TOP, LEFT, HEIGHT - BOTTOM)]
    parts += [_text(across(tick), HEIGHT - BOTTOM + 16, f"{tick:g}", anchor="middle") for tick in across.ticks()]
    for tick in up.ticks():
        parts.append(_text(LEFT - 6, up(tick) + 4, f"{tick:g}", anchor="end"))
        parts.append(_line(LEFT, up(tick), WIDTH - RIGHT, up(tick), "#dddddd"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    return [*parts, _text(middle, HEIGHT - 10, x, anchor="middle"), _text(6, TOP - 8, y)]


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", colour: str = "#222222") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
    )


def _rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _line(x: float, y: float, to_x: float, to_y: float, colour: str = "#222222") -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"/>'


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="#ffffff"/>', *parts, "</svg>", ""])
