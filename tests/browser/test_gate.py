"""The gate's page: typed and scanned, once from many gates, and without a connection, told later and not twice."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, Route, expect

from chalicelib.api.http.static import WEB
from infra.local.pump import Pump
from infra.local.tools import browser as chromium
from tests.browser.gatekeeper import AT_A_GATE, Gatekeeper, Screening, closed, filmed, forged
from tests.browser.offline_cases import CASES, KEYS, NOW_MS
from tests.browser.stubs import always
from tests.browser.visitor import DESKTOP
from tests.effort import mostly_thorough, thorough
from tests.http_api import Api

CAMERA = (*chromium.QUIET, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
FILM = "--use-file-for-fake-video-capture="

DECIDED = """async ({ keys, cases, now }) => {
  const load = (name) => import(`./assets/gate/${name}.js`);
  const [{ checkToken }, { readToken }, { byLibrary }] = await Promise.all(["check", "tokens", "signatures"].map(load));
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const known = new Map(keys.map(({ kid, x }) => [kid, bytes(x)]));
  const decide = async ({ token, screening }) => {
    const read = readToken(token);
    const screenings = new Map([[screening.sessionId, screening]]);
    const { kind } = await checkToken(read, { keys: known, screenings, elsewhere: new Map() }, now);
    const key = known.get(read.keyId);
    return [kind, Boolean(key) && (await byLibrary(key, read.signed, read.signature))];
  };
  return Promise.all(cases.map(decide));
}"""
"""Gives the verdict on each case, and whether the library finds the signature good."""
EVERYTHING_KEPT = """async () => {
  const database = await new Promise((done) => {
    indexedDB.open("cinema-gate").onsuccess = (event) => done(event.target.result);
  });
  const all = (name) => new Promise((done) => {
    database.transaction(name).objectStore(name).getAll().onsuccess = (event) => done(event.target.result);
  });
  const kept = await Promise.all([...database.objectStoreNames].map(all));
  return JSON.stringify([kept, { ...localStorage }, { ...sessionStorage }]);
}"""

MEMORIES_KNOWN = """
  globalThis.memories = [];
  const open = IDBFactory.prototype.open;
  IDBFactory.prototype.open = function (...asked) {
    const opening = open.apply(this, asked);
    opening.addEventListener("success", () => memories.push(opening.result));
    return opening;
  };
