// @ts-check
/**
 * Checks Ed25519 signatures: with the browser's WebCrypto if it supports them, else with the library noble-ed25519
 * (../ed25519).
 */

import { loadSignatures } from "./libraries.js";

/** @type {Promise<boolean> | undefined} */
let known;

/**
 * Tells whether a key has made this signature of these bytes.
 * @param {Uint8Array<ArrayBuffer>} key the 32 bytes of the public key
 * @param {Uint8Array<ArrayBuffer>} signed
 * @param {Uint8Array<ArrayBuffer>} signature
 * @returns {Promise<boolean>}
 */
export async function isSigned(key, signed, signature) {
  if (!(await (known ??= knowsEd25519()))) return byLibrary(key, signed, signature);
  const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, signed);
}

/**
 * Checks with the library, strictly by RFC 8032.
 * @param {Uint8Array} key
 * @param {Uint8Array} signed
 * @param {Uint8Array} signature
 */
export async function byLibrary(key, signed, signature) {
  const { verifyAsync } = await loadSignatures();
  return verifyAsync(signature, signed, key, { zip215: false });
}

/** Tells whether WebCrypto supports Ed25519, by making a key pair: there is no other way to find out. */
const knowsEd25519 = () =>
  crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]).then(
    () => true,
    () => false,
  );
