"""`make run`: everything on this machine, from nothing to a seeded programme, stopped by Ctrl-C or SIGTERM.

    Redis ─► payment gateway ─► emulator ─► stacks ─► event handlers ─► local server with reload ─► programme

With AUTH=on, an identity provider is started first. Without it, nobody needs to sign in.

PORT, EVENTS=pump, EMULATOR=localstack, KEEP=1 (data outlives Ctrl-C), LOG=json (as on AWS), AWS_ENDPOINT_URL,
REDIS_URL, PAYMENTS_URL and the settings of the application are taken from the environment. `--deploy-only` deploys to
the emulator that runs (else to one it starts and leaves running).
"""

import argparse
import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import settings
from chalicelib.settings import SettingInvalid
from infra import processes
from infra.cloud import deploy, event_mappings
from infra.cloud.dependencies import PackagingError
from infra.cloud.deploying import canary
from infra.cloud.deploying.secrets import Secrets
from infra.cloud.deploying.stacks import DeploymentError
from infra.local import console, emulator, identity, mailbox, ports, redis_server, seed
from infra.local.machine import Machine, find_or_start_machine, run_machine
from infra.processes import HOST, CannotRunError, Child, say

STAGE = "local"
TRACES = "TRACES"
WATCH_SECONDS = 0.5
BORROWED_SECONDS = 5.0
"""The pause between two checks of an emulator that we did not start."""
LOST = {
    "The emulator": "What it had in memory is gone with it. `make run` starts a new one.",
    "The identity provider": "Nobody can sign in. `AUTH=on make run` starts a new one.",
    "The payment gateway": "What it knew of payments is gone with it. `make run` starts a new one.",
}
DISPENSABLE = {"Redis": "Bookings go on without it, only slower; `make run` starts a new one."}
"""The processes that bookings can do without, with the warning if one of them ends."""


@dataclass(frozen=True, slots=True)
class Running:
    """The parts that `make run` has started and watches."""

    children: dict[str, Child]
    endpoint: str
    borrowed: bool
    """True when we did not start the emulator."""
    api_url: str
    gateway_url: str | None
    """The address of the API on API Gateway. None where the emulator can't run functions."""
    events: str
    payments_url: str


