// Clients: the list, one client with their papers, and the form.

import { get, isQuiet, Missing, read, send, wordsOf } from "./books-api.js";
import { editClient } from "./books-client-form.js";
import { button, facts, linkButton, make, none, prose } from "./books-dom.js";
import { count, isSome, money, shortDay, sum } from "./books-format.js";
import { isOwed, KINDS, stateOf, worth } from "./books-kinds.js";
import { emptyList, List, listHead } from "./books-list.js";
import { newName } from "./books-memory.js";
import { confirm, failed, go, setTitle, tell, waiting } from "./books-shell.js";
import { say } from "./books-words.js";

const SHOWN = 10;
// Papers whose balances are added up for a client; who owes more of them is told so.
const MOST_OWED = 100;

export function clientsView(page) {
  setTitle(say("clients"));
  const list = new List(page, {
    path: CLIENTS, filters: () => filters(head.value()), row: clientRow,
    empty: emptyList(say("no-clients"), button(say("new-client"), { icon: "add", class: "", on: { click: add } })),
  });
  const head = listHead(page, {
    hint: say("search-clients"), chip: "show", chips: [["", say("active")], ["inactive", say("inactive")]],
    onChange: (isTyping) => (isTyping ? list.loadSoon() : list.load()),
  });
  function add() {
    editClient({ draft: page.query.get("new") ?? "", signal: page.signal, onSaved: ({ id }) => go(`#/clients/${id}`) });
  }
  page.outlet.append(head.element, list.element, button(say("new-client"), { icon: "add", class: "new", on: { click: add } }));
  list.load(page);
  // What was begun before is gone on with.
  if (page.query.has("new")) add();
}

const CLIENTS = "/api/clients/";

function filters({ search, show }) {
  return { search, is_active: show === "inactive" ? "false" : "true", ordering: search ? "" : "name" };
}

function clientRow(client) {
  const contact = [client.company, client.email || client.phone].filter(Boolean).join(" · ");
  return make("a", { class: "row", href: `#/clients/${client.id}` },
    make("span", { class: "initial", "aria-hidden": "true", text: [...client.name][0]?.toUpperCase() ?? "" }),
    make("span", { class: "row-text" }, make("strong", { text: client.name }), contact && make("span", { class: "note", text: contact })));
}

export async function clientCard(page) {
  setTitle(say("client"), "#/clients");
  page.outlet.replaceChildren(waiting());
  try {
    const path = `${CLIENTS}${page.id}/`;
    const papers = (kind, more) => get(kind.path, { client: page.id, page_size: SHOWN, ...more }, page.signal);
    const owed = (status) => papers(KINDS.invoice, { status, page_size: MOST_OWED });
    const [found, quotes, invoices, ...open] = await Promise.all([
      read(path, page.signal), papers(KINDS.quote), papers(KINDS.invoice), owed("sent"), owed("partial"), owed("overdue"),
    ]);
    if (page.signal.aborted) return;
    showCard(page, found, quotes, invoices, open.flatMap(({ results }) => results).filter(isOwed));
  } catch (error) {
    if (page.signal.aborted || isQuiet(error)) return;
    page.outlet.replaceChildren(error instanceof Missing ? none(error.message) : failed(wordsOf(error), () => clientCard(page)));
  }
}

