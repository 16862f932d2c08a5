"""The chosen rows of the fault campaign on the machines: safety and convergence must hold in each, times are recorded."""
import os
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lab_driver import ROOT
from campaign import report, table
from campaign.runner import run_fault

SEED = int(os.environ.get("GEMEL_CAMPAIGN_SEED", time.time()))
RUNS = []


@pytest.fixture(scope="module")
def folder() -> Path:
    top = ROOT / "build" / "campaign" / (datetime.now(timezone.utc).strftime("%Y-%m-%dT%H%M%SZ") + "-check")
    top.mkdir(parents=True)
    return top


@pytest.mark.parametrize("fault", [fault for fault in table.FAULTS if fault.quick], ids=lambda fault: f"row-{fault.id}")
def test_fault_is_survived(lab, folder, record, fault):
    run = run_fault(lab, fault, SEED, folder)
    RUNS.append(run)
    report.write(folder, RUNS, SEED)
    record.add(f"campaign {fault.id}: {fault.name[:50]}", [run.longest_gap_ms], "ms",
               fault.gap_ms if fault.gap_ms is not None else float("inf"), f"{run.lost} lost")
    # A limit of time alone does not fail here: test_outage.py measures those, over repetitions.
    wrong = [f"{finding.checker}: {finding.detail}" for finding in run.findings if finding.state in ("violated", "undecided")]
    assert not wrong, f"seed {SEED}: {wrong}; see {folder / run.folder}"