@contextlib.contextmanager
def print_step(title: str) -> Iterator[None]:
    """Prints the title, and the time that the block took."""
    print(f"{title} … ", end="", flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print()
        raise
    say(f"{time.monotonic() - start:.1f} s")


@contextlib.contextmanager
def run_system(port: int) -> Iterator[Running]:
    """Starts everything, and stops it in reverse order when the block is left.

    Raises CannotRunError when the port is taken or a part does not start.
    """
    _refuse_taken_port(port)
    with contextlib.ExitStack() as stack:
        stack.enter_context(processes.claim_name(f"run-{port}"))
        os.environ.setdefault("PAYMENTS_WEBHOOK_URL", f"http://{HOST}:{port}/api/payments/webhook")
        keep = wants_data_kept()
        aws_port, redis_port = (processes.free_port(usual) for usual in (ports.AWS_PORT, ports.REDIS_PORT))
        provider = _start_identity_provider(stack)
        machine = stack.enter_context(run_machine(aws_port, redis_port, keep=keep))
        _announce_machine(machine, keep=keep)
        gateway_url = _deploy_if_functions_run(machine)
        children: dict[str, Child] = {**machine.children, **provider}
        events = "functions on the emulator"
        if not (gateway_url and _switch_event_mappings()):
            children["The pump"] = stack.enter_context(_run_module("pump", "infra.local.pump", logged=True))
            events = f"the pump, which logs to {children['The pump'].log}"
        children["The API"] = stack.enter_context(_run_api(port))
        api_url = f"http://{HOST}:{port}"
        processes.wait_for_http(f"{api_url}/health", children["The API"], "The API")
        borrowed = "The emulator" not in children
        yield Running(children, machine.aws.endpoint, borrowed, api_url, gateway_url, events, machine.payments_url)


def _start_identity_provider(stack: contextlib.ExitStack) -> dict[str, Child]:
    """Starts the identity provider if access control is on and none is given. Gives its process, by its name."""
    if not identity.wants_sign_in() or os.environ.get("AUTH_ISSUER"):
        return {}
    service = stack.enter_context(identity.run_identity_provider(processes.RUN_DIR))
    identity.announce_provider(service.url)
    say(f"Access control: on, signed in by {service.url}")
    return {"The identity provider": service.child} if service.child else {}


def _refuse_taken_port(port: int) -> None:
    if not processes.is_port_free(port):
        raise CannotRunError(
            f"Port {port} is taken by another program: try `PORT={port + 1} make run`, or `make stop`."
        )


def _run_api(port: int) -> contextlib.AbstractContextManager[Child]:
    options = ("--port", str(port), "--reload", "--log", chosen_log_format())
    return _run_module(f"api-{port}", "infra.local.server", *options)


def _announce_machine(machine: Machine, *, keep: bool = False) -> None:
    """Puts the machine's addresses into our environment and prints them."""
    environment = {
        "AWS_ENDPOINT_URL": machine.aws.endpoint,
        "REDIS_URL": machine.redis_url,
        "PAYMENTS_URL": machine.payments_url,
        "STAGE": STAGE,
    }
    for name, value in emulator.CREDENTIALS.items():
        os.environ.setdefault(name, value)
    os.environ.update(environment)
    say(f"AWS emulator: {emulator.ask_emulator_name(machine.aws.endpoint)} at {machine.aws.endpoint}")
    redis = f"{redis_server.ask_redis_name(machine.redis_url)} at {machine.redis_url}" if machine.redis_url else ""
    say(f"Redis: {redis or 'none, bookings work without it'}")
    say(f"Data: {_describe_data(machine, keep=keep)}")


def _describe_data(machine: Machine, *, keep: bool) -> str:
    if machine.aws.kept:
        return "kept, the emulator was running already."
    if not machine.aws.child:
        return "new, and gone when the emulator stops."
    if keep:
        state = (processes.RUN_DIR / emulator.STATE).relative_to(processes.ROOT)
        return f"kept over Ctrl-C in {state}, as KEEP=1 says; without that folder it begins anew."
    return "new, and gone with Ctrl-C: the emulator has it in memory. `KEEP=1 make run` keeps it."


def _deploy_stacks(machine: Machine) -> str:
    """Deploys both stacks and gives the URL of the API. Raises DeploymentError."""
    with print_step("Deploying tables and queues"):
        deploy.deploy_data(STAGE)
    os.environ.setdefault("ID_SECRET", Secrets.of(STAGE).ensure_made()["ID_SECRET"])
    with print_step("Packaging and deploying the functions (the first time it downloads their packages)"):
        here = {
            "REDIS_URL": machine.redis_url,
            "PAYMENTS_URL": machine.payments_url,
            TRACES: os.environ.get(TRACES, ""),
        }
        there = {"REDIS_URL": machine.functions_redis_url, "PAYMENTS_URL": machine.functions_payments_url}
        os.environ.update({**there, TRACES: "off"})  # the processes on this machine make them, into one file
        try:
            deployed = deploy.deploy_app(STAGE)
            os.environ["LIVE_URL"] = deployed.live_url
            os.environ["CONNECTIONS_URL"] = deployed.live_url.replace("ws", "http", 1)
            return deployed.url
        finally:
            os.environ.update(here)


def _deploy_if_functions_run(machine: Machine) -> str | None:
    """Deploys and gives the URL of the API; None where a given emulator can't run functions.

    LocalStack without Docker is such a one. Raises DeploymentError for an emulator of our own.
    """
    try:
        return _deploy_stacks(machine)
    except DeploymentError as error:
        if not machine.aws.kept:
            raise
        say(f"This emulator does not run functions, so the API is served from here only. It said:\n{error}")
        return None


def _switch_event_mappings() -> bool:
    """Switches the event mappings on or off. Tells whether they feed the functions; otherwise the pump has to.

    With TRACES=on the pump does: the functions on the emulator make no traces. Raises CannotRunError for an unknown
    EVENTS.
    """
    choice = os.environ.get("EVENTS", "")
    if choice not in ("", "pump"):
        raise CannotRunError(f"EVENTS is {choice!r}: it must be pump, or unset for the deployed functions.")
    functions = not choice and os.environ.get(TRACES) != "on" and event_mappings.does_endpoint_run_functions(STAGE)
    event_mappings.set_event_mappings(STAGE, enabled=functions)
    return functions


def _run_module(
    name: str, module: str, *options: str, logged: bool = False
) -> contextlib.AbstractContextManager[Child]:
    command = [sys.executable, "-m", module, *options]
    return processes.run_child(name, command, os.environ, logged=logged)


def _make_greeting(system: Running, session_id: str) -> str:
    who = "" if identity.wants_sign_in() else '"userId": "me", '
    hold = f'{{"sessionId": "{session_id}", {who}"seatNumbers": ["A1", "A2"], "email": "me@example.com"}}'
    token = f' \\\n    -H "Authorization: Bearer $({HOW_TO_GET_A_TOKEN})"' if identity.wants_sign_in() else ""
    on_lambda = f"{system.gateway_url}/" if system.gateway_url else "not on this emulator"
    return f"""
  The page     {system.api_url}/
  API          {system.api_url}/api/sessions   (reloads when app.py or chalicelib changes)
  Operations   {system.api_url}/operations
  Gate         {system.api_url}/gate
  Health       {system.api_url}/health   {system.api_url}/ready
  On Lambda    {on_lambda}
  Events       {system.events}
  Emails       {_describe_mailbox()}
  Payments     {system.payments_url}/refunds   (simulated: what was returned)

Hold two seats, and get an email:
  curl -s {system.api_url}/api/reservations -H 'Content-Type: application/json' \\
    -d '{hold}'{token}
and see them:
  curl -s {system.api_url}/api/sessions/{session_id}/seats

{_describe_access()}
Enter shows this again, Ctrl-C stops everything."""


HOW_TO_GET_A_TOKEN = ".venv/bin/python -m infra.ops token"  # noqa: S105 - a command
ACCESS_IS_OFF = """\
*** ACCESS CONTROL IS OFF: whoever reaches this port may schedule, cancel, and read what anybody bought. ***
*** `AUTH=on make run` asks people to sign in, as every deployment does.                                 ***
"""


def _describe_access() -> str:
    if not identity.wants_sign_in():
        return ACCESS_IS_OFF
    return f"Access control is on. A token for curl: {HOW_TO_GET_A_TOKEN} --role operator (buyer, gate)\n"


def _describe_mailbox() -> str:
    try:
        return f".venv/bin/python -m infra.ops mail   (or {mailbox.find_mailbox_url(os.environ['AWS_ENDPOINT_URL'])})"
    except mailbox.NoMailboxError:
        return "taken by this emulator, which does not show them"


def _watch_system(system: Running, greeting: str) -> NoReturn:
    """Watches the parts until a signal ends it. Raises CannotRunError when a part has ended.

    Enter prints the greeting again, when requests have scrolled it away.
    """
    looked = time.monotonic()
    while True:
        check_children(system.children)
        if system.borrowed and time.monotonic() - looked > BORROWED_SECONDS:
            looked = time.monotonic()
            check_borrowed_emulator(system.endpoint)
        if _wait_for_enter(WATCH_SECONDS):
            say(greeting)


def check_children(children: dict[str, Child]) -> None:
    """Raises CannotRunError when a child has ended. Removes a dispensable one from `children`, with a warning."""
    for name, child in list(children.items()):
        status = child.process.poll()
        if status is None:
            continue
        if name not in DISPENSABLE:
            log = f" Its last words are in {child.log}." if child.log else " See above."
            raise CannotRunError(f"{name} ended with status {status}. {LOST.get(name, '')}{log}".replace("  ", " "))
        say(f"{name} ended with status {status}. {DISPENSABLE[name]}")
        del children[name]


def check_borrowed_emulator(endpoint: str) -> None:
    """Raises CannotRunError when an emulator not started by us no longer answers."""
    if not processes.speaks_http(endpoint + emulator.HEALTH_PATH):
        raise CannotRunError(f"The emulator at {endpoint} answers no more. Start it, then `make run`.")


def _wait_for_enter(seconds: float) -> bool:
    """Waits for at most `seconds`. Tells whether Enter was pressed at the terminal; always False in the background."""
    if not (sys.stdin and sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()):
        time.sleep(seconds)
        return False
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready) and bool(sys.stdin.readline())


