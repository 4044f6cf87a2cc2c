// Who writes the papers: the company of the account, and how its papers look. Loaded once for a session.

import { get } from "./books-api.js";

export const PREFERENCES = "/api/books/preferences/";
export const PROFILE = "/api/auth/profile/";

// The link to the logo is good for an hour.
const FRESH_MS = 30 * 60_000;

let loading = null;
let loadedAt = 0;

/**
 * Returns {profile, preferences, company}: company is what papers show of who writes them. It is loaded once in half an hour, and after forgetProfile().
 */
export function loadProfile() {
  if (Date.now() - loadedAt > FRESH_MS) loading = null;
  if (!loading) loadedAt = Date.now();
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** The next loadProfile() asks the server again. */
export function forgetProfile() {
  loading = null;
}

async function load() {
  const [profile, preferences] = await Promise.all([get(PROFILE), get(PREFERENCES)]);
  const { currency, currency_sign: sign, phone, website, tax_number, footer } = preferences;
  const logo = ownAddress(preferences.logo);
  const { name, address, email } = preferences.company;
  return { profile, preferences, company: { name, address, email, phone, website, tax_number, footer, logo, currency, sign } };
}

/** Returns the address of a file of this server; "" of a file in another storage, which the page may not show. */
function ownAddress(url) {
  const { pathname, search } = new URL(url || "/", location.href);
  return pathname.startsWith("/media/") ? pathname + search : "";
}
