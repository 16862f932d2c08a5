"""The modules behind bench/failover/run. The lab and the measuring client are those of the whole-machine tests."""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "machines"))
