"""Loads a system and checks its tables afterwards: `python -m benchmarks.load`, or `make load`.

Each option may also stand in the environment, as make puts it there: MIX for `--mix`. Without `--target` the system is
one of our own: an emulator, a Redis and two instances of the API. The status is 1 when a seat was sold twice, when the
tables contradict each other or what buyers were told, or when a threshold did not hold.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from urllib3.exceptions import HTTPError

from benchmarks.load import result, tables
from benchmarks.load.generators import COMMANDS, ENVIRONMENTS, generate_load
from benchmarks.load.mixes import MIXES, PROFILES, Mix, Profile
from benchmarks.load.plan import NOBODY, Plan, Tokens, schedule_screenings, screenings_needed
from benchmarks.load.system import Loaded, named_system, run_system
from infra.cloud.deploying.stacks import DeploymentError
from infra.command import as_command
from infra.ops.connection import OpsError
from infra.ops.text import counted
from infra.processes import ROOT, CannotRunError, say
from infra.races.crowd import UnexpectedAnswer

RESULTS = ROOT / "build" / "load"
MOST_SECONDS = 600
OPTIONS = ("MIX", "PROFILE", "TOOL", "RATE", "SECONDS", "TARGET", "STAGE", "TOKENS", "YES")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    mix, profile = MIXES[options.mix], chosen_profile(options)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cinema-load-")))
        ENVIRONMENTS[options.tool].install()
        say(f"{options.mix}: {mix.about}.\n  {profile.requests_per_second} requests/s: {profile.about}.")
        loaded = stack.enter_context(choose_system(options, scratch))
        plan = make_plan(options.mix, mix, profile, loaded)
        say(f"  {counted(len(plan.sessions), 'screening')} of {mix.seats} seats; {options.tool} begins …\n")
        measured = generate_load(options.tool, plan, profile.ramp_seconds + profile.seconds, scratch)
        audit = tables.audit(loaded.table_prefix, plan.sessions, measured.outcomes["sold"])
    return show(options, measured, audit)


def parse(arguments: Sequence[str] | None, environment: Mapping[str, str] = os.environ) -> argparse.Namespace:
    """Reads the options, from the environment where they are not given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="Buyers, and what they were sold.")
    parser.add_argument("--mix", choices=MIXES, default="on-sale")
    parser.add_argument("--profile", choices=PROFILES, default="laptop")
    parser.add_argument("--tool", choices=COMMANDS, default="k6")
    parser.add_argument("--rate", type=int, default=0, help="requests a second; that of the profile otherwise")
    parser.add_argument("--seconds", type=int, default=0, help="at the full rate; those of the profile otherwise")
    parser.add_argument("--target", default="", help="the API's address; a system of our own otherwise")
    parser.add_argument("--stage", default="local", help="whose tables are checked, with --target (local)")
    parser.add_argument("--tokens", default="", help="a file of tokens, with --target: see docs/load.md")
    parser.add_argument("--yes", default="", help="1 to load another machine than this one")
    given = [f"--{name.lower()}={environment[name]}" for name in OPTIONS if environment.get(name)]
    return parser.parse_args([*given, *(sys.argv[1:] if arguments is None else arguments)])


def chosen_profile(options: argparse.Namespace) -> Profile:
    """Gives the profile, changed as asked for. Raises CannotRunError for more than it allows."""
    profile = PROFILES[options.profile]
    if options.rate > profile.most_requests_per_second or options.seconds > MOST_SECONDS:
        most = f"{profile.most_requests_per_second} requests/s for {MOST_SECONDS} s"
        raise CannotRunError(f"Profile {options.profile} allows {most} at most. PROFILE=aws is for a deployment.")
    return replace(
        profile,
        requests_per_second=options.rate or profile.requests_per_second,
        seconds=options.seconds or profile.seconds,
    )


@contextmanager
def choose_system(options: argparse.Namespace, scratch: Path) -> Iterator[Loaded]:
    """Gives the system that is named, or runs one. Raises CannotRunError, OpsError, DeploymentError."""
    if options.target:
        tokens = Tokens.read(Path(options.tokens)) if options.tokens else NOBODY
        yield named_system(options.target, options.stage, tokens, agreed=options.yes == "1")
    elif options.profile != "laptop":
        raise CannotRunError(f"Profile {options.profile} needs a deployment: name it in TARGET, and its STAGE.")
    else:
        with run_system(scratch) as loaded:
            yield loaded


def make_plan(name: str, mix: Mix, profile: Profile, loaded: Loaded) -> Plan:
    """Schedules the screenings and gives the plan. Raises CannotRunError when the API refuses."""
    arrivals = profile.arrivals(mix)
    try:
        sessions = schedule_screenings(loaded.urls[0], mix, arrivals, loaded.tokens.operator)
    except HTTPError as error:
        raise CannotRunError(
            f"Nothing answers at {loaded.urls[0]} ({error}): start it, or leave TARGET out."
        ) from error
    except UnexpectedAnswer as error:
        wanted = counted(screenings_needed(mix, arrivals), "screening")
        raise CannotRunError(f"{wanted} could not all be scheduled at {loaded.urls[0]}: {error}") from error
    return Plan(
        name=name,
        mix=mix,
        scenario=profile.scenario(mix),
        thresholds=profile.thresholds(mix),
        urls=loaded.urls,
        sessions=sessions,
        tokens=loaded.tokens,
        pays_by_gateway=loaded.pays_by_gateway,
    )


def show(options: argparse.Namespace, measured: result.Result, audit: tables.Audit) -> int:
    """Prints both tables and writes them as JSON. Gives the status."""
    say(f"{result.printed(measured)}\n\n  the tables\n{tables.printed(audit)}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{options.mix}-{options.tool}.json"
    path.write_text(json.dumps({"load": measured.as_json(), "tables": audit.as_json()}, indent=1))
    verdict = "Zero oversell" if not audit.oversold else f"OVERSOLD: {len(audit.oversold)} seats"
    say(f"\n{verdict}. All numbers are in {os.path.relpath(path)}.")
    return 1 if audit.faults or measured.crossed else 0


if __name__ == "__main__":
    as_command(main, CannotRunError, DeploymentError, OpsError)
