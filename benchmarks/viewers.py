"""Seat maps to many: what one change costs for ten, a thousand and ten thousand viewers of one screening.

A viewer subscribes. Who is told that the screening is full polls, as chalicelib/web/seats/live.js does, and is
answered by a cache that all share. Posts and requests are counted; time is only simulated. The map and its headers are
those that an instance of the API answers.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from heapq import heapify, heapreplace

from benchmarks.frame.plots import Lines
from benchmarks.frame.run import Run
from benchmarks.frame.system import run_api
from benchmarks.serving import Visitor
from chalicelib.application.live import SendRowChangesWithinTimeLimit, SwitchWatchedSessionUnlessFull
from chalicelib.domain.live import RowState
from chalicelib.domain.sessions import Session
from chalicelib.settings import load

AUDIENCES = (10, 100, 1_000, 10_000)
POLL_SECONDS, SPREAD = 1.5, 0.2
"""The pause between two polls of a page without a live connection: ALONE_MS of live.js, and how far it is spread."""
WATCHED_SECONDS = 20.0
SESSION = "550e8400-e29b-41d4-a716-446655440000"
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def measure(run: Run) -> None:
    posts = {viewers: count_posts(viewers) for viewers in AUDIENCES}
    run.keep("posts of one change", posts)
    run.record("posts of one change", posts[AUDIENCES[-1]], note=f"{posts[1_000]} for a thousand viewers")
    with run_api(run.scratch, REDIS_URL="") as (url, client), Visitor(url) as visitor:
        path = f"/api/sessions/{client.create_session(200)}/seats"
        shared = poll_by_all(run, visitor, f"{path}?maxAge=1")
        alone = ages_allowed(str(visitor.get(path)["Cache-Control"]))
    run.record("requests of those who poll", shared[AUDIENCES[-1]].asked_a_second)
    run.record("age of a shared map", max(each.oldest for each in shared.values()), note=f"{alone:.0f} s if not shared")
    plot_cost(run, posts, shared)


def poll_by_all(run: Run, visitor: Visitor, path: str) -> dict[int, "SharedCache"]:
    """Lets each audience poll through a cache of its own."""
    caches = {}
    for viewers in AUDIENCES:
        run.say(f"{viewers} viewers poll for {WATCHED_SECONDS:.0f} simulated seconds")
        cache = caches[viewers] = SharedCache(lambda: str(visitor.get(path)["Cache-Control"]))
        for moment in polls(viewers, random.Random(viewers)):
            cache.answer(moment)
    return caches


def plot_cost(run: Run, posts: dict[int, int], shared: dict[int, "SharedCache"]) -> None:
    lines = {
        "posts of a change": [(float(viewers), float(count)) for viewers, count in posts.items()],
        "origin requests/s of polls": [(float(viewers), cache.asked_a_second) for viewers, cache in shared.items()],
    }
    run.plot("cost", Lines("One change, by viewers of the screening", "viewers", "", lines, logarithmic=True))


def polls(viewers: int, chance: random.Random) -> Iterator[float]:
    """Gives the moments at which pages poll, in order, for WATCHED_SECONDS."""
    due = [chance.uniform(0, POLL_SECONDS) for _ in range(viewers)]
    heapify(due)
    while (moment := due[0]) < WATCHED_SECONDS:
        heapreplace(due, moment + POLL_SECONDS * chance.uniform(1 - SPREAD, 1 + SPREAD))
        yield moment


def ages_allowed(cache_control: str) -> float:
    """Gives the seconds for which a shared cache may keep an answer (RFC 9111); 0 if it must ask each time."""
    directives = {name.strip(): value for name, _, value in (each.partition("=") for each in cache_control.split(","))}
    return float(directives["s-maxage"]) if "s-maxage" in directives and "public" in directives else 0.0


@dataclass
class SharedCache:
    """A cache in front of the API for one path, as CloudFront's are. It asks the origin once its answer is stale."""

    ask_origin: Callable[[], str]
    kept_until: float = 0.0
    read_at: float = 0.0
    asked: int = 0
    oldest: float = 0.0
    """The greatest age, in seconds, of an answer that was given."""

    @property
    def asked_a_second(self) -> float:
        return self.asked / WATCHED_SECONDS

    def answer(self, moment: float) -> None:
        if not self.asked or moment >= self.kept_until:
            self.asked += 1
            self.read_at, self.kept_until = moment, moment + ages_allowed(self.ask_origin())
        self.oldest = max(self.oldest, moment - self.read_at)


def count_posts(viewers: int) -> int:
    """Counts the posts that one change makes for a number of subscribed viewers."""
    audience = Audience()
    watch = SwitchWatchedSessionUnlessFull(OneSession(), audience, load({"STAGE": "test"}).max_live_viewers)  # type: ignore[arg-type]
    for number in range(viewers):
        watch(f"viewer-{number}", SESSION)
    show = SendRowChangesWithinTimeLimit(audience, audience, lambda: NOW)
    show([RowState(SESSION, "A", 1, {})], lambda rows: "a row")
    return audience.posts


class OneSession:
    """The sessions as SwitchWatchedSessionUnlessFull needs them."""

    def get(self, session_id: str) -> Session:
        return Session(session_id, "Oppenheimer", NOW, "A1", 200, 20, Decimal("25.00"), NOW)


@dataclass
class Audience:
    """Viewers and their connections in memory."""

    watching: list[str] = field(default_factory=list)
    posts: int = 0

    def set_watched_session(self, viewer_id: str, session_id: str) -> None:
        self.watching.append(viewer_id)

    def remove(self, viewer_id: str) -> None:
        self.watching.remove(viewer_id)

    def count(self, session_id: str, most: int) -> int:
        return min(len(self.watching), most)

    def viewers_of(self, session_id: str) -> Sequence[str]:
        return self.watching

    def send_and_list_gone(self, viewer_ids: Sequence[str], message: str, seconds: float = 20.0) -> set[str]:
        self.posts += len(viewer_ids)
        return set()