"""
FAILS_ONCE = """() => {
  const getAll = IDBObjectStore.prototype.getAll;
  IDBObjectStore.prototype.getAll = function () {
    IDBObjectStore.prototype.getAll = getAll;
    globalThis.hasFailed = true;
    throw new Error("the disk");
  };
}"""
PUT = """async (store, item) => {
  const database = await new Promise((done) => {
    indexedDB.open("cinema-gate").onsuccess = (event) => done(event.target.result);
  });
  const transaction = database.transaction(store, "readwrite");
  transaction.objectStore(store).put(item);
  await new Promise((done) => (transaction.oncomplete = done));
}"""
UNREADABLE_KEPT = f"""({PUT})("admissions", {{
  code: "K7QX-2MNP", key: "a", state: "waiting", askedAt: "2000-01-01", gate: "north", at: "yesterday",
}})"""
GARBAGE_KEPT = f"""({PUT})("keys", {{ kid: "ab", x: 7 }})"""


class Gatekeepers(Protocol):
    def __call__(self, **context: Any) -> Gatekeeper:
        """Somebody with a device of their own."""


@pytest.fixture
def keeper(browser: Browser, server: str) -> Iterator[Gatekeepers]:
    made: list[Gatekeeper] = []

    def make(**context: Any) -> Gatekeeper:
        made.append(Gatekeeper.with_own_profile(browser, server, **{**AT_A_GATE, **context}))
        return made[-1]

    yield make
    assert closed(made) == []


@pytest.fixture
def screening(api: Api, pump: Pump) -> Screening:
    return Screening.soon(api, pump)


# In touch with the cinema


def test_who_types_a_code_is_let_in_once(keeper: Gatekeepers, screening: Screening) -> None:
    _, (first, second) = screening.sell("A1", "A2")
    gate = keeper().stands_at("north", screening.room)

    gate.types(first["code"].lower().replace("-", " "))
    gate.sees_verdict("admitted", "Come in", "Seat A1", "Oppenheimer")
    gate.types(second["token"])
    gate.sees_verdict("admitted", "Seat A2")
    gate.types(first["token"])

    gate.sees_verdict("alreadyIn", "Already in", "gate north")
    gate.hears("Already in. Seat A1")
    assert screening.admitted_by(first) == "north"
    assert len(gate.sent("POST", "/api/tickets/admit")) == 2, "its own memory knows who is in"


def test_another_gate_is_told_when_and_where(keeper: Gatekeepers, screening: Screening) -> None:
    _, (ticket,) = screening.sell("A1")
    north, south = (keeper().stands_at(name, screening.room) for name in ("north", "south"))

    north.types(ticket["code"])
    south.types(ticket["token"])

    south.sees_verdict("alreadyIn", "gate north", "Seat A1")
    expect(south.verdict).not_to_contain_text("without the cinema")


def test_of_four_gates_at_once_one_lets_in(keeper: Gatekeepers, screening: Screening) -> None:
    _, (ticket,) = screening.sell("A1")
    gates = [keeper().stands_at(f"gate-{number}", screening.room) for number in range(4)]
    for gate in gates:
        gate.page.locator("#typed").fill(ticket["token"])

    for gate in gates:
        gate.page.evaluate("document.querySelector('[data-key=admit]').click()")

    for gate in gates:
        expect(gate.verdict).to_have_count(1)
    verdicts = [gate.verdict.get_attribute("data-verdict") for gate in gates]
    assert sorted(map(str, verdicts)) == ["admitted", *["alreadyIn"] * 3]
    assert screening.admitted_by(ticket) == f"gate-{verdicts.index('admitted')}"


def test_each_refusal_has_its_words(keeper: Gatekeepers, screening: Screening, api: Api, pump: Pump) -> None:
    reservation_id, (old,) = screening.sell("A1")
    screening.transfer(reservation_id, old)
    elsewhere = Screening.soon(api, pump)
    _, (other,) = elsewhere.sell("A1")
    tomorrow = Screening.soon(api, pump, startTime="2034-02-15T19:00:00Z", roomNumber=screening.room)
    _, (early,) = tomorrow.sell("A1")
    gate = keeper().stands_at("north", screening.room)

    for text, verdict, *words in (
        (old["token"], "transferred", "Old version"),
        (other["code"], "wrongRoom", elsewhere.room),
        (early["code"], "tooEarly", "Too early"),
        (forged(old["token"]), "forged", "Not genuine"),
        ("ZZZZ-ZZZZ", "unknown", "Unknown"),
        ("hello", "unreadable", "No ticket"),
    ):
        gate.types(text)
        gate.sees_verdict(verdict, *words)


def test_a_gate_of_two_rooms_admits_to_both(keeper: Gatekeepers, screening: Screening, api: Api, pump: Pump) -> None:
    beside = Screening.soon(api, pump)
    gate = keeper().stands_at("north", screening.room, beside.room)
    _, (first,) = screening.sell("A1")  # after its lists were made: it knows neither
    _, (second,) = beside.sell("A1")

    for ticket in (first, second):
        gate.types(ticket["code"])
        gate.sees_verdict("admitted")


def test_a_lost_answer_is_asked_for_again_by_the_same_key(keeper: Gatekeepers, screening: Screening) -> None:
    """The cinema has let the ticket in; the page dies before it hears of it."""
    _, (ticket,) = screening.sell("A1")
    gate = keeper().stands_at("north", screening.room)

    def lose(route: Route) -> None:
        route.fetch()  # and nothing is answered

    gate.page.evaluate(
        "AbortSignal.timeout = () => new AbortController().signal"
    )  # it waits however slow this machine is
    gate.page.route("**/api/tickets/admit", lose)
    gate.page.locator("#typed").fill(ticket["code"])
    with gate.page.expect_request("**/api/tickets/admit"):
        gate.presses("admit")
    gate.opens("gate")
    gate.has_its_lists()
    gate.page.unroute_all(behavior="ignoreErrors")

    gate.types(ticket["code"])

    gate.sees_verdict("admitted")
    keys = {each.headers["idempotency-key"] for each in gate.sent("POST", "/api/tickets/admit")}
    assert len(keys) == 1


# Without


def test_without_a_connection_it_lets_in_once_and_tells_later(keeper: Gatekeepers, screening: Screening) -> None:
    _, (scanned, typed) = screening.sell("A1", "A2")
    gate = keeper().stands_at("north", screening.room).loses_the_network()

    gate.types(scanned["token"])
    gate.sees_verdict("admitted", "Seat A1", "without the cinema")
    gate.types(typed["code"])
    gate.sees_verdict("admitted", "Seat A2")
    gate.types(scanned["code"])
    gate.sees_verdict("alreadyIn", "gate north")
    expect(gate.page.locator(".untold")).to_have_text("2 admissions not told yet")
    assert screening.admitted_by(scanned) is None
    gate.finds_the_network().has_told_all()

    assert [screening.admitted_by(ticket) for ticket in (scanned, typed)] == ["north", "north"]
    assert all("admittedAt" in body for body in gate.asked_to_admit())
    gate.types(scanned["token"])
    gate.sees_verdict("alreadyIn")
    expect(gate.conflict).to_have_count(0)


def test_who_came_in_without_a_connection_does_not_come_in_again_before_the_cinema_knows(
    keeper: Gatekeepers, screening: Screening
) -> None:
    """The network is back, and telling takes its time: the cinema would let the ticket in."""
    _, (ticket,) = screening.sell("A1")
    gate = keeper().stands_at("north", screening.room).loses_the_network()
    gate.types(ticket["token"]).sees_verdict("admitted")

    def hang_what_is_told(route: Route) -> None:
        if "admittedAt" not in (route.request.post_data or ""):
            route.continue_()

    gate.page.evaluate("AbortSignal.timeout = () => new AbortController().signal")
    gate.page.route("**/api/tickets/admit", hang_what_is_told)
    with gate.page.expect_request("**/api/tickets/admit"):
        gate.page.context.set_offline(False)

    gate.types(ticket["token"])

    gate.sees_verdict("alreadyIn", "gate north")
    assert all("admittedAt" in body for body in gate.asked_to_admit())
    gate.page.unroute_all(behavior="ignoreErrors")
    gate.page.reload()
    gate.has_told_all()
    assert screening.admitted_by(ticket) == "north"


def test_two_gates_without_a_connection_hear_of_each_other(keeper: Gatekeepers, screening: Screening) -> None:
    _, (ticket,) = screening.sell("A1")
    north, south = (keeper().stands_at(name, screening.room).loses_the_network() for name in ("north", "south"))
    for gate in (north, south):
        gate.types(ticket["token"])
        gate.sees_verdict("admitted")

    north.finds_the_network().has_told_all()
    south.finds_the_network().has_told_all()

    expect(north.conflict).to_have_count(0)
    expect(south.conflict).to_contain_text("Seat A1")
    expect(south.conflict).to_contain_text(ticket["code"])
    expect(south.conflict).to_contain_text("Let in here")
    expect(south.conflict).to_contain_text("gate north")
    south.hears("1 ticket to look after")
    assert screening.admitted_by(ticket) == "north"
    south.page.reload()
    expect(south.conflict).to_have_count(1)
    south.page.get_by_role("button", name="Seen").click()
    expect(south.conflict).to_have_count(0)


def test_without_a_connection_forged_old_and_transferred_are_refused(
    keeper: Gatekeepers, screening: Screening, api: Api, pump: Pump
) -> None:
    reservation_id, (first, second) = screening.sell("A1", "A2")
    third = screening.transfer(reservation_id, first)
    elsewhere = Screening.soon(api, pump)
    _, (other,) = elsewhere.sell("A1")
    gate = keeper().stands_at("north", screening.room).loses_the_network()

    for text, verdict in (
        (forged(second["token"]), "forged"),
        (first["token"], "transferred"),
        (first["code"], "transferred"),
        (other["token"], "wrongRoom"),
        (other["code"], "unlisted"),
        (third["token"], "admitted"),
        (second["token"], "admitted"),
    ):
        gate.types(text)
        gate.sees_verdict(verdict)


def test_what_was_sold_and_transferred_since_the_list_is_let_in_by_its_token(
    keeper: Gatekeepers, screening: Screening
) -> None:
    reservation_id, (first,) = screening.sell("A1")
    gate = keeper().stands_at("north", screening.room).loses_the_network()
    second = screening.transfer(reservation_id, first)
    _, (sold_since,) = screening.sell("B1")

    for ticket, by_code in ((second, "unlisted"), (sold_since, "unlisted")):
        gate.types(ticket["code"])
        gate.sees_verdict(by_code)
        gate.types(ticket["token"])
        gate.sees_verdict("admitted")
    gate.finds_the_network().has_told_all()

    expect(gate.conflict).to_have_count(0)


def test_who_transfers_after_coming_in_without_a_connection_is_a_conflict(
    keeper: Gatekeepers, screening: Screening
) -> None:
    """What a gate without a connection can't promise: the cinema did not know yet."""
    reservation_id, (ticket,) = screening.sell("A1")
    gate = keeper().stands_at("north", screening.room).loses_the_network()
    gate.types(ticket["token"])
    gate.sees_verdict("admitted")
    screening.transfer(reservation_id, ticket)

    gate.finds_the_network().has_told_all()

    expect(gate.conflict).to_contain_text("Old version")


