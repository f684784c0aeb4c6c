// Plays a mix with k6. benchmarks/load/plan.py writes the plan that PLAN names; the result goes to the file RESULT names.

import http from "k6/http";
import exec from "k6/execution";
import { Counter, Rate, Trend } from "k6/metrics";
import { sleep } from "k6";

const plan = JSON.parse(open(__ENV.PLAN));
const { mix, sessions, urls, buyers } = plan;
const STEPS = ["look", "hold", "start_payment", "pay", "give_back", "purchases"];
const OUTCOMES = ["accepted", "held", "sold", "refused", "limited", "failed"];
const PATIENCE = 5; // how often a payment is confirmed that the cinema has not heard of yet

const times = Object.fromEntries(STEPS.map((step) => [step, new Trend(`${step}_ms`)]));
const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, new Counter(outcome)]));
const failedShare = new Rate("failed_share");

export const options = {
  scenarios: { [plan.name]: plan.scenario },
  thresholds: plan.thresholds,
  summaryTrendStats: ["count", "med", "p(95)", "p(99)", "max"],
};

const chance = (share) => Math.random() < share;
const anyOf = (list) => list[Math.floor(Math.random() * list.length)];
const turn = () => exec.scenario.iterationInTest;

/** The buyer of this arrival: one who is signed in where the plan has tokens, else anybody. */
function arrive() {
  const known = buyers.length ? buyers[turn() % buyers.length] : { id: `${plan.family}-${turn()}`, token: "" };
  return { ...known, url: urls[exec.vu.idInTest % urls.length] };
}

/** Asks once, and counts how it ended. */
function ask(buyer, step, method, path, body = null, extra = {}) {
  const headers = { "Content-Type": "application/json", ...extra };
  if (buyer.token) headers.Authorization = `Bearer ${buyer.token}`;
  const answer = http.request(method, buyer.url + path, body && JSON.stringify(body), { headers, tags: { name: step }, timeout: "10s" });
  times[step].add(answer.timings.duration);
  const outcome = outcomeOf(answer.status);
  counts[outcome].add(1);
  failedShare.add(outcome === "failed");
  return answer;
}

/** 402 is a refusal, too: the cinema has not heard of the payment yet. */
function outcomeOf(status) {
  if (status >= 200 && status < 300) return "accepted";
  if (status === 429) return "limited";
  return [402, 409, 410].includes(status) ? "refused" : "failed";
}

const rowName = (index) => (index < 26 ? "" : rowName(Math.floor(index / 26) - 1)) + String.fromCharCode(65 + (index % 26));
const isWanted = (count) => 1 + Math.floor(Math.random() * count);

/** Seats that nobody else of this run asks for first: the arrivals share the halls out. */
function ownSeats() {
  const blocksPerRow = Math.floor(mix.seatsPerRow / mix.seatsAtOnce);
  const blocks = Math.floor(mix.seats / mix.seatsPerRow) * blocksPerRow;
  const block = turn() % blocks;
  const row = rowName(Math.floor(block / blocksPerRow));
  const first = (block % blocksPerRow) * mix.seatsAtOnce + 1;
  const seats = Array.from({ length: mix.seatsAtOnce }, (_, place) => `${row}${first + place}`);
  return { session: sessions[Math.floor(turn() / blocks) % sessions.length], seats };
}

/** Seats side by side, of the whole hall: what somebody asks for who has not looked. */
function blindSeats() {
  const length = isWanted(mix.seatsAtOnce);
  const row = rowName(Math.floor(Math.random() * (mix.seats / mix.seatsPerRow)));
  const first = 1 + Math.floor(Math.random() * (mix.seatsPerRow - length + 1));
  return Array.from({ length }, (_, place) => `${row}${first + place}`);
}

/** A free seat of the map, and its free neighbour; null when there is none. */
function freeSeats(map) {
  const free = map.seats.filter((seat) => seat.status === "available").map((seat) => seat.number);
  if (!free.length) return null;
  const start = Math.floor(Math.random() * free.length);
  const row = free[start].replace(/\d+$/, "");
  return free.slice(start, start + isWanted(mix.seatsAtOnce)).filter((seat) => seat.replace(/\d+$/, "") === row);
}

/** Looks first, or not. Gives the screening and the seats; null where all are taken. */
function choose(buyer) {
  if (plan.mix.sharesOut) return ownSeats();
  const session = anyOf(sessions);
  if (!chance(mix.looks)) return { session, seats: blindSeats() };
  const seen = ask(buyer, "look", "GET", `/api/sessions/${session}/seats`);
  const seats = seen.status === 200 ? freeSeats(seen.json()) : null;
  return seats && { session, seats };
}

export function buy() {
  const buyer = arrive();
  for (let attempt = 0; attempt < mix.attempts; attempt += 1) {
    const wish = choose(buyer);
    if (!wish) return;
    const body = { sessionId: wish.session, userId: buyer.id, seatNumbers: wish.seats };
    const held = ask(buyer, "hold", "POST", "/api/reservations", body, { "Idempotency-Key": `${plan.family}-${turn()}-${attempt}` });
    if (held.status === 201) {
      counts.held.add(1);
      return decide(buyer, held.json("reservationId"));
    }
    if (held.status !== 409) return;
  }
}

/** Pays; or gives the seats back; or walks away, and they lapse. */
function decide(buyer, reservation) {
  if (chance(mix.pays)) return pay(buyer, reservation);
  if (chance(0.5)) ask(buyer, "give_back", "DELETE", `/api/reservations/${reservation}`);
}

function pay(buyer, reservation) {
  const path = `/api/reservations/${reservation}`;
  const transactionId = plan.paysByGateway
    ? ask(buyer, "start_payment", "POST", `${path}/payment`).json("paymentId")
    : `tx-${reservation}`;
  for (let attempt = 0; attempt < PATIENCE; attempt += 1) {
    const paid = ask(buyer, "pay", "POST", `${path}/confirm`, { paymentMethod: "credit_card", transactionId });
    if (paid.status === 200) {
      counts.sold.add(1);
      return ask(buyer, "purchases", "GET", `/api/users/${encodeURIComponent(buyer.id)}/purchases`);
    }
    if (paid.status !== 402) return;
    sleep(Number(paid.headers["Retry-After"] || 1));
  }
}

export function browse() {
  const buyer = arrive();
  const session = anyOf(sessions);
  ask(buyer, "look", "GET", anyOf(["/api/sessions", `/api/sessions/${session}`, `/api/sessions/${session}/seats`]));
}

const kept = ({ values }) => ({ count: values.count, p50: values.med, p95: values["p(95)"], p99: values["p(99)"], max: values.max });

/** Writes the result in the form of benchmarks/load/result.py. */
export function handleSummary({ metrics, state }) {
  const crossed = Object.entries(metrics).flatMap(([name, metric]) =>
    Object.entries(metric.thresholds || {}).filter(([, { ok }]) => !ok).map(([bound]) => `${name} ${bound}`));
  const result = {
    seconds: state.testRunDurationMs / 1000,
    outcomes: Object.fromEntries(OUTCOMES.map((name) => [name, metrics[name] ? metrics[name].values.count : 0])),
    steps: Object.fromEntries(STEPS.filter((step) => metrics[`${step}_ms`] && metrics[`${step}_ms`].values.count).map((step) => [step, kept(metrics[`${step}_ms`])])),
    missed: metrics.dropped_iterations ? metrics.dropped_iterations.values.count : 0,
    crossed,
  };
  return { [__ENV.RESULT]: JSON.stringify(result) };
}
