"""The critical scenario, to be watched: `python -m infra.races.demo` (or `make demo`).

One room with 2 seats left, 10 buyers at the same moment, 3 API instances, many rounds, over HTTP; then the control: the
same with the guarding conditions left out, which must oversell. Exit status 0 only if both came out as they must.
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
from infra.cloud.stacks import DeploymentError
from infra.command import as_command
from infra.local import emulator as machine
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
"""For each of the two parts. A slow machine plays fewer rounds, and is told so."""

WIDTH = 74


@dataclass(frozen=True, slots=True)
class Part:
    """What came out of many rounds: what the buyers were told, and what DynamoDB says in the end."""

    instances: Sequence[str]
    rounds: Sequence[Round]
    ledger: FinalState
    seconds: float

    @property
    def double_bookings_by_session(self) -> Counter[str]:
        return Counter(seat.session for seat in self.ledger.double_bookings())


# Playing


def play(urls: Sequence[str], rounds: int) -> Part:
    started = time.monotonic()
    played: list[Round] = []
    with Crowd(urls, BUYERS) as buyers:
        last_seats.play(buyers)  # a first round that does not count: connections to the database are opened
        while len(played) < rounds and time.monotonic() - started < SECONDS_FOR_ROUNDS:
            played.append(last_seats.play(buyers))
    seconds = time.monotonic() - started
    return Part(urls, played, final_state.read(PREFIX, {each.session for each in played}), seconds)


@contextlib.contextmanager
def stage(run_dir: Path) -> Iterator[tuple[machine.Emulator, dict[str, str]]]:
    """An emulator with the tables, and a Redis; and the environment in which API instances find them."""
    with machine.aws(run_dir=run_dir) as emulator, machine.redis_server(run_dir=run_dir) as redis_url:
        settings = {
            "AWS_ENDPOINT_URL": emulator.endpoint,
            "STAGE": STAGE,
            "TABLE_PREFIX": PREFIX,
            "HOLD_SECONDS": "30",
            "MAX_SEATS_PER_HOLD": "8",
            "RATE_LIMITS": "*=off per address",  # all ten buyers have one, and it is the race that is to be seen
            "ID_SECRET": secrets.token_hex(),
            "REDIS_URL": redis_url,
        }
        os.environ.update({**machine.CREDENTIALS, **os.environ, **settings})
        deploy.deploy_data(STAGE)
        yield emulator, dict(os.environ)


# Printing


def show(part: Part, *, guarded: bool) -> None:
    count = len(part.rounds)
    say(f"\n  {count} rounds in {part.seconds:.1f} s\n")
    show_outcomes(part, guarded=guarded)
    say("")
    show_timings("a seat held in", [answer for each in part.rounds for answer in each.winners])
    show_timings("refused in", [answer for each in part.rounds for answer in each.refused])
    show_timings("paid for in", [answer for each in part.rounds for answer in each.payments])
    say("")
    show_final_state(part)


def show_outcomes(part: Part, *, guarded: bool) -> None:
    """A line for each instance: how many it gave a seat, sold one, refused; and what was no proper answer."""
    line("", "held", "sold", "refused", "errors")
    for number, url in enumerate(part.instances, 1):
        line(f"instance {number}", *outcomes(part.rounds, url))
    say("  " + "─" * (WIDTH - 2))
    line("all", *outcomes(part.rounds))
    if guarded:
        count = len(part.rounds)
        line("must be", count * len(LEFT), count * len(LEFT), count * REFUSED, 0)


def outcomes(rounds: Sequence[Round], instance: str = "") -> list[int]:
    def by_it(answers: Sequence[Answer]) -> int:
        return sum(instance in ("", answer.instance) for answer in answers)

    kinds = [[(each.winners, each.sales, each.refused, each.errors)[kind] for each in rounds] for kind in range(4)]
    return [sum(map(by_it, kind)) for kind in kinds]


def line(name: str, *values: object) -> None:
    say(f"  {name:<22}" + "".join(f"{value!s:>{(WIDTH - 24) // len(values)}}" for value in values))


def show_timings(name: str, answers: Sequence[Answer]) -> None:
    taken = sorted(answer.milliseconds for answer in answers)
    if taken:
        middle, late = taken[len(taken) // 2], taken[len(taken) * 95 // 100]
        line(name, f"p50 {middle:.0f} ms", f"p95 {late:.0f} ms", f"max {taken[-1]:.0f} ms")


def show_final_state(part: Part) -> None:
    count, doubles = len(part.rounds), part.double_bookings_by_session
    sold = sum(seat.number in LEFT for seat in part.ledger.sold)
    confirmed = sum(booking.state == "confirmed" for booking in part.ledger.bookings)
    agreeing = sum(last_seats.purchases_agree(each, part.ledger) for each in part.rounds)
    say("  DynamoDB afterwards")
    line("  last seats sold", f"{sold} of {count * len(LEFT)}")
    line("  reservations paid for", confirmed - count)
    line("  purchases agree", f"in {agreeing} of {count} rooms")
    line("  double bookings", f"{doubles.total()} seats in {len(doubles)} of {count} rooms" if doubles else 0)


def show_example(part: Part) -> None:
    """One oversold seat and who all paid for it: numbers alone are easily overlooked."""
    seat = part.ledger.double_bookings()[0]
    owners = [booking.user for booking in part.ledger.owners()[seat] if booking.state == "confirmed"]
    say(f"\n  One of them: seat {seat.number} of room {seat.session[:8]} was sold to {len(owners)} people:")
    for _, few in groupby(enumerate(owners), key=lambda each: each[0] // 3):
        say("    " + ", ".join(user for _, user in few))


# Judging


def judge(guarded: Part, control: Part) -> bool:
    broken = last_seats.broken_rules(guarded.rounds, guarded.ledger)
    oversold = control.double_bookings_by_session
    heading("RESULT")
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


def heading(text: str) -> None:
    say(f"\n\n{text}\n{'━' * WIDTH}")


def run(rounds: int, run_dir: Path) -> bool:
    heading("CINEMA TICKETS: THE LAST TWO SEATS")
    say(f"\n  A room with {len(LEFT)} seats left, {BUYERS} buyers at the same moment, {INSTANCES} API instances;")
    say("  whoever is given a seat pays for it at once. Again and again.")
    with stage(run_dir) as (emulator, environment):
        say(f"\n  AWS emulator at {emulator.endpoint}, {'running already' if emulator.kept else 'started for this'}.")
        say(f"  {machine.ran_on(emulator.endpoint, environment['REDIS_URL'])}")
        heading("WITH THE CONDITIONS: as in production")
        guarded = play_part(environment, run_dir, rounds)
        show(guarded, guarded=True)
        heading("THE CONTROL: the conditions left out of the writes, all else the same")
        control = play_part({**environment, "REDIS_URL": ""}, run_dir, rounds, without="both-conditions")
        show(control, guarded=False)
        if control.double_bookings_by_session:
            show_example(control)
    return judge(guarded, control)


def play_part(environment: Mapping[str, str], run_dir: Path, rounds: int, without: str = "") -> Part:
    with instances.running(INSTANCES, environment, run_dir=run_dir, without=without) as urls:
        part = play(urls, rounds)
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
        return 0 if run(options.rounds, Path(run_dir)) else 1


if __name__ == "__main__":
    as_command(main, CannotRunError, DeploymentError)
