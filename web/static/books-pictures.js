// Pictures of receipts until the server has them. They are kept in IndexedDB, because a phone may close the page while its camera is open.
// Each is kept under the account and the name of what is being written; openMemory() has the same rules.

const DATABASE = "tradepost.books";
const STORE = "pictures";

let account = "";
// The same for a browser that keeps nothing.
const inMemory = new Map();

function open() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(DATABASE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

/** Does the work on the store, and returns its result; undefined if the browser keeps nothing. */
async function inStore(mode, work) {
  try {
    const database = await open();
    try {
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction(STORE, mode);
        const asked = work(transaction.objectStore(STORE));
        transaction.oncomplete = () => resolve(asked?.result);
        transaction.onerror = transaction.onabort = () => reject(transaction.error);
      });
    } finally {
      database.close();
    }
  } catch {
    return undefined;
  }
}

/** Begins for an account: what others have left is removed. Without an account, everything is. */
export async function forgetPictures(id = "") {
  account = id;
  for (const key of inMemory.keys()) if (!id || !key.startsWith(`${id}.`)) inMemory.delete(key);
  const keys = (await inStore("readonly", (store) => store.getAllKeys())) ?? [];
  const others = keys.filter((key) => !id || !String(key).startsWith(`${id}.`));
  if (others.length) await inStore("readwrite", (store) => others.forEach((key) => store.delete(key)));
}

/** Keeps [{blob, filename, key}, …]. */
export function keepPictures(name, pictures) {
  inMemory.set(`${account}.${name}`, pictures);
  return inStore("readwrite", (store) => store.put(pictures, `${account}.${name}`));
}

/** Returns [{blob, filename, key}, …]. */
export async function keptPictures(name) {
  return inMemory.get(`${account}.${name}`) ?? (await inStore("readonly", (store) => store.get(`${account}.${name}`))) ?? [];
}

export function dropPictures(name) {
  inMemory.delete(`${account}.${name}`);
  return inStore("readwrite", (store) => store.delete(`${account}.${name}`));
}
