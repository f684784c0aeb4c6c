// @ts-check
/**
 * Follows the seats of a screening: by a WebSocket if there is one, else by polling.
 *
 *   socket ──subscribed──► ask for the map once ──► rows as they change, each as it stands; the map again now and then
 *   no socket, or it is full or gone ──► the map every second or two; never without a connection
 *
 * Without a socket, the page asks for a shared map, which a cache gives to thousands of pages. But after an action of its own
 * buyer, it asks for a fresh map for some seconds, because an older map would not show the action.
 */

import * as clock from "../shared/clock.js";
import { asFailure } from "../shared/http.js";
import * as api from "./api.js";

const ALONE_MS = 1500;
const CONNECTED_MS = 20_000; // repairs the map after a lost message
const HIDDEN_MS = 20_000;
const OWN_NEWS_MS = 3000; // a shared map is two seconds old at most: one in each of two caches
const CLOSED_MS = 60_000; // refused for good, as for a cancelled screening
const LONGEST_PAUSE_MS = 10_000;
const CLOCKS_DIFFER_MS = 1000; // as far as we know: see clock.js
const LONGEST_SLEEP_MS = 2 ** 31 - 1;

/**
 * Calls `arrived(seatMap)` for each map and `failed(failure)` for each try without one, until `stop()`.
 * `refresh()` asks at once: the map that comes was made after the call.
 * @param {string} sessionId
 * @param {{ arrived: (map: api.SeatMap) => void, failed: (failure: import("../shared/http.js").Failure) => void }} listeners
 */
export function follow(sessionId, { arrived, failed }) {
  const leaving = new AbortController();
  const seen = new Seen();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let lapse;
  let asking = false;
  let again = false;
  let failures = 0;
  let leastPause = 0;
  let mayBeShared = 0;

  async function ask() {
    clearTimeout(timer);
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    const began = seen.messages;
    try {
      const isShared = !socket.isOpen && Date.now() >= mayBeShared;
      seen.read(await api.seats(sessionId, leaving.signal, isShared), began);
      [failures, leastPause] = [0, 0];
      show();
    } catch (caught) {
      if (leaving.signal.aborted) return;
      const failure = asFailure(caught);
      failures += 1;
      leastPause = failure.mayPass ? failure.retryAfterMs : CLOSED_MS;
      failed(failure);
    }
    asking = false;
    schedule();
  }

  /** Shows the map. Shows it again when the next hold lapses, because no message is sent then. */
  function show() {
    if (leaving.signal.aborted || !seen.map) return;
    clearTimeout(lapse);
    const map = seen.now(seen.map);
    const next = Math.min(...map.seats.flatMap(({ expiresAt }) => (expiresAt ? [untilLapsed(expiresAt)] : [])));
    if (next < LONGEST_SLEEP_MS) lapse = setTimeout(show, next + 1);
    arrived(map);
  }

  function schedule() {
    if (leaving.signal.aborted || !navigator.onLine) return;
    timer = setTimeout(ask, again ? 0 : pause());
    again = false;
  }

  function pause() {
    if (document.hidden) return HIDDEN_MS;
    const spread = 0.8 + Math.random() * 0.4; // thousands of pages must not ask in step
    const usual = socket.isOpen ? CONNECTED_MS : Math.min(LONGEST_PAUSE_MS, ALONE_MS * 2 ** failures);
    return Math.max(usual, leastPause) * spread;
  }

  const socket = new Socket(sessionId, leaving.signal, {
    changed() {
      mayBeShared = Date.now() + OWN_NEWS_MS;
      ask();
    },
    received: (rows) => seen.tell(rows) && show(),
  });
  const here = () => !document.hidden && ask();
  document.addEventListener("visibilitychange", here, { signal: leaving.signal });
  addEventListener("online", ask, { signal: leaving.signal });
  ask();

  return {
    refresh() {
      mayBeShared = Date.now() + OWN_NEWS_MS;
      return ask();
    },
    stop() {
      leaving.abort();
      clearTimeout(timer);
      clearTimeout(lapse);
    },
  };
}

/**
 * Gives a seat that can be chosen.
 * @param {string} number
 * @returns {api.Seat}
 */
