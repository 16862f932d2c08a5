"""The timeline of a run as a picture (SVG): a lane for each host, the faults as bars, write gaps in red, takeovers as marks."""
from html import escape

from .runner import Run

WIDTH, LEFT, LANE, GAP = 1080, 70, 20, 6
NAMES = {"serves": "primary, gate open", "standby": "standby", "closed": "gate shut, not a standby", "silent": "agent silent",
         "frozen": "frozen", "off": "off", "on": "runs"}
MARKS = ("ccm1", "ccm2", "lb1")


class Picture:
    """Collects the shapes; x is time."""

    def __init__(self, length: float):
        self.length = max(length, 1.0)
        self.shapes: list[str] = []
        self.y = 4

    def x(self, at: float) -> float:
        return round(LEFT + (WIDTH - LEFT - 10) * min(max(at, 0), self.length) / self.length, 1)

    def bar(self, start: float, end: float, kind: str, title: str, height: int = LANE - 6) -> None:
        width = max(self.x(end) - self.x(start), 1.5)
        self.shapes.append(f'<rect class="{kind}" x="{self.x(start)}" y="{self.y + (LANE - height) / 2}" width="{width:.1f}" '
                           f'height="{height}" rx="2"><title>{escape(title)}</title></rect>')

    def text(self, x: float, words: str, kind: str = "name") -> None:
        self.shapes.append(f'<text class="{kind}" x="{x}" y="{self.y + 14}">{escape(words)}</text>')

    def next(self) -> None:
        self.y += LANE + 2


def lanes_of(run: Run) -> list[str]:
    """The database hosts, and the others when something happened to them."""
    return [host for host, lane in run.lanes.items() if host not in MARKS or any(what != "on" for _, what in lane)]


def draw(run: Run) -> str:
    picture = Picture(run.length)
    for start, end, words in run.faults:
        picture.text(4, "fault")
        picture.bar(start, end, "fault", f"{words}: {start:.2f} s to {end:.2f} s")
        # Beside the bar where there is room, else before it.
        at, anchor = (picture.x(start) + 5, "") if picture.x(start) < WIDTH * 0.6 else (picture.x(start) - 5, " before")
        picture.text(at, words, "words" + anchor)
        picture.next()
    top = picture.y
    for host in sorted(lanes_of(run)):
        lane = run.lanes[host]
        picture.text(4, host)
        for index, (start, what) in enumerate(lane):
            end = lane[index + 1][0] if index + 1 < len(lane) else run.length
            picture.bar(start, end, f"lane {what}", f"{host}: {NAMES.get(what, what)}, {start:.2f} s to {end:.2f} s")
        picture.next()
    for name, gaps in (("writes", run.gaps), ("reads", run.read_gaps)):
        if not gaps and name == "reads":
            continue
        picture.text(4, name)
        picture.bar(0, run.length, "flow", f"acknowledged {name}", 4)
        for start, end in gaps:
            picture.bar(start, end, "gap", f"no acknowledged {name[:-1]} for {1000 * (end - start):.0f} ms")
        longest = max(gaps, key=lambda gap: gap[1] - gap[0], default=None)
        if longest and longest[1] - longest[0] > 0.1:
            picture.text(picture.x(longest[1]) + 4, f"{1000 * (longest[1] - longest[0]):.0f} ms", "words")
        picture.next()
    for at, holder, epoch in run.takeovers:
        picture.shapes.append(f'<line class="taken" x1="{picture.x(at)}" x2="{picture.x(at)}" y1="{top}" y2="{picture.y}"/>'
                              f'<text class="taken" x="{picture.x(at) + 3}" y="{picture.y + 10}">{escape(holder)}, epoch {epoch}'
                              '</text>')
    axis(picture, top)
    return (f'<svg viewBox="0 0 {WIDTH} {picture.y + 32}" role="img" aria-label="Timeline of fault {escape(run.fault)}">'
            + "".join(picture.shapes) + "</svg>")


def axis(picture: Picture, top: int) -> None:
    step = next(step for step in (1, 2, 5, 10, 20, 60, 120, 300, 600, 3600) if picture.length / step <= 20)
    for tick in range(int(picture.length // step) + 1):
        x = picture.x(tick * step)
        picture.shapes.insert(0, f'<line class="tick" x1="{x}" x2="{x}" y1="{top}" y2="{picture.y}"/>')
        picture.shapes.append(f'<text class="tick" x="{x}" y="{picture.y + 26}">{tick * step} s</text>')