def test_the_page_opens_without_a_network_and_knows_whom_it_let_in(keeper: Gatekeepers, screening: Screening) -> None:
    _, (first, second) = screening.sell("A1", "A2")
    gate = keeper().stands_at("north", screening.room)
    gate.page.wait_for_function("caches.match(location.href).then(Boolean)")
    gate.page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    gate.loses_the_network()
    gate.types(first["token"])

    gate.page.reload()
    gate.has_its_lists()

    gate.types(first["token"])
    gate.sees_verdict("alreadyIn", "gate north")
    gate.types(second["token"])
    gate.sees_verdict("admitted")
    gate.finds_the_network().has_told_all()
    assert [screening.admitted_by(ticket) for ticket in (first, second)] == ["north", "north"]


def test_a_memory_that_the_browser_closed_is_opened_again(keeper: Gatekeepers, screening: Screening) -> None:
    """Phones close it while they sleep. `transaction` throws from then on."""
    _, (ticket,) = screening.sell("A1")
    gate = keeper()
    gate.page.add_init_script(MEMORIES_KNOWN)
    gate.stands_at("north", screening.room)

    gate.page.evaluate("memories.forEach((each) => each.close())")
    gate.types(ticket["code"]).sees_verdict("admitted")

    gate.types(ticket["code"]).sees_verdict("alreadyIn", "gate north")


