"""Plays the critical scenario and prints it: `python -m infra.races.demo` (or `make demo`).

One room with 2 seats left, 10 buyers at the same moment, 3 API instances, many rounds, over HTTP. The control follows:
the same rounds without the guarding conditions. Exit status 0 only if the first part kept all rules and the control
oversold.
"""

import argparse
import contextlib
import io
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from infra.cloud import deploy
from infra.cloud.deploying.stacks import DeploymentError
from infra.command import as_command
from infra.local import emulator as machine
from infra.local.redis_server import run_redis
from infra.processes import CannotRunError, say
from infra.races import final_state, instances, last_seats
from infra.races.crowd import Answer, Crowd
from infra.races.final_state import FinalState
from infra.races.last_seats import BUYERS, LEFT, REFUSED, Round

STAGE = "demo"
PREFIX = f"cinema-{STAGE}"
INSTANCES = 3
ROUNDS = 50
SECONDS_FOR_ROUNDS = 22.0
"""The time for each of the two parts. A slow machine plays fewer rounds in it; the demo then prints how many."""

WIDTH = 74


@dataclass(frozen=True, slots=True)
class Part:
    """The result of many rounds: the buyers' answers, and the final state of DynamoDB."""

    instances: Sequence[str]
    rounds: Sequence[Round]
    final_state: FinalState
    seconds: float

    @property
    def double_bookings_by_session(self) -> Counter[str]:
        return Counter(seat.session for seat in self.final_state.double_bookings())


# Playing


def play_rounds(urls: Sequence[str], rounds: int) -> Part:
    """Plays up to `rounds` rounds within SECONDS_FOR_ROUNDS, then reads the final state."""
    started = time.monotonic()
    played: list[Round] = []
    with Crowd(urls, BUYERS) as buyers:
        last_seats.play_round(buyers)  # a first round that does not count: connections to the database are opened
        while len(played) < rounds and time.monotonic() - started < SECONDS_FOR_ROUNDS:
            played.append(last_seats.play_round(buyers))
    seconds = time.monotonic() - started
    return Part(urls, played, final_state.read_final_state(PREFIX, {each.session for each in played}), seconds)


@contextlib.contextmanager
def prepare_stage(run_dir: Path) -> Iterator[tuple[machine.Emulator, dict[str, str]]]:
    """Runs an emulator with the tables, and a Redis. Gives the emulator and the environment for API instances."""
    with machine.run_emulator(run_dir=run_dir) as emulator, run_redis(run_dir=run_dir) as redis_url:
        settings = {
            "AWS_ENDPOINT_URL": emulator.endpoint,
            "STAGE": "test",  # as on a laptop without a gateway: a buyer's word for a payment counts
            "TABLE_PREFIX": PREFIX,
            "HOLD_SECONDS": "30",
            "MAX_SEATS_PER_HOLD": "8",
            "RATE_LIMITS": "*=off per address",  # the ten buyers have one address: the limit would end the race
            "ID_SECRET": secrets.token_hex(),
            "REDIS_URL": redis_url,
        }
        os.environ.update({**machine.CREDENTIALS, **os.environ, **settings})
        deploy.deploy_data(STAGE)
        yield emulator, dict(os.environ)


# Printing


def print_part(part: Part, *, guarded: bool) -> None:
    count = len(part.rounds)
    say(f"\n  {count} rounds in {part.seconds:.1f} s\n")
    print_outcomes(part, guarded=guarded)
    say("")
    print_timings("a seat held in", [answer for each in part.rounds for answer in each.winners])
    print_timings("refused in", [answer for each in part.rounds for answer in each.refused])
    print_timings("paid for in", [answer for each in part.rounds for answer in each.payments])
    say("")
    print_final_state(part)


def print_outcomes(part: Part, *, guarded: bool) -> None:
    """Prints a line for each instance: its holds, sales, refusals and errors."""
    print_line("", "held", "sold", "refused", "errors")
    for number, url in enumerate(part.instances, 1):
        print_line(f"instance {number}", *count_outcomes(part.rounds, url))
    say("  " + "─" * (WIDTH - 2))
    print_line("all", *count_outcomes(part.rounds))
    if guarded:
        count = len(part.rounds)
        print_line("must be", count * len(LEFT), count * len(LEFT), count * REFUSED, 0)


def count_outcomes(rounds: Sequence[Round], instance: str = "") -> list[int]:
    """Counts holds, sales, refusals and errors, of one instance or, if `instance` is empty, of all."""

    def by_it(answers: Sequence[Answer]) -> int:
        return sum(instance in ("", answer.instance) for answer in answers)

    kinds = [[(each.winners, each.sales, each.refused, each.errors)[kind] for each in rounds] for kind in range(4)]
    return [sum(map(by_it, kind)) for kind in kinds]


def print_line(name: str, *values: object) -> None:
    say(f"  {name:<22}" + "".join(f"{value!s:>{(WIDTH - 24) // len(values)}}" for value in values))


