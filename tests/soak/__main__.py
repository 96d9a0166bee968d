"""The long runs: ``script/soak``. Ends with status 1 as soon as anything is lost, used twice or answered wrongly."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from ecosystem import free_base_port
from soak.crashes import crash_again_and_again
from soak.races import CROWD, RACES, Arena
from soak.report import Race, Report
from soak.site import prepare_site

REPORT = Path(__file__).parents[2] / "docs" / "soak.md"


def say(text: str) -> None:
    """Tell whoever waits."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


async def run_races(directory: Path, options: argparse.Namespace) -> list[Race]:
    """Run every race so many rounds."""
    site = await prepare_site(directory, base_port=free_base_port())
    found = []
    with (
        site.serving("server", workers=options.workers) as server,
        site.serving("resource", workers=options.workers) as resource,
    ):
        arena = Arena(site, server, resource)
        for name, race in RACES.items():
            begun, reasons, refused_by = time.monotonic(), Counter[str](), Counter[int]()
            fewest = options.workers
            for number in range(options.rounds):
                await arena.fresh_nonces()
                round_ = await race(arena, number)
                reasons += round_.reasons
                refused_by += round_.refused_by
                fewest = min(fewest, len(round_.refused_by))
            seconds = time.monotonic() - begun
            found.append(Race(name, options.rounds, CROWD, reasons, refused_by, fewest, seconds))
            say(f"{name}: {options.rounds} rounds, one winner each; {dict(reasons)}; {dict(refused_by)}")
        failures = [line for line in (*server.lines(), *resource.lines()) if line["event"] == "failed"]
        assert failures == [], failures
    return found


async def run(options: argparse.Namespace) -> None:
    """Run everything, and write the report."""
    with tempfile.TemporaryDirectory(prefix="trustweft-soak-") as name:
        races = await run_races(Path(name) / "races", options)
        say(f"{options.flows} flows, {options.crashes} crashes, seed {options.seed}")
        begun = time.monotonic()
        site = await prepare_site(Path(name) / "crashes", base_port=free_base_port())
        crashes = await crash_again_and_again(
            site,
            flows=options.flows,
            crashes=options.crashes,
            workers=options.workers,
            seed=options.seed,
            say=say,
        )
        say(str(crashes))
    report = Report(options.workers, races, crashes, options.seed, time.monotonic() - begun)
    REPORT.write_text(report.text(), encoding="utf-8")
    say(f"written to {REPORT}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="script/soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="of each race")
    parser.add_argument("--flows", type=int, default=1_000, help="among which the server is killed")
    parser.add_argument("--crashes", type=int, default=20)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="of the kills")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