def test_a_failure_of_the_device_does_not_end_the_telling(keeper: Gatekeepers, screening: Screening) -> None:
    _, (ticket,) = screening.sell("A1")
    gate = keeper().stands_at("north", screening.room)
    gate.loses_the_network()
    gate.types(ticket["token"]).sees_verdict("admitted")

    gate.page.evaluate(FAILS_ONCE)
    gate.page.context.set_offline(False)
    gate.page.wait_for_function("() => window.hasFailed")
    gate.page.evaluate("dispatchEvent(new Event('online'))")

    gate.has_told_all()
    assert screening.admitted_by(ticket) == "north"
    gate.faults.clear()  # the failure, which was reported


def test_one_that_the_cinema_can_not_read_holds_up_no_other(keeper: Gatekeepers, screening: Screening) -> None:
    _, (ticket,) = screening.sell("A1")
    gate = keeper().stands_at("north", screening.room)
    gate.loses_the_network()
    gate.types(ticket["token"]).sees_verdict("admitted")
    gate.page.evaluate(UNREADABLE_KEPT)

    with gate.page.expect_response(lambda answer: answer.url.endswith("/api/tickets/admit") and answer.ok):
        gate.page.context.set_offline(False)

    assert screening.admitted_by(ticket) == "north"
    gate.faults.clear()  # the answer 400


def test_garbage_in_its_memory_does_not_keep_the_page_shut(keeper: Gatekeepers, screening: Screening) -> None:
    gate = keeper().stands_at("north", screening.room)
    gate.page.wait_for_function(f"({EVERYTHING_KEPT})().then((kept) => kept.includes('kid'))")
    gate.page.evaluate(GARBAGE_KEPT)

    gate.page.reload()

    gate.has_its_lists()
    gate.faults.clear()  # the garbage, which was reported


def test_on_a_device_that_is_full_the_page_still_comes_from_the_network(
    keeper: Gatekeepers, screening: Screening
) -> None:
    gate = keeper().stands_at("north", screening.room)
    gate.page.wait_for_function("navigator.serviceWorker.controller !== null")
    full = {"origin": gate.base_url, "quotaSize": 1}
    gate.page.context.new_cdp_session(gate.page).send("Storage.overrideQuotaForOrigin", full)

    of_a_new_version = "fetch('assets/gate/gate.css?v=another').then(({ status }) => status)"
    assert gate.page.evaluate(of_a_new_version) == 200


def test_a_network_that_answers_nothing_holds_nobody_up(keeper: Gatekeepers, screening: Screening) -> None:
    _, (first, second) = screening.sell("A1", "A2")
    gate = keeper().stands_at("north", screening.room)
    gate.page.route("**/api/**", lambda route: route.abort())

    gate.types(first["token"])
    gate.sees_verdict("admitted", "without the cinema")
    gate.types(second["token"])
    gate.sees_verdict("admitted", "without the cinema")

    assert len(gate.sent("POST", "/api/tickets/admit")) <= 3, "the second did not wait for an answer"