def print_timings(name: str, answers: Sequence[Answer]) -> None:
    taken = sorted(answer.milliseconds for answer in answers)
    if taken:
        middle, late = taken[len(taken) // 2], taken[len(taken) * 95 // 100]
        print_line(name, f"p50 {middle:.0f} ms", f"p95 {late:.0f} ms", f"max {taken[-1]:.0f} ms")


def print_final_state(part: Part) -> None:
    count, doubles = len(part.rounds), part.double_bookings_by_session
    sold = sum(seat.number in LEFT for seat in part.final_state.sold)
    confirmed = sum(booking.state == "confirmed" for booking in part.final_state.bookings)
    agreeing = sum(last_seats.purchases_agree(each, part.final_state) for each in part.rounds)
    say("  DynamoDB afterwards")
    print_line("  last seats sold", f"{sold} of {count * len(LEFT)}")
    print_line("  reservations paid for", confirmed - count)
    print_line("  purchases agree", f"in {agreeing} of {count} rooms")
    print_line("  double bookings", f"{doubles.total()} seats in {len(doubles)} of {count} rooms" if doubles else 0)


def print_example(part: Part) -> None:
    """Prints one oversold seat and all its buyers, because numbers alone are easily overlooked."""
    seat = part.final_state.double_bookings()[0]
    owners = [booking.user for booking in part.final_state.owners()[seat] if booking.state == "confirmed"]
    say(f"\n  One of them: seat {seat.number} of room {seat.session[:8]} was sold to {len(owners)} people:")
    for _, few in groupby(enumerate(owners), key=lambda each: each[0] // 3):
        say("    " + ", ".join(user for _, user in few))


# Judging


def print_verdict(guarded: Part, control: Part) -> bool:
    """Prints the result. Tells whether the guarded part kept all rules and the control oversold."""
    broken = last_seats.find_broken_rules(guarded.rounds, guarded.final_state)
    oversold = control.double_bookings_by_session
    print_heading("RESULT")
    if broken:
        say(f"\n  BROKEN  with the conditions {len(broken)} rules did not hold. The first of them:")
        say("".join(f"\n    {rule}" for rule in broken[:5]))
    else:
        say(f"\n  ok  With the conditions {len(guarded.rounds)} rooms of {len(guarded.rounds)} were sold exactly once.")
    if oversold:
        say(f"  ok  Without them {len(oversold)} rooms of {len(control.rounds)} were oversold.")
    else:
        say("  BROKEN  Without the conditions nothing was oversold: this run proves nothing.")
    return bool(guarded.rounds) and not broken and bool(oversold)


def print_heading(text: str) -> None:
    say(f"\n\n{text}\n{'━' * WIDTH}")


def run_demo(rounds: int, run_dir: Path) -> bool:
    """Plays both parts and prints them. Tells whether the first kept all rules and the control oversold."""
    print_heading("CINEMA TICKETS: THE LAST TWO SEATS")
    say(f"\n  A room with {len(LEFT)} seats left, {BUYERS} buyers at the same moment, {INSTANCES} API instances;")
    say("  whoever is given a seat pays for it at once. Again and again.")
    with prepare_stage(run_dir) as (emulator, environment):
        say(f"\n  AWS emulator at {emulator.endpoint}, {'running already' if emulator.kept else 'started for this'}.")
        say(f"  {machine.describe_machine(emulator.endpoint, environment['REDIS_URL'])}")
        print_heading("WITH THE CONDITIONS: as in production")
        guarded = play_part(environment, run_dir, rounds)
        print_part(guarded, guarded=True)
        print_heading("THE CONTROL: the conditions left out of the writes, all else the same")
        control = play_part({**environment, "REDIS_URL": ""}, run_dir, rounds, without="both-conditions")
        print_part(control, guarded=False)
        if control.double_bookings_by_session:
            print_example(control)
    return print_verdict(guarded, control)


def play_part(environment: Mapping[str, str], run_dir: Path, rounds: int, without: str = "") -> Part:
    """Plays the rounds on instances of the API, with all guards, or without the guard `without`."""
    with instances.run_instances(INSTANCES, environment, run_dir=run_dir, without=without) as urls:
        part = play_rounds(urls, rounds)
    if len(part.rounds) < rounds:
        say(f"\n  This machine managed {len(part.rounds)} of {rounds} rounds in {SECONDS_FOR_ROUNDS:.0f} s.")
    return part


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.races.demo", description="Ten buyers, two seats, many rounds."
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default {ROUNDS}")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without box-drawing characters is no reason to fail
    with tempfile.TemporaryDirectory(prefix="cinema-demo-") as run_dir:
        return 0 if run_demo(options.rounds, Path(run_dir)) else 1


if __name__ == "__main__":
    as_command(main, CannotRunError, DeploymentError)
