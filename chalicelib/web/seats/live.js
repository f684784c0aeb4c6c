/**
 * A screening's seats as they change: today by asking again and again, behind an interface that a socket could serve.
 *
 * Often while somebody looks, seldom while the page is hidden, never without a connection.
 */

import * as api from "./api.js";

const WATCHED_MS = 1500;
const HIDDEN_MS = 20_000;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Calls `arrived(seatMap)` for each map and `failed(failure)` for each try without one, until `stop()`.
 * `refresh()` asks at once: the map that comes was made after the call.
 */
export function follow(sessionId, { arrived, failed }) {
  const leaving = new AbortController();
  let timer;
  let asking = false;
  let again = false;
  let failures = 0;

  async function ask() {
    clearTimeout(timer);
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    try {
      const seatMap = await api.seats(sessionId, leaving.signal);
      failures = 0;
      if (!leaving.signal.aborted) arrived(seatMap);
    } catch (failure) {
      failures += 1;
      if (!leaving.signal.aborted) failed(failure);
    }
    asking = false;
    schedule();
  }

  function schedule() {
    if (leaving.signal.aborted || !navigator.onLine) return;
    timer = setTimeout(ask, again ? 0 : pause());
    again = false;
  }

  function pause() {
    if (document.hidden) return HIDDEN_MS;
    const spread = 0.8 + Math.random() * 0.4; // thousands of pages must not ask in step
    return Math.min(LONGEST_PAUSE_MS, WATCHED_MS * 2 ** failures) * spread;
  }

  const here = () => !document.hidden && ask();
  document.addEventListener("visibilitychange", here, { signal: leaving.signal });
  addEventListener("online", ask, { signal: leaving.signal });
  ask();

  return {
    refresh: ask,
    stop() {
      leaving.abort();
      clearTimeout(timer);
    },
  };
}
