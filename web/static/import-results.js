// The lines of an import that were not stored: a table that grows by pages, and the same as a file.

import { find, whole, write } from "./live-format.js";
import { load } from "./live-session.js";

const PAGE = 100;
// Lines of a file are read in larger pages.
const FILE_PAGE = 500;
const TAKEN = "An invoice with this number is there already; nothing was changed.";
const TITLES = { invalid: "Refused", duplicate: "There already" };
const COUNTS = { invalid: "invalid", duplicate: "duplicates" };

export class Results {
  #import = null;
  #status = "invalid";
  #next = null;
  // The number of loads. Only the latest one is shown.
  #loading = 0;

  constructor() {
    for (const button of this.#choices) button.addEventListener("click", () => this.#choose(button.dataset.status));
    find("more").addEventListener("click", () => this.#load(this.#next));
    find("download").addEventListener("click", () => this.#download());
  }

  get #choices() {
    return [...find("results-choice").querySelectorAll("button")];
  }

  /** Shows what was not stored of an import that has ended; null hides it. */
  show(state) {
    this.#import = state;
    this.#loading += 1;
    find("results").hidden = !state || state.invalid + state.duplicates === 0;
    find("lines").replaceChildren();
    if (find("results").hidden) return;
    for (const button of this.#choices) {
      const { status } = button.dataset;
      write(button, `${TITLES[status]} (${whole.format(state[COUNTS[status]])})`);
      button.disabled = state[COUNTS[status]] === 0;
    }
    this.#choose(state.invalid > 0 ? "invalid" : "duplicate");
  }

  #choose(status) {
    this.#status = status;
    for (const button of this.#choices) button.setAttribute("aria-pressed", String(button.dataset.status === status));
    find("lines").replaceChildren();
    this.#load(null);
  }

  async #load(next) {
    const loading = ++this.#loading;
    find("more").disabled = true;
    write(find("results-problem"), "", "");
    try {
      const page = await this.#page(this.#status, next, PAGE);
      if (loading !== this.#loading) return;
      find("lines").append(...page.results.map(row));
      this.#next = page.next;
      find("more").hidden = page.next === null;
    } catch (error) {
      if (loading !== this.#loading) return;
      write(find("results-problem"), error.message || "Sign in to see them.");
      this.#next = next;
      find("more").hidden = false;
    } finally {
      find("more").disabled = false;
    }
  }

  async #page(status, next, size) {
    // Only the query of the link: its host is the server's idea of its name.
    const query = next ? new URL(next).search : `?status=${status}&page_size=${size}`;
    return (await load(`/api/sales/import/invoices/${this.#import.id}/${query}`)).body.data;
  }

  async #download() {
    const button = find("download");
    button.disabled = true;
    write(find("results-problem"), "", "");
    try {
      const lines = [["line", "invoice_no", "status", "reason"]];
      for (const status of ["invalid", "duplicate"]) {
        for (let next = null, isFirst = true; isFirst || next; isFirst = false) {
          const page = await this.#page(status, next, FILE_PAGE);
          for (const result of page.results) lines.push([result.line, result.invoice_no ?? "", result.status, reasons(result).join(" ")]);
          next = page.next;
        }
      }
      save(`import-${this.#import.id}-not-stored.csv`, lines.map((cells) => cells.map(cell).join(",")).join("\r\n"));
    } catch (error) {
      write(find("results-problem"), error.message || "Sign in to download them.");
    } finally {
      button.disabled = false;
    }
  }
}

function row(result) {
  const element = document.createElement("tr");
  const [line, number, why] = [1, 2, 3].map(() => element.insertCell());
  write(line, result.line);
  write(number, result.invoice_no);
  for (const [at, reason] of reasons(result).entries()) {
    if (at) why.append(document.createElement("br"));
    why.append(reason);
  }
  return element;
}

/** Returns what is wrong with a line, each as a sentence after the place where it is: "items 2, quantity: ...". */
export function reasons({ status, errors }) {
  return status === "duplicate" ? [TAKEN] : sentences(errors ?? {}, "");
}

function sentences(errors, place) {
  return Object.entries(errors).flatMap(([name, inner]) => {
    const here = name === "non_field_errors" ? place : place ? `${place}, ${name}` : name;
    if (!Array.isArray(inner)) return sentences(inner, here);
    return inner.flatMap((said, at) => {
      if (typeof said === "string") return [here ? `${here}: ${said}` : said];
      return sentences(said, `${here} ${at + 1}`);
    });
  });
}

/** A cell of CSV. An apostrophe keeps a spreadsheet from taking a text for a formula (OWASP, "CSV Injection"). */
function cell(value) {
  const text = /^\s*[=+\-@]/u.test(String(value)) ? `'${value}` : String(value);
  return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save(name, text) {
  const link = document.createElement("a");
  // With the mark by which Excel knows UTF-8.
  link.href = URL.createObjectURL(new Blob([`\ufeff${text}\r\n`], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
