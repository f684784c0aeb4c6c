// @ts-check
/** This gate's storage, which outlives the page: a few functions over IndexedDB. */

const NAME = "cinema-gate";
const STORES = { admissions: "code", screenings: "sessionId", keys: "kid" };

/** @typedef {keyof typeof STORES} Store */

/** @type {Promise<IDBDatabase> | undefined} */
let opening;

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((done, failed) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => {
      for (const [store, keyPath] of Object.entries(STORES)) asked.result.createObjectStore(store, { keyPath });
    };
    asked.onsuccess = () => {
      asked.result.onclose = forget; // by the browser: storage that was cleared, a phone that slept
      done(asked.result);
    };
    asked.onerror = () => failed(asked.error);
  });
}

const forget = () => (opening = undefined);

/** Gives the open database. If it can't be opened, the next call tries again. */
const opened = () =>
  (opening ??= open().catch((caught) => {
    forget();
    throw caught;
  }));

/**
 * Runs `work` in one transaction. Gives the result of `work` after everything is written to the disk.
 * @template Result
 * @param {Store} store
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore, give: (result: Result) => void) => void} work
 * @returns {Promise<Result>}
 */
async function transact(store, mode, work) {
  const transaction = await begin(store, mode);
  return new Promise((done, failed) => {
    /** @type {any} */
    let result;
    transaction.oncomplete = () => done(result);
    transaction.onabort = () => failed(transaction.error);
    work(transaction.objectStore(store), (given) => (result = given));
  });
}

/**
 * Begins a transaction. If the browser has closed the connection to the database, opens a new one.
 * @param {Store} store
 * @param {IDBTransactionMode} mode
 * @returns {Promise<IDBTransaction>}
 */
async function begin(store, mode, isAgain = false) {
  const database = await opened();
  try {
    return database.transaction(store, mode, { durability: "strict" });
  } catch (caught) {
    forget();
    if (isAgain) throw caught;
    return begin(store, mode, true);
  }
}

/**
 * Reads all of a store.
 * @param {Store} store
 * @returns {Promise<any[]>}
 */
export const readAll = (store) =>
  transact(store, "readonly", (items, give) => {
    const asked = items.getAll();
    asked.onsuccess = () => give(asked.result);
  });

/**
 * Replaces all items of a store by these.
 * @param {Store} store
 * @param {object[]} items
 * @returns {Promise<void>}
 */
export const replaceAll = (store, items) =>
  transact(store, "readwrite", (stored) => {
    stored.clear();
    for (const item of items) stored.put(item);
  });

/**
 * Changes one item atomically: no other tab can change it meanwhile.
 * @template Item
 * @param {Store} store
 * @param {string} key
 * @param {(before: Item | undefined) => Item | null | undefined} change gives the item as it is from now on; null to delete
 * it; undefined to leave it as it is
 * @returns {Promise<Item | undefined>} the item before
 */
export const change = (store, key, change) =>
  transact(store, "readwrite", (items, give) => {
    const asked = items.get(key);
    asked.onsuccess = () => {
      give(asked.result);
      const after = change(asked.result);
      if (after) items.put(after);
      if (after === null) items.delete(key);
    };
  });