function showCard(page, { document: client, etag }, quotes, invoices, owed) {
  setTitle(client.name, "#/clients");
  const overdue = owed.filter(({ status }) => status === "overdue");
  const add = (kind) => linkButton(say(`new-${kind.name}`), `#/${kind.room}/new?draft=${newName()}&client=${client.id}`, { icon: "add" });
  const edit = () => editClient({ client, etag, signal: page.signal, onSaved: () => {
    page.setQuery(new URLSearchParams());
    clientCard(page);
  } });
  page.outlet.replaceChildren(
    make("section", { class: "card client-card" },
      make("div", { class: "tiles" },
        tile(say("owes"), money(sum(owed.map(({ balance }) => balance)))),
        overdue.length > 0 && tile(say("of-it-overdue"), money(sum(overdue.map(({ balance }) => balance))), "alarm")),
      make("p", { class: "actions" },
        client.phone && linkButton(say("call"), `tel:${client.phone.replace(/[^+\d]/g, "")}`, { icon: "phone" }),
        client.email && linkButton(say("mail"), `mailto:${encodeURIComponent(client.email)}`, { icon: "mail" }),
        button(say("edit"), { icon: "edit", on: { click: edit } })),
      !client.is_active && make("p", { class: "said", text: say("is-inactive") }),
      facts([
        [say("company"), client.company], [say("email"), client.email], [say("phone"), client.phone], [say("tax-number"), client.tax_number],
        [say("address"), client.address && prose(client.address)], [say("notes"), client.notes && prose(client.notes)],
      ])),
    make("p", { class: "actions wide" }, add(KINDS.quote), add(KINDS.invoice)),
    papersOf(KINDS.invoice, client, invoices), papersOf(KINDS.quote, client, quotes),
    make("p", { class: "actions end" },
      button(say(client.is_active ? "deactivate" : "activate"), { on: { click: () => setActive(page, client, etag) } }),
      button(say("delete"), { icon: "bin", class: "danger", on: { click: () => remove(page, client) } })));
  if (page.query.has("edit")) edit();
}

export function tile(words, amount, kind = "") {
  return make("div", { class: `tile ${kind}` }, make("span", { text: words }), make("strong", { text: amount }));
}

function papersOf(kind, client, { results, count: all }) {
  const title = make("h2", { text: say(kind.room) });
  if (!results.length) return make("section", {}, title, make("p", { class: "note", text: say(`no-${kind.room}-of-client`) }));
  const rows = make("ul", { class: "rows", role: "list" }, results.map((paper) => make("li", {}, paperRow(kind, paper, { isOfClient: true }))));
  return make("section", {}, title, rows, all > results.length && linkButton(say("all", { count: count(all) }), `#/${kind.room}?client=${client.id}`, { class: "link" }));
}

/** Returns the row of a quote or an invoice in a list. */
export function paperRow(kind, paper, { isOfClient = false } = {}) {
  const note = [isOfClient ? shortDay(paper.issue_date) : paper[kind.number], paper.title].filter(Boolean).join(" · ");
  return make("a", { class: "row paper-row", href: `#/${kind.room}/${paper.id}`, data: { status: paper.status } },
    make("span", { class: "row-text" }, make("strong", { text: isOfClient ? paper[kind.number] : paper.client_name }), make("span", { class: "note", text: note })),
    make("span", { class: "row-figures" },
      make("strong", { text: money(worth(kind, paper)) }),
      make("span", { class: "note" }, stateOf(kind, paper))),
    isSome(paper.paid_amount) && isSome(paper.balance) && make("span", { class: "unseen", text: say("of-total", { total: money(paper.total_amount) }) }));
}

async function setActive(page, client, etag) {
  try {
    await send("PATCH", `${CLIENTS}${client.id}/`, { is_active: !client.is_active }, { etag });
  } catch (error) {
    if (!isQuiet(error)) tell(wordsOf(error), { isWrong: true });
  }
  if (!page.signal.aborted) clientCard(page);
}

async function remove(page, client) {
  if (!(await confirm(say("delete"), say("delete-client", { name: client.name }), say("delete"), { isDanger: true }))) return;
  try {
    await send("DELETE", `${CLIENTS}${client.id}/`);
    tell(say("deleted", { name: client.name }));
    go("#/clients", { replace: true });
  } catch (error) {
    if (error instanceof Missing) go("#/clients", { replace: true });
    else if (!isQuiet(error)) tell(wordsOf(error), { isWrong: true });
  }
}

