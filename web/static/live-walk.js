// The order of the walk along the shelves, by which picking lists are sorted, too: the rule of handlers/sales/walk.py.

/** Sorts items by shelf, R-2 before R-12. Items without a shelf come last. */
export function walk(items) {
  const keyed = items.map((item) => {
    const shelf = item.shelf_location?.trim() ?? "";
    return { item, shelf, key: [Number(!shelf), natural(shelf), shelf, natural(item.name ?? ""), item.id] };
  });
  return keyed.sort((one, other) => compare(one.key, other.key)).map(({ item }) => item);
}

/** The text in runs of digits and of letters, of which numbers count as numbers. Whatever stands between them only separates them. */
function natural(text) {
  const runs = text.normalize("NFKC").toLowerCase().match(/[0-9]+|(?:(?![0-9])[\p{L}\p{M}\p{N}])+/gu) ?? [];
  return runs.map((run) => (/^[0-9]/.test(run) ? [0, BigInt(run), ""] : [1, 0n, run]));
}

/** Compares lists of numbers, texts and lists as Python does: a beginning comes before what is longer. */
function compare(one, other) {
  if (!Array.isArray(one)) return one < other ? -1 : Number(one > other);
  for (let at = 0; at < Math.min(one.length, other.length); at += 1) {
    const found = compare(one[at], other[at]);
    if (found) return found;
  }
  return one.length - other.length;
}
