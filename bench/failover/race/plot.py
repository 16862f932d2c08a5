"""The plot of a race: every repetition a dot on a logarithmic axis of seconds, the median a bar. SVG by hand."""
import math
import statistics
from xml.sax.saxutils import escape

from .report import contestants, faults
from .results import Race

COLOURS = {"gemel": "#0b6e4f", "patroni-fastest": "#c8553d", "patroni-defaults": "#6a5d7b"}
OTHER = "#444444"
WIDTH, LEFT, RIGHT, TOP, BAND, GROUP_GAP, BOTTOM = 900, 250, 30, 46, 24, 14, 52
DOT, SPREAD = 4, 6  # pixels: radius, and how far dots are set apart so that equal values stay visible


class Axis:
    """Seconds to pixels over whole decades that hold all values (ms)."""

    def __init__(self, values: list[float]):
        positive = [value / 1000 for value in values if value > 0] or [1.0]
        self.low = math.floor(math.log10(min(positive)))
        self.high = max(self.low + 1, math.ceil(math.log10(max(positive))))

    def x(self, milliseconds: float) -> float:
        share = (math.log10(max(milliseconds / 1000, 10.0 ** self.low)) - self.low) / (self.high - self.low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> list[float]:
        """In seconds: 1, 2 and 5 of every decade."""
        found = [step * 10.0 ** power for power in range(self.low, self.high) for step in (1, 2, 5)]
        return found + [10.0 ** self.high]


def text(x: float, y: float, content: str, anchor: str = "start", extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(content)}</text>'


def strip(axis: Axis, y: float, values: list[float], colour: str) -> list[str]:
    """One contestant under one fault: a line over the extremes, dots, a bar at the median."""
    middle = statistics.median(values)
    drawn = [f'<line x1="{axis.x(min(values)):.1f}" y1="{y:.1f}" x2="{axis.x(max(values)):.1f}" y2="{y:.1f}" '
             f'stroke="{colour}" stroke-width="1"/>']
    for index, value in enumerate(values):
        offset = ((index * 2 + 1) / (2 * len(values)) - 0.5) * SPREAD * 2
        drawn.append(f'<circle cx="{axis.x(value):.1f}" cy="{y + offset:.1f}" r="{DOT}" fill="{colour}" fill-opacity="0.45"/>')
    drawn.append(f'<line x1="{axis.x(middle):.1f}" y1="{y - 10:.1f}" x2="{axis.x(middle):.1f}" y2="{y + 10:.1f}" '
                 f'stroke="{colour}" stroke-width="3"/>')
    return drawn


def draw(race: Race) -> str:
    """The whole .svg file. Runs in trouble are not drawn: their gaps are no measurements."""
    rows = [(fault, name, [row.gap_ms for row in race.of(name, fault) if not row.trouble])
            for fault in faults(race) for name in contestants(race)]
    rows = [row for row in rows if row[2]]
    axis = Axis([value for _, _, values in rows for value in values])
    bottom = TOP + len(rows) * BAND + len({fault for fault, _, _ in rows}) * GROUP_GAP
    height = bottom + BOTTOM
    about = race.content["machine"]
    title = f"Longest write outage, every repetition, seconds (logarithmic); bar = median. {about['cores']} cores, " \
            f"Linux {about['kernel'].split('-')[0]}, {race.content['began'][:10]}"
    drawn = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
             'font-family="sans-serif" font-size="12" fill="#222">', f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
             text(12, 22, title, extra=' font-size="13" font-weight="bold"')]
    for tick in axis.ticks():
        x = axis.x(tick * 1000)
        drawn.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>')
        drawn.append(text(x, bottom + 18, f"{tick:g}", "middle"))
    drawn.append(text((LEFT + WIDTH - RIGHT) / 2, bottom + 38, "seconds", "middle"))
    y, shown = TOP + GROUP_GAP - BAND / 2, None
    for fault, name, values in rows:
        y += BAND
        if fault != shown:
            y += GROUP_GAP if shown else 0
            drawn.append(text(12, y + 4, fault, extra=' font-weight="bold"'))
            shown = fault
        colour = COLOURS.get(name, OTHER)
        drawn.append(text(LEFT - 12, y + 4, f"{name} ({len(values)})", "end", f' style="fill:{colour}"'))
        drawn += strip(axis, y, values, colour)
    return "\n".join([*drawn, "</svg>"]) + "\n"
