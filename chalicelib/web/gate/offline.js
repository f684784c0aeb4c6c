// @ts-check
/** Prepares the page for offline use: stores its files in the cache that `worker.js` reads, and starts that service worker. */

import { FILES } from "./libraries.js";

const CACHE = "cinema-gate";
const PAGE = new URL("../../gate", import.meta.url).href;
const WORKER = new URL("worker.js", import.meta.url).href;

/**
 * Keeps the page for offline use. Gives false if this browser can't keep it; a page that is open then still works offline.
 * @returns {Promise<boolean>}
 */
export async function keepPage() {
  if (!("serviceWorker" in navigator) || !("caches" in globalThis)) return false;
  try {
    await navigator.serviceWorker.register(WORKER, { scope: PAGE });
    await keepFiles();
    await navigator.storage?.persist?.();
    return true;
  } catch {
    return false; // private windows of some browsers, storage that is full, no network just now
  }
}

/** Caches every file that the page has loaded, and deletes older versions of these files. */
async function keepFiles() {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const files = loaded.filter((name) => name.startsWith(new URL("../", import.meta.url).href));
  const wanted = new Set([PAGE, ...files, ...FILES]);
  const cache = await caches.open(CACHE);
  const kept = new Set((await cache.keys()).map(({ url }) => url));
  await cache.addAll([...wanted].filter((url) => !kept.has(url)));
  await Promise.allSettled(FILES.map((url) => cache.add(url))); // `worker.js` renews only files that are requested
  for (const url of kept) if (!wanted.has(url)) await cache.delete(url);
}
