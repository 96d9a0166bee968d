"""`trustweft` on a machine whose clock is wrong: ``python -m situations.wrong_clock SECONDS serve server --config FILE``."""

from __future__ import annotations

import sys
import time

from trustweft.cli import main

if __name__ == "__main__":
    skew, truth = float(sys.argv.pop(1)), time.time
    time.time = lambda: truth() + skew  # also for what dates answers below the participants
    main()
