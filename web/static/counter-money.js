// Amounts. The server computes every price; here they are only compared and subtracted, exactly, as whole cents in a BigInt. Amounts are
// texts such as "1234.50", as the API writes them.

// The notes that a customer may hand over, in whole pesos.
const NOTES = [20n, 50n, 100n, 200n, 500n, 1000n];
// Amounts beside the exact one that the page offers.
const OFFERED = 4;

/** Returns the cents of a typed or sent amount ("500", "1,234.5", "12,50"), or null if the text is none. */
export function cents(text) {
  const plain = String(text).replace(/[\s$]/g, "").replace(/,(?=\d{3}(?:\D|$))/g, "").replace(",", ".");
  const [, whole, part = ""] = /^(\d{1,10})(?:\.(\d{0,2}))?$/.exec(plain.startsWith(".") ? `0${plain}` : plain) ?? [];
  return whole === undefined ? null : BigInt(whole) * 100n + BigInt(part.padEnd(2, "0"));
}

/** Returns the amount of cents as the API writes it. */
export function fromCents(amount) {
  const digits = String(amount).padStart(3, "0");
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** Returns the amount as people read it: "$1,234.50". Digits are grouped as text, so no amount passes through a float. */
export function money(text) {
  if (text === null || text === undefined || text === "") return "";
  const [whole, part = "00"] = String(text).replace("-", "").split(".");
  return `${String(text).startsWith("-") ? "-" : ""}$${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${part}`;
}

/** Whether the amount is more than nothing. */
export const isSome = (text) => /[1-9]/.test(text ?? "");

/** Returns what is given back of `tendered`, as text; null if it is not an amount or too little. */
export function change(tendered, total) {
  const [given, due] = [cents(tendered), cents(total)];
  return given === null || due === null || given < due ? null : fromCents(given - due);
}

/** Returns the amounts above the total that a customer is likely to hand over: whole notes of one kind. */
export function handy(total) {
  const due = cents(total);
  const amounts = new Set();
  for (const note of NOTES.map((pesos) => pesos * 100n)) {
    const enough = ((due + note - 1n) / note) * note;
    if (enough > due) amounts.add(enough);
  }
  return [...amounts].sort((one, other) => (one < other ? -1 : 1)).slice(0, OFFERED).map(fromCents);
}
