"""The tests that try more here than with every change: ``script/soak --tests``, which writes docs/soak-tests.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from soak.report import dated

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "soak-tests.md"
_RESULT: Final = re.compile(r"(\d[\d,]* passed) in ([\d.]+)s")


def files() -> list[str]:
    """Return the test files whose effort can be raised."""
    return sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if "from effort import effort" in path.read_text(encoding="utf-8")
    )


def main() -> None:
    """Run them; the page is written only where all of them pass."""
    environment = {**os.environ, "TRUSTWEFT_LONG_TESTS": "true"}
    words = [sys.executable, "-m", "pytest", "--quiet", "--numprocesses", "auto", *files()]
    done = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    sys.stdout.write(done.stdout)
    found = _RESULT.search(done.stdout.splitlines()[-1] if done.stdout else "")
    if done.returncode != 0 or found is None:
        sys.exit(done.returncode or 1)
    lines = (
        "# The last long tests",
        "",
        "Written by `script/soak --tests`: property tests and random flips, with many times the examples that `script/test`",
        "tries. Where one fails, this page stays as it was.",
        "",
        dated(),
        "",
        *(f"- `{each}`" for each in files()),
        "",
        f"{found[1]} in {float(found[2]):.0f} s.",
        "",
    )
    PAGE.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
