/**
 * What this browser remembers: who it is, what it holds, how it likes the page.
 *
 * A hold is written down *before* it is asked for, with its idempotency key, and a payment before it is begun: a reload
 * in the middle sends the very same request again, which has no second effect.
 */

const NAME = "cinema-tickets";
const MINUTE_MS = 60_000;

let unsaved = {}; // for browsers that keep nothing

function all() {
  try {
    return wellFormed(JSON.parse(localStorage.getItem(NAME)));
  } catch {
    return unsaved;
  }
}

/** Whatever an older page, an extension or a hand has left there: what is not as we write it counts as absent. */
function wellFormed(kept) {
  const { userId, language, theme, holds: held } = Object(kept);
  return {
    userId: typeof userId === "string" ? userId : undefined,
    language,
    theme,
    holds: Array.isArray(held) ? held.filter(isHold) : [],
  };
}

const isHold = (hold) =>
  ["key", "sessionId", "userId"].every((name) => typeof hold?.[name] === "string") &&
  Number.isFinite(hold.askedAt) &&
  Array.isArray(hold.seats) &&
  hold.seats.every((seat) => typeof seat === "string");

function put(changes) {
  unsaved = { ...all(), ...changes };
  try {
    localStorage.setItem(NAME, JSON.stringify(unsaved));
  } catch {
    // Storage is full or forbidden: what we know lives as long as the page.
  }
}

/** A random UUID; crypto.randomUUID itself is missing where the page comes over plain HTTP. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** There is no login: a browser is a buyer. */
export function userId() {
  if (!all().userId) put({ userId: `web-${uuid()}` });
  return all().userId;
}

export const preference = (name) => all()[name];
export const prefer = (name, value) => put({ [name]: value });

/** Holds asked for and not ended, oldest first. Without a reservationId: nobody has answered yet. */
export function holds(sessionId) {
  const live = (all().holds ?? []).filter((hold) => Date.now() - hold.askedAt < remembered(hold));
  return sessionId ? live.filter((hold) => hold.sessionId === sessionId) : live;
}

/** A payment as long as the server remembers what it was for; a hold longer than any can last; a mere wish not for long. */
function remembered({ paying, reservationId }) {
  if (paying) return 24 * 60 * MINUTE_MS;
  return reservationId ? 20 * MINUTE_MS : MINUTE_MS;
}

export function saveHold(hold) {
  const others = holds().filter(({ key }) => key !== hold.key);
  put({ holds: [...others, hold].sort((one, other) => one.askedAt - other.askedAt) });
}

/** Whether it has not ended meanwhile, in another tab. */
export const isHeld = ({ key }) => holds().some((hold) => hold.key === key);

/** With what has become known about it, unless it has ended meanwhile. */
export function updateHold(hold) {
  if (isHeld(hold)) saveHold(hold);
}

export function dropHold(hold) {
  put({ holds: holds().filter(({ key }) => key !== hold.key) });
}

/** Calls back when another tab of this browser has changed something. */
export function onElsewhere(changed) {
  addEventListener("storage", (event) => event.key === NAME && changed());
}
