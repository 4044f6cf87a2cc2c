// What the page keeps in localStorage for the signed-in account until the server has it: what is typed, and requests under way with their keys.
// It survives a reload, a closed browser and a session that ends. A sign-out removes it, and so does the sign-in of somebody else:
// the next person at this device must not read it.

const PREFIX = "tradepost.books.";

let account = "";

/** Begins for an account; "": for nobody. What others have left on this device is removed. */
export function openMemory(id) {
  account = id;
  if (!id) return;
  for (const name of names()) if (!name.startsWith(`${PREFIX}${id}.`)) removeItem(name);
}

/** Returns what is kept under the name, or null. */
export function kept(name) {
  try {
    return account ? JSON.parse(localStorage.getItem(full(name))) : null;
  } catch {
    return null;
  }
}

/** Keeps a value under the name; null removes it. Returns false if the browser keeps nothing. */
export function keep(name, value) {
  if (!account) return false;
  if (value === null) return removeItem(full(name));
  try {
    localStorage.setItem(full(name), JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** Returns [[name, value], …] of what is kept for the account, the newest first. */
export function allKept() {
  const start = `${PREFIX}${account}.`;
  const found = account ? names().filter((name) => name.startsWith(start)).map((name) => name.slice(start.length)) : [];
  return found.map((name) => [name, kept(name)]).filter(([, value]) => value).sort(([, one], [, other]) => (other.at ?? 0) - (one.at ?? 0));
}

/**
 * What was typed is saved, and is shown at another address. Until it is shown there, a reload of the old address leads to it: it could not be
 * told from an empty form otherwise.
 */
export const markSaved = (name, hash) => keep(name, { savedAs: hash });

/** What was saved is shown at this address: nothing leads to it any more. */
export function unmarkSaved(hash) {
  for (const [name, { savedAs }] of allKept()) if (savedAs === hash) keep(name, null);
}

/** Whether something is kept that is not saved. */
export const hasUnsaved = () => allKept().some(([, { savedAs }]) => !savedAs);

/** Removes all that is kept for the account. */
export function forgetKept() {
  for (const [name] of allKept()) keep(name, null);
}

/** Returns a name for something new, which no other tab has. */
export const newName = () => Math.random().toString(36).slice(2, 8);

const full = (name) => `${PREFIX}${account}.${name}`;

function names() {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(PREFIX));
  } catch {
    return [];
  }
}

function removeItem(name) {
  try {
    localStorage.removeItem(name);
    return true;
  } catch {
    return false;
  }
}
