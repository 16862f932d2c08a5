"""The table of a race, for people: medians, extremes, ratios to Gemel, and what was lost. Pure text."""
from .options import FAULTS
from .repetition import FAULTS as FAULT_TABLE
from .results import Race, Statistic, statistic

ORDER = ("gemel", "patroni-fastest", "patroni-defaults")
BASE = "gemel"


def contestants(race: Race) -> list[str]:
    present = {row.contestant for row in race.rows}
    more = sorted(present - set(ORDER))  # Gemel with other site files
    return [name for name in (BASE, *more, *ORDER[1:]) if name in present]


def faults(race: Race) -> list[str]:
    present = {row.fault for row in race.rows}
    return [name for name in FAULTS if name in present]


def seconds(milliseconds: float) -> str:
    """Three significant digits, so that 0.0834 s and 22.1 s stand side by side."""
    value = milliseconds / 1000
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def ratio(ours: Statistic | None, theirs: Statistic | None) -> str:
    """How many times as long as Gemel's median; a dash where one of the two has no measurement."""
    if not ours or not theirs or not ours.runs or not theirs.runs or ours.median <= 0:
        return "-"
    value = theirs.median / ours.median
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def table(race: Race) -> str:
    lines = ["| Fault | Contestant | Runs | Median s | Min s | Max s | Times Gemel | Whole again s | Lost rows (runs) | Hosts lacked rows (runs) "
             "| Unknown | In trouble |", "|" + "---|" * 12]
    for fault in faults(race):
        ours = statistic(race.of(BASE, fault))
        for name in contestants(race):
            found = statistic(race.of(name, fault))
            if found is None:
                continue
            times = [seconds(value) for value in (found.median, found.minimum, found.maximum)] if found.runs else ["-"] * 3
            if found.percentile_99 is not None:
                times[2] += f" (p99 {seconds(found.percentile_99)})"
            lines.append(f"| {fault} | {name} | {found.runs} | {' | '.join(times)} | {ratio(ours, found)} | "
                         f"{f'{found.whole:.1f}' if found.runs else '-'} | "
                         f"{found.lost} ({found.runs_with_loss}) | {found.lacking} | {found.unknown} | {found.troubles} |")
    return "\n".join(lines) + "\n"


def notes(race: Race) -> list[str]:
    """Rows a reader must know about: losses and runs that did not end as they should."""
    found = []
    for row in race.rows:
        lacking = ", ".join(f"{host} lacks {count}" for host, count in row.lost_on.items() if count)
        if row.lost or row.wrong or lacking or row.trouble:
            parts = [f"{row.lost} acknowledged rows lost" if row.lost else "", lacking,
                     f"{row.wrong} rows doubled or unasked" if row.wrong else "", " ".join(row.trouble.split())[:300]]
            found.append(f"- {row.at}, {row.contestant}, {row.fault}, round {row.round}: "
                         + "; ".join(part for part in parts if part))
    return found


def page(race: Race) -> str:
    """The whole .md file; the plot is expected beside it under the same name."""
    about = race.content["machine"]
    lines = [f"# Failover race, {race.content['began']}", "",
             f"{about['cores']} cores ({about['processor']}), {about['memory_gib']} GiB, Linux {about['kernel']}; "
             f"load at the start {about['load_at_start']}. " + "; ".join(sorted(race.content["versions"].values())) + ".", "",
             "Longest silence between two acknowledged inserts of the same client, in seconds. Settings and method: "
             "bench/failover/README.md.", "", f"![plot]({race.path.stem}.svg)", "", table(race)]
    lines += [f"- {fault}: {FAULT_TABLE[fault].title}" for fault in faults(race)]
    remarks = notes(race)
    if remarks:
        lines += ["", "## Losses and troubles", "", *remarks]
    return "\n".join(lines) + "\n"