def _stop_on_first_signal() -> None:
    """Raises KeyboardInterrupt on the first SIGINT or SIGTERM. Ignores later ones, so that everything is stopped."""

    def stop(*_: object) -> NoReturn:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _chosen_port() -> int:
    """Reads PORT. Raises CannotRunError when it is no port."""
    text = os.environ.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise CannotRunError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)


def wants_data_kept(environment: Mapping[str, str] = os.environ) -> bool:
    """Tells whether KEEP=1. Raises CannotRunError for another value, or an emulator that can't keep data."""
    choice = environment.get("KEEP") or "0"
    if choice not in ("0", "1"):
        raise CannotRunError(f"KEEP is {choice!r}: it must be 1, or unset for data that is gone with Ctrl-C.")
    if choice == "1" and (environment.get("AWS_ENDPOINT_URL") or environment.get("EMULATOR") == "localstack"):
        raise CannotRunError("KEEP=1 is for the embedded emulator: leave out KEEP, or EMULATOR and AWS_ENDPOINT_URL.")
    return choice == "1"


def chosen_log_format(environment: Mapping[str, str] = os.environ) -> str:
    """Gives the form of the log that LOG names. Raises CannotRunError for an unknown one."""
    choice = environment.get("LOG") or console.LINES
    if choice not in console.FORMATS:
        raise CannotRunError(f"LOG is {choice!r}: it must be json, or unset for a short line for each request.")
    return choice


