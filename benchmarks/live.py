"""Live seat maps: from a hold's answer to the message on another viewer's WebSocket.

The change passes the table's stream, a function and API Gateway's WebSocket, all of them the emulator's.
"""

import json
import os
import statistics
from collections.abc import Sequence
from time import perf_counter

from websockets.sync.client import ClientConnection, connect

from benchmarks.frame.pairs import median_with_bounds
from benchmarks.frame.run import Run
from benchmarks.frame.system import run_tables
from chalicelib.domain.sessions import row_letters
from infra.cloud import deploy
from infra.races import crowd, instances

STAGE = "local"
HOLDS, FEWEST_HOLDS, REQUESTS = 60, 10, 60
PATIENCE_SECONDS = 60.0


def measure(run: Run) -> None:
    run.say("deploying, with the functions behind the stream")
    with run_tables(run.scratch, stage=STAGE, STAGE=STAGE, REDIS_URL=""):
        live_url = deploy.deploy_app(STAGE).live_url
        with (
            instances.run_instances(1, os.environ, run_dir=run.scratch) as urls,
            crowd.Crowd(urls, 1) as client,
            connect(live_url, proxy=None) as viewer,
        ):
            record(run, health_seconds(client), shown_after(run, client, viewer))


def health_seconds(client: crowd.Crowd) -> float:
    """Gives the median time of `GET /health`."""
    answers = [client.ask_at_once([crowd.Call("GET", "/health")])[0] for _ in range(REQUESTS)]
    return statistics.median(answer.milliseconds for answer in answers) / 1000


def shown_after(run: Run, client: crowd.Crowd, viewer: ClientConnection) -> list[float]:
    """Holds one seat of each row. Gives the seconds from each answer to the viewer's message, without the first."""
    session = client.create_session(total_seats=10 * HOLDS)
    viewer.send(json.dumps({"action": "subscribe", "sessionId": session}))
    viewer.recv(timeout=PATIENCE_SECONDS)
    taken = list[float]()
    for number, user in enumerate(crowd.new_buyers(HOLDS)):
        client.expect(crowd.hold_call(session, user, [f"{row_letters(number)}1"]))
        answered = perf_counter()
        viewer.recv(timeout=PATIENCE_SECONDS)
        taken.append(perf_counter() - answered)
        if number >= FEWEST_HOLDS and run.seconds_left() <= 0:
            run.leave_out(f"{HOLDS - number - 1} holds: no time")
            break
    return taken[1:]


def record(run: Run, health: float, taken: Sequence[float]) -> None:
    slow = sorted(taken)[len(taken) * 95 // 100]
    shown = median_with_bounds([seconds / health for seconds in taken])
    note = f"{statistics.median(taken) * 1000:.0f} ms; 95 of 100 within {slow * 1000:.0f} ms"
    run.record("shown", shown, note=note, samples={"shown": taken})
