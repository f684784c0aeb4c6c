// @ts-check
/**
 * The bundled libraries, unchanged and with their licences: qr reads QR codes, noble-ed25519 checks signatures. Each is loaded
 * only if the browser itself can't do its work.
 */

const here = (file) => new URL(file, import.meta.url).href;

const DECODER = here("../qr/decode.js");
const SIGNATURES = here("../ed25519/index.js");

/** The files that a page may have to load without a network. */
export const FILES = [DECODER, here("../qr/index.js"), SIGNATURES];

/** @returns {Promise<{ BarcodeDetector: any }>} */
export const loadDecoder = () => import(DECODER);

/** @returns {Promise<{ verifyAsync: (...parts: any[]) => Promise<boolean> }>} */
export const loadSignatures = () => import(SIGNATURES);
