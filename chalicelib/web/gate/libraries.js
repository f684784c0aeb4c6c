// @ts-check
/**
 * The libraries that come with us, each as its makers published it, with its licence beside it: qr reads QR codes,
 * noble-ed25519 checks signatures. They are loaded only where the browser can't do it by itself.
 */

const here = (file) => new URL(file, import.meta.url).href;

const DECODER = here("../qr/decode.js");
const SIGNATURES = here("../ed25519/index.js");

/** All that a page without a network may have to load. */
export const FILES = [DECODER, here("../qr/index.js"), SIGNATURES];

/** @returns {Promise<{ BarcodeDetector: any }>} */
export const loadDecoder = () => import(DECODER);

/** @returns {Promise<{ verifyAsync: (...parts: any[]) => Promise<boolean> }>} */
export const loadSignatures = () => import(SIGNATURES);