def _check_settings() -> None:
    """Reads every setting before anything is started. Raises CannotRunError or SettingInvalid."""
    wants_data_kept()
    chosen_log_format()
    settings.load({**os.environ, "STAGE": STAGE})


def _make_operators_token() -> str:
    """Gives a token that may schedule the programme; "" where none is needed. Another provider's is in TOKEN."""
    if not identity.wants_sign_in():
        return ""
    known = processes.find_url(identity.NAME, processes.RUN_DIR)
    return identity.ask_for_token(known, "operator") if known else os.environ.get("TOKEN", "")


def run_until_stopped() -> None:
    """Runs the system and its programme until a signal comes. Raises CannotRunError and the errors of deploying."""
    start = time.monotonic()
    _check_settings()
    with run_system(_chosen_port()) as system:
        programme = seed.add_programme(system.api_url, token=_make_operators_token())
        say(f"Programme: {programme}. Ready after {time.monotonic() - start:.1f} s.")
        greeting = _make_greeting(system, programme.first_session_id)
        say(greeting)
        _watch_system(system, greeting)


def deploy_only() -> None:
    """Deploys to the emulator, and serves nothing from here. Leaves an emulator that it started running."""
    machine = find_or_start_machine()
    _announce_machine(machine)
    wanted = canary.is_canary_on(os.environ)
    url = _deploy_stacks(machine)
    if wanted:
        canary.buy_and_undo(STAGE, url)
    say(f"API Gateway → Lambda: {url}/ is the page, {url}/api/sessions the API")
    if not machine.aws.kept:
        say("The emulator stays on for you; `make stop` ends it.")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.run", description="Runs Cinema Tickets on this machine."
    )
    parser.add_argument("--deploy-only", action="store_true", help="deploy to the running emulator and end")
    options = parser.parse_args(arguments)
    _stop_on_first_signal()
    try:
        deploy_only() if options.deploy_only else run_until_stopped()
    except KeyboardInterrupt:
        say("\nStopped.")
    except (CannotRunError, DeploymentError, PackagingError, SettingInvalid, seed.SeedError) as refusal:
        sys.exit(f"\n{refusal}")
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"\nThe AWS emulator does not do what is asked: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
