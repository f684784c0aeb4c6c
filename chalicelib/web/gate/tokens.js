// @ts-check
/**
 * Reads scanned and typed texts: tokens, in the format of chalicelib/domain/tickets/tokens.py, and codes.
 *
 * A token that can be read is not yet verified: see `signatures.js`.
 */

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const LETTERS = "23456789BCDFGHJKMNPQRSTVWXYZ"; // of codes: see chalicelib/domain/booking_codes.py
const TOKEN = /^[A-Z2-7]{167}$/;
const CODE = new RegExp(`^[${LETTERS}]{8}$`);
const LAYOUT = 1;
const FACTS_BYTES = 40;
const TOKEN_BYTES = 104;

/**
 * @typedef {object} Token what a token says, and what signs it; nobody has checked that yet
 * @property {string} text
 * @property {string} keyId
 * @property {string} sessionId
 * @property {string} code
 * @property {string} seat
 * @property {number} version
 * @property {Uint8Array<ArrayBuffer>} signed
 * @property {Uint8Array<ArrayBuffer>} signature
 */

/**
 * Gives the code in a typed text. Ignores case, blanks and hyphens.
 * @param {string} typed
 */
export function readCode(typed) {
  const letters = typed.replace(/[\s-]/g, "").toUpperCase();
  return CODE.test(letters) ? grouped(letters) : undefined;
}

/**
 * Reads a token. Gives nothing if the text is not a token.
 * @param {string} text
 * @returns {Token | undefined}
 */
export function readToken(text) {
  if (!TOKEN.test(text)) return undefined;
  const bytes = decoded(text);
  const facts = new DataView(bytes.buffer, 0, FACTS_BYTES);
  const code = facts.getUint8(21) * 2 ** 32 + facts.getUint32(22);
  if (facts.getUint8(0) !== LAYOUT || code >= LETTERS.length ** 8) return undefined;
  return {
    text,
    keyId: hex(bytes.subarray(1, 5)),
    sessionId: uuid(hex(bytes.subarray(5, 21))),
    code: written(code),
    seat: `${rowLetters(facts.getUint16(26))}${facts.getUint16(28)}`,
    version: facts.getUint16(30),
    signed: bytes.slice(0, FACTS_BYTES),
    signature: bytes.slice(FACTS_BYTES),
  };
}

/**
 * Decodes base32 without padding. Gives nothing if bits after the last byte are not 0, so that only one text gives the same bytes.
 * @param {string} text
 */
function decoded(text) {
  const bytes = new Uint8Array(TOKEN_BYTES);
  let [bits, count, place] = [0, 0, 0];
  for (const letter of text) {
    bits = ((bits << 5) | BASE32.indexOf(letter)) & 0xfff;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes[place] = (bits >> count) & 0xff;
    place += 1;
  }
  return bits & ((1 << count) - 1) ? new Uint8Array(TOKEN_BYTES) : bytes;
}

/** @param {Uint8Array} bytes */
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {string} digits */
const uuid = (digits) =>
  [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join("-");

/** @param {string} letters */
const grouped = (letters) => `${letters.slice(0, 4)}-${letters.slice(4)}`;

/** @param {number} number */
function written(number) {
  let letters = "";
  for (let rest = number; letters.length < 8; rest = Math.floor(rest / LETTERS.length)) {
    letters += LETTERS[rest % LETTERS.length];
  }
  return grouped(letters);
}

/**
 * Gives A, B, … Z, AA, AB, … for 0, 1, … 25, 26, 27, …
 * @param {number} index
 */
function rowLetters(index) {
  let letters = "";
  for (let rest = index + 1; rest > 0; rest = Math.floor((rest - 1) / 26)) {
    letters = String.fromCharCode(65 + ((rest - 1) % 26)) + letters;
  }
  return letters;
}
