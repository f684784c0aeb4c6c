// @ts-check
/**
 * Ed25519 signatures: checked by the browser's own WebCrypto where it knows them, else by noble-ed25519, which comes with
 * us (../ed25519).
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
 * Checks with the library, by RFC 8032 as it stands.
 * @param {Uint8Array} key
 * @param {Uint8Array} signed
 * @param {Uint8Array} signature
 */
export async function byLibrary(key, signed, signature) {
  const { verifyAsync } = await loadSignatures();
  return verifyAsync(signature, signed, key, { zip215: false });
}

/** Asks WebCrypto for a key pair: there is no other way to ask what it knows. */
const knowsEd25519 = () =>
  crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]).then(
    () => true,
    () => false,
  );