# Listed page by page, scanned, and checked as the cinema checks


def test_long_lists_come_page_by_page(keeper: Gatekeepers, screening: Screening) -> None:
    _, tickets = screening.sell("A1", "A2", "A3")
    gate = keeper()
    gate.page.route(
        "**/tickets?*", lambda route: route.continue_(url=route.request.url.replace("limit=100", "limit=1"))
    )

    gate.stands_at("north", screening.room)

    expect(gate.status).to_contain_text("3 tickets")
    gate.loses_the_network().types(tickets[-1]["code"]).sees_verdict("admitted", "Seat A3")


@pytest.fixture
def films(browser: Browser, server: str, tmp_path: Path) -> Iterator[Callable[[str], Gatekeeper]]:
    """Makes somebody whose camera sees the QR code of a token. The camera needs a browser of its own."""
    made: list[Gatekeeper] = []
    running: list[Browser] = []

    def make(token: str) -> Gatekeeper:
        picture = filmed(token, tmp_path / "camera.y4m")
        running.append(browser.browser_type.launch(executable_path=chromium.path(), args=[*CAMERA, f"{FILM}{picture}"]))
        made.append(Gatekeeper.with_own_profile(running[-1], server, **AT_A_GATE, permissions=["camera"]))
        return made[-1]

    yield make
    faults = closed(made)
    for each in running:
        each.close()
    assert faults == []


def test_a_code_before_the_camera_is_read_and_let_in_once(
    films: Callable[[str], Gatekeeper], screening: Screening
) -> None:
    """This browser has no BarcodeDetector: the decoder that comes with us reads it."""
    _, (ticket,) = screening.sell("A1")
    gate = films(ticket["token"]).stands_at("north", screening.room)
    assert not gate.page.evaluate("'BarcodeDetector' in globalThis")

    gate.presses("film")

    gate.sees_verdict("admitted", "Seat A1")
    expect(gate.page.locator("video")).to_be_visible()
    gate.presses("stop")
    expect(gate.page.locator("video")).to_be_hidden()
    gate.sees_verdict("admitted")
    assert len(gate.sent("POST", "/api/tickets/admit")) == 1, "it stayed before the camera"


def test_who_has_no_camera_is_told_to_type(keeper: Gatekeepers, screening: Screening) -> None:
    gate = keeper().stands_at("north", screening.room)

    gate.presses("film")

    expect(gate.page.locator(".lens")).to_contain_text("ype the code")
    gate.hears("ype the code")


def test_the_page_decides_as_the_cinema_does(keeper: Gatekeepers) -> None:
    """`verify_offline_except_reuse` and the page's check.js, on the same tokens and lists; WebCrypto and the
    library."""
    page = keeper().opens("gate").page

    decided = page.evaluate(DECIDED, {"keys": KEYS, "cases": [case.as_json for case in CASES], "now": NOW_MS})

    assert [(case.name, *each) for case, each in zip(CASES, decided, strict=True)] == [
        (case.name, case.expected, case.expected != "forged") for case in CASES
    ]


# For everybody


def at_choice(gate: Gatekeeper, screening: Screening) -> None:
    gate.opens("gate")
    expect(gate.page.get_by_label(screening.room, exact=True)).to_be_visible()


def admitted(gate: Gatekeeper, screening: Screening) -> None:
    _, (ticket,) = screening.sell("A1")
    gate.stands_at("north", screening.room).types(ticket["code"]).sees_verdict("admitted")


def refused(gate: Gatekeeper, screening: Screening) -> None:
    gate.stands_at("north", screening.room).types("ZZZZ-ZZZZ").sees_verdict("unknown")
    gate.page.locator("summary").click()


def in_conflict(gate: Gatekeeper, screening: Screening) -> None:
    _, (ticket,) = screening.sell("A1")
    gate.stands_at("W" * 40, screening.room)
    gate.page.context.set_offline(True)
    gate.types(ticket["token"]).sees_verdict("admitted")
    body = {"gateId": "قاعة", "roomNumber": screening.room, "code": ticket["code"]}
    assert screening.api.post("/api/tickets/admit", body).status == 200
    gate.page.context.set_offline(False)
    expect(gate.conflict).to_have_count(1)
    gate.types(ticket["token"]).sees_verdict("alreadyIn")


