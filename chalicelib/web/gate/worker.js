// @ts-check
/**
 * The service worker of the gate's page. It gets the page and its files from the network, or from the cache if the network is
 * missing or too slow. It leaves requests to the API alone. `offline.js` fills the cache at first.
 */

(() => {
  const CACHE = "cinema-gate";
  const PATIENCE_MS = 3_000;
  const worker = /** @type {any} */ (self);

  worker.addEventListener("install", () => worker.skipWaiting());
  worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));
  worker.addEventListener("fetch", (event) => {
    const { request } = event;
    if (request.method === "GET" && isKept(request)) event.respondWith(answer(request));
  });

  /** @param {Request} request */
  const isKept = ({ url, mode }) =>
    url.startsWith(new URL("../", worker.location.href).href) || (mode === "navigate" && keyOf(url) === pageUrl());

  const pageUrl = () => worker.registration.scope;

  /** @param {string} url the page's own address has no query: the way back from a sign-in adds one */
  const keyOf = (url) => (url.split(/[?#]/)[0] === pageUrl() ? pageUrl() : url);

  /** @param {Request} request */
  async function answer(request) {
    const cache = await caches.open(CACHE);
    const key = keyOf(request.url);
    const asked = fetch(request).then(async (response) => {
      if (response.ok) await cache.put(key, response.clone()).catch(() => undefined); // the device is full
      return response;
    });
    const late = new Promise((done) => setTimeout(done, PATIENCE_MS)).then(() => cache.match(key));
    return (await Promise.race([asked.catch(() => cache.match(key)), late])) ?? asked;
  }
})();
