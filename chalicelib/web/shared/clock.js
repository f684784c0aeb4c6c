// @ts-check
/**
 * The server's clock, as far as its answers tell.
 *
 *   ours    sent ─────────────────────► received
 *   server            Date (cut to whole seconds)
 *
 * When the server wrote its Date it was at least `Date` and less than a second later, by its clock; by ours it was
 * between sent and received. Each answer narrows down by how much the two clocks differ. Time left is reckoned with the
 * latest time that it can be over there: the page may show a moment too little, and never too much.
 */

let least = -Infinity;
let most = Infinity;

export function learn(sentAt, receivedAt, date) {
  if (Number.isNaN(date)) return;
  const lowest = date - receivedAt;
  const highest = date + 1000 - sentAt;
  const contradicted = lowest > most || highest < least; // somebody has set a clock: what we knew is void
  least = contradicted ? lowest : Math.max(least, lowest);
  most = contradicted ? highest : Math.min(most, highest);
}

/** Milliseconds until `moment` (ISO 8601), never more than there are by the server's clock. */
export function left(moment, now = Date.now()) {
  const ahead = most === Infinity ? 0 : most;
  return Math.max(0, Date.parse(moment) - now - ahead);
}

/** Milliseconds by which the server's clock is ahead of ours, as well as we know it; none while no answer has told. */
export const ahead = () => (most === Infinity ? 0 : (least + most) / 2);

/** Now by the server's clock. */
export const now = () => Date.now() + ahead();

/** 0:29 */
export function minutes(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