const free = (number) => ({ number, status: "available" });

/**
 * Gives the milliseconds until a hold has surely lapsed. A seat must not be offered while it may be held.
 * @param {string} expiresAt
 */
const untilLapsed = (expiresAt) => clock.left(expiresAt, Date.now() - CLOCKS_DIFFER_MS);

/** @typedef {{ row: string, version: number, seats: api.Seat[] }} TellRow a row as the WebSocket tells it */

/** The last map that was read, and the rows that the WebSocket has sent since. */
class Seen {
  /** @type {api.SeatMap | undefined} */
  map = undefined;
  messages = 0;
  /** @type {Map<string, TellRow & { message: number, isNews: boolean }>} */
  rows = new Map();

  /**
   * Takes a map, which has all changes that were sent before it was asked for.
   * @param {api.SeatMap} map
   * @param {number} began how many messages there were then
   */
  read(map, began) {
    this.map = map;
    for (const row of this.rows.values()) row.isNews &&= row.message > began;
  }

  /**
   * Takes rows. Gives true if one of them is new, with a higher version. Skips anything that is no row.
   * @param {TellRow | TellRow[]} rows
   */
  tell(rows) {
    this.messages += 1;
    const news = [rows]
      .flat()
      .filter((row) => Array.isArray(row?.seats))
      .filter(({ row, version }) => !((this.rows.get(row)?.version ?? -1) >= version));
    for (const row of news) this.rows.set(row.row, { ...row, message: this.messages, isNews: true });
    return news.length > 0;
  }

  /**
   * Gives the map as it is by now.
   * @param {api.SeatMap} map
   * @returns {api.SeatMap}
   */
  now(map) {
    /** @type {Map<string, Map<string, api.Seat>>} */
    const news = new Map();
    for (const { isNews, row, seats } of this.rows.values()) {
      if (isNews) news.set(row, new Map(seats.map((seat) => [seat.number, seat])));
    }
    const seats = map.seats.map((seat) => {
      const row = news.get(seat.number.replace(/\d+$/, ""));
      /** @type {api.Seat} */
      const known = row ? (row.get(seat.number) ?? free(seat.number)) : seat;
      return known.expiresAt && untilLapsed(known.expiresAt) === 0 ? free(known.number) : known;
    });
    const availableSeats = seats.filter((seat) => seat.status === "available").length;
    return { ...map, seats, availableSeats };
  }
}

/** A WebSocket that calls `changed()` when it opens and when it closes. It reconnects, after growing pauses, until it is aborted. */
class Socket {
  isOpen = false;
  failures = 0;

  /** @type {WebSocket | undefined} */
  socket = undefined;

  /**
   * @param {string} sessionId
   * @param {AbortSignal} leaving
   * @param {{ changed: () => void, received: (rows: TellRow | TellRow[]) => unknown }} listeners
   */
  constructor(sessionId, leaving, { changed, received }) {
    this.sessionId = sessionId;
    this.leaving = leaving;
    this.changed = changed;
    this.received = received;
    leaving.addEventListener("abort", () => this.socket?.close());
    this.open();
  }

  async open() {
    const url = await api.liveUrl();
    if (!url || this.leaving.aborted) return;
    const socket = new WebSocket(url);
    socket.onopen = () => socket.send(JSON.stringify({ action: "subscribe", sessionId: this.sessionId }));
    socket.onmessage = ({ data }) => this.heard(parsed(data));
    socket.onclose = () => this.closed();
    this.socket = socket;
  }

  heard(message) {
    if (message.type === "rows") this.received(message.rows);
    if (message.type !== "subscribed") return;
    this.isOpen = true;
    this.failures = 0;
    this.changed();
  }

  closed() {
    if (this.isOpen) this.changed();
    this.isOpen = false;
    this.failures += 1;
    const pause = Math.min(60_000, 1000 * 2 ** this.failures) * (0.5 + Math.random() / 2);
    if (!this.leaving.aborted) setTimeout(() => this.open(), pause);
  }
}

/**
 * Reads a message. Gives nothing if it is not JSON.
 * @param {string} data
 */
function parsed(data) {
  try {
    return Object(JSON.parse(data));
  } catch {
    return {};
  }
}
