// @ts-check
/** The page without a network: its files put where `worker.js` finds them, and the worker set to work. */

import { FILES } from "./libraries.js";

const CACHE = "cinema-gate";
const PAGE = new URL("../../gate", import.meta.url).href;
const WORKER = new URL("worker.js", import.meta.url).href;

/**
 * Keeps the page for when there is no network. False where this browser can't: an open page still goes on.
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

/** Keeps every file that the page has loaded, and forgets older versions of them. */
async function keepFiles() {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const files = loaded.filter((name) => name.startsWith(new URL("../", import.meta.url).href));
  const wanted = new Set([PAGE, ...files, ...FILES]);
  const cache = await caches.open(CACHE);
  const kept = new Set((await cache.keys()).map(({ url }) => url));
  await cache.addAll([...wanted].filter((url) => !kept.has(url)));
  await Promise.allSettled(FILES.map((url) => cache.add(url))); // `worker.js` renews only what is asked for
  for (const url of kept) if (!wanted.has(url)) await cache.delete(url);
}