STATES = (at_choice, admitted, refused, in_conflict)
SIZES = {
    "phone, light": {"color_scheme": "light"},
    "phone, dark": {"color_scheme": "dark"},
    "desk, light": {**DESKTOP, "color_scheme": "light", "is_mobile": False},
}


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("size", mostly_thorough(SIZES, 4))
def test_axe_finds_no_barrier_and_nothing_hangs_over_the_edge(
    keeper: Gatekeepers, screening: Screening, size: str, state: Callable[[Gatekeeper, Screening], None]
) -> None:
    gate = keeper(**SIZES[size])

    state(gate, screening)

    assert gate.barriers() == []
    assert gate.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_shows_no_person(keeper: Gatekeepers, screening: Screening, api: Api) -> None:
    held = api.hold(screening.id, "A1", user="maria-of-the-box-office", email="maria@example.com")
    assert api.confirm(held.body["reservationId"]).status == 200
    (ticket,) = screening.tickets_of(held.body["reservationId"])
    gate = keeper().stands_at("north", screening.room).types(ticket["code"])
    gate.sees_verdict("admitted")

    kept = gate.page.evaluate(EVERYTHING_KEPT)

    assert "Oppenheimer" in kept
    assert "maria" not in kept + gate.page.content()
    assert held.body["reservationId"] not in kept


def test_both_languages_have_the_same_words(keeper: Gatekeepers) -> None:
    words = (
        keeper()
        .opens("gate")
        .page.evaluate(
            """async () => {
          const names = (words, path = '') => Object.entries(words).flatMap(([name, word]) =>
            typeof word === 'object' ? names(word, path + name + '.') : [path + name]);
          const { WORDS } = await import('./assets/gate/words.js');
          return Object.values(WORDS).map((words) => names(words).sort());
        }"""
        )
    )

    assert words[0] == words[1]
    assert len(words[0]) > 60


def test_every_file_of_the_gate_is_asked_for(keeper: Gatekeepers, screening: Screening) -> None:
    gate = keeper().stands_at("north", screening.room)
    gate.page.wait_for_function("caches.match(location.href).then(Boolean)")

    kept = gate.page.evaluate("caches.open('cinema-gate').then(c => c.keys()).then(all => all.map(r => r.url))")

    files = {part: {file.name for file in (WEB / part).glob("*.*")} for part in ("gate", "qr", "ed25519")}
    needed = {f"{part}/{name}" for part, names in files.items() for name in names if name.endswith((".js", ".css"))}
    named = {url.partition("?")[0].partition("/assets/")[2] for url in kept}
    assert needed - named == {"gate/worker.js"}, "which the browser keeps itself"


@thorough
def test_a_list_that_is_refused_keeps_the_others_and_is_asked_for_again(
    keeper: Gatekeepers, screening: Screening, api: Api, pump: Pump
) -> None:
    beside = Screening.soon(api, pump)
    for each in (screening, beside):
        each.sell("A1")
    gate = keeper()
    limited = always(429, {"error": "RATE_LIMITED"}, Retry_After="1")
    gate.page.route(f"**/{beside.id}/tickets?*", limited)

    gate.stands_at("north", screening.room, beside.room)
    expect(gate.status).to_contain_text("1 screening, 1 ticket")
    expect(gate.status).to_contain_text("In touch")
    gate.page.unroute_all(behavior="wait")

    expect(gate.status).to_contain_text("2 screenings, 2 tickets")
    asked = [len(gate.sent("GET", f"/{each.id}/tickets")) for each in (screening, beside)]
    assert asked == [1, 2], "what is fresh is not asked for again"


def test_it_works_below_the_path_of_a_stage(keeper: Gatekeepers, screening: Screening) -> None:
    """As behind API Gateway, which takes the stage away before it asks us."""
    _, (ticket,) = screening.sell("A1")
    gate = keeper()
    root, stage = gate.base_url, f"{gate.base_url}/_aws/execute-api/abc/local"

    def without_stage(route: Route) -> None:
        assert route.request.url.startswith(f"{stage}/"), "a link leaves the stage"
        route.fulfill(response=route.fetch(url=root + route.request.url.removeprefix(stage)))

    gate.page.add_init_script("delete Navigator.prototype.serviceWorker")  # whose requests no route here can change
    gate.page.route("**/*", without_stage)
    gate.base_url = stage
    gate.stands_at("north", screening.room)
    gate.types(ticket["token"])

    gate.sees_verdict("admitted", "Seat A1")
    gate.page.unroute_all(behavior="wait")
