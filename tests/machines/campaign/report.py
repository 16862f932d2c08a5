"""The report of a campaign: report.json for programs, and index.html, one page that needs nothing else, for people."""
import json
import math
from dataclasses import asdict
from html import escape
from pathlib import Path

from .runner import Run
from .timeline import NAMES, draw

STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1c2126; --soft: #5d6873; --line: #d5dbe1; --panel: #f5f7f9;
  --good: #1b7f4b; --bad: #c62a2f; --warn: #a15c00; --primary: #2b8a5b; --standby: #6f9fd8; --closed: #d0a53a;
  --silent: #b7a5cf; --frozen: #56c1cf; --off: #6b7680; --fault: #e8d9f4; --fault-line: #8451ab; }
@media (prefers-color-scheme: dark) { :root { --back: #14181c; --text: #e4e9ee; --soft: #98a4b0; --line: #333b44;
  --panel: #1c2228; --good: #5ccb8f; --bad: #ff6b6b; --warn: #eab256; --primary: #37a06c; --standby: #3f6fae;
  --closed: #a98325; --silent: #7a659c; --frozen: #2f97a6; --off: #4c555e; --fault: #3a2b49; --fault-line: #b48ad6; } }
* { box-sizing: border-box } body { margin: 0 auto; max-width: 1160px; padding: 24px; background: var(--back); color: var(--text);
  font: 15px/1.45 system-ui, sans-serif } h1 { font-size: 22px; margin: 0 0 4px } h2 { font-size: 17px; margin: 28px 0 6px }
.soft { color: var(--soft) } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: 4px 8px; border-bottom: 1px solid var(--line); vertical-align: top } th { color: var(--soft);
  font-weight: 600 } td.number, th.number { text-align: right } .scroll { overflow-x: auto }
.figures { display: flex; flex-wrap: wrap; gap: 10px; margin: 16px 0 } .figures div { background: var(--panel); border: 1px solid
  var(--line); border-radius: 8px; padding: 8px 14px } .figures b { display: block; font-size: 20px }
.ok { color: var(--good) } .violated { color: var(--bad); font-weight: 600 } .undecided, .over { color: var(--warn);
  font-weight: 600 } a { color: inherit } details { margin: 4px 0 } summary { cursor: pointer; color: var(--soft) }
section { border-top: 1px solid var(--line); padding-bottom: 8px } svg { width: 100%; height: auto; background: var(--panel);
  border: 1px solid var(--line); border-radius: 8px } svg text { fill: var(--text); font: 11.5px system-ui, sans-serif }
svg text.tick { fill: var(--soft); text-anchor: middle } svg text.before { text-anchor: end } svg text.taken { fill: var(--bad) }
svg line.tick { stroke: var(--line) } svg line.taken { stroke: var(--bad); stroke-dasharray: 4 3 }
rect.fault { fill: var(--fault); stroke: var(--fault-line) } rect.flow { fill: var(--primary); opacity: .55 }
rect.gap { fill: var(--bad) } rect.serves { fill: var(--primary) } rect.standby { fill: var(--standby) }
rect.closed { fill: var(--closed) } rect.silent { fill: var(--silent) } rect.frozen { fill: var(--frozen) }
rect.off { fill: var(--off) } rect.on { fill: var(--line) } .legend span { display: inline-block; margin-right: 14px }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 2px; margin-right: 5px; vertical-align: -1px }
"""
WORDS = {"ok": "ok", "violated": "VIOLATED", "undecided": "undecided", "over": "over the limit"}


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def figures(runs: list[Run]) -> dict:
    """The summary of all runs; gaps in milliseconds, of each run its longest."""
    gaps = [run.longest_gap_ms for run in runs]
    back = [run.converged_after_s for run in runs if run.converged_after_s is not None]
    return {"runs": len(runs), "rows": len({run.fault for run in runs}), "kills": sum(run.kills for run in runs),
            "ok": sum(run.state == "ok" for run in runs), "over": sum(run.state == "over" for run in runs),
            "violated": sum(run.state == "violated" for run in runs),
            "undecided": sum(run.state == "undecided" for run in runs),
            "lost": sum(run.lost for run in runs), "overlaps": sum(run.overlaps for run in runs),
            "gap_p50_ms": percentile(gaps, 0.5), "gap_p99_ms": percentile(gaps, 0.99), "gap_max_ms": max(gaps, default=0.0),
            "back_max_s": round(max(back, default=0.0), 1), "not_back": len(runs) - len(back)}


def by_row(runs: list[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.fault, []).append(run)
    return found


def worst(runs: list[Run]) -> str:
    return next((state for state in ("violated", "undecided", "over") if any(run.state == state for run in runs)), "ok")


def summary_text(runs: list[Run]) -> str:
    found = figures(runs)
    return (f"{found['runs']} runs of {found['rows']} rows, {found['kills']} kills: {found['ok']} ok, {found['over']} over a limit "
            f"of time, {found['undecided']} undecided, {found['violated']} violated; {found['lost']} lost, {found['overlaps']} "
            f"overlaps; gaps p50 {found['gap_p50_ms']:.0f} ms, p99 {found['gap_p99_ms']:.0f} ms, max {found['gap_max_ms']:.0f} ms; "
            f"back after {found['back_max_s']:.1f} s at most")


def row_line(name: str, runs: list[Run]) -> str:
    gaps = [run.longest_gap_ms for run in runs]
    back = max((run.converged_after_s or 0 for run in runs), default=0)
    state = worst(runs)
    cells = [f"{percentile(gaps, 0.5):.0f}", f"{percentile(gaps, 0.99):.0f}", f"{max(gaps):.0f}",
             str(sum(run.lost for run in runs)), str(sum(run.overlaps for run in runs)), f"{back:.1f}"]
    numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
    return (f'<tr><td><a href="#{escape(runs[0].folder)}">{escape(name)}</a></td><td>{escape(runs[0].name)}</td>'
            f'<td class="number">{len(runs)}</td>{numbers}<td class="{state}">{WORDS[state]}</td></tr>')


def run_section(run: Run) -> str:
    rows = "".join(f'<tr><td>{escape(item.checker)}</td><td class="{item.state}">{WORDS.get(item.state, item.state)}</td>'
                   f"<td>{escape(item.detail)}</td></tr>" for item in run.findings)
    trouble = any(not item.is_ok for item in run.findings)
    return (f'<section id="{escape(run.folder)}"><h2>{escape(run.fault)}: {escape(run.name)} '
            f'<span class="{run.state}">{WORDS[run.state]}</span></h2>'
            f'<p class="soft">{escape(run.started)}, seed {run.seed}, longest write gap {run.longest_gap_ms:.0f} ms, files in '
            f'<a href="{escape(run.folder)}/">{escape(run.folder)}</a></p>{draw(run)}'
            f'<details{" open" if trouble else ""}><summary>checkers</summary><div class="scroll"><table>{rows}</table></div>'
            "</details></section>")


def page(runs: list[Run], seed: int) -> str:
    found = figures(runs)
    shown = [(found["rows"], "rows"), (found["runs"], "runs"), (found["kills"], "kills"), (found["lost"], "writes lost"),
             (found["overlaps"], "overlaps"), (f"{found['gap_p50_ms']:.0f} ms", "gap p50"),
             (f"{found['gap_p99_ms']:.0f} ms", "gap p99"), (f"{found['gap_max_ms']:.0f} ms", "gap max"),
             (f"{found['back_max_s']:.1f} s", "healthy again, max")]
    boxes = "".join(f"<div><b>{value}</b>{name}</div>" for value, name in shown)
    lines = "".join(row_line(name, group) for name, group in by_row(runs).items())
    colors = {"serves": "primary", "standby": "standby", "closed": "closed", "silent": "silent", "frozen": "frozen", "off": "off"}
    legend = "".join(f'<span><i style="background:var(--{color})"></i>{NAMES[what]}</span>' for what, color in colors.items())
    legend += '<span><i style="background:var(--bad)"></i>no acknowledged write (above 50 ms)</span>'
    first = runs[0].started if runs else ""
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>Gemel fault campaign {escape(first)}</title><style>{STYLE}</style><h1>Fault campaign</h1>"
            f'<p class="soft">{escape(first)}, seed {seed}. {found["ok"]} runs ok, {found["over"]} over a limit of time only, '
            f'{found["undecided"]} undecided, <span class="{"violated" if found["violated"] else "ok"}">{found["violated"]} '
            f'violated</span>.</p><div class="figures">{boxes}</div><div class="scroll"><table><tr><th>Row<th>Fault'
            '<th class="number">Runs<th class="number">Gap p50 ms<th class="number">p99<th class="number">max'
            '<th class="number">Lost<th class="number">Overlaps<th class="number">Back, s<th>Verdict</tr>'
            f'{lines}</table></div><p class="legend soft">{legend}</p>{"".join(run_section(run) for run in runs)}</html>\n')


def write(top: Path, runs: list[Run], seed: int) -> None:
    """Rewritten after every run, so that a campaign that is cut short leaves a report too."""
    (top / "report.json").write_text(json.dumps({"seed": seed, "summary": figures(runs), "runs": [asdict(run) for run in runs]},
                                                indent=1) + "\n", encoding="utf-8")
    (top / "index.html").write_text(page(runs, seed), encoding="utf-8")
