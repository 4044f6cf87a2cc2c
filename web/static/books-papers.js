// The list of quotes or invoices.

import { get, isQuiet } from "./books-api.js";
import { paperRow } from "./books-clients.js";
import { button, linkButton, make } from "./books-dom.js";
import { emptyList, List, listHead } from "./books-list.js";
import { newName } from "./books-memory.js";
import { setTitle } from "./books-shell.js";
import { say } from "./books-words.js";

export function papersView(page) {
  const { kind } = page;
  const client = page.query.get("client") ?? "";
  const fresh = `#/${kind.room}/new?draft=${newName()}${client && `&client=${client}`}`;
  setTitle(say(kind.room), client && `#/clients/${client}`);
  const add = () => linkButton(say(`new-${kind.name}`), fresh, { icon: "add", class: "" });
  const list = new List(page, {
    path: kind.path, filters: () => ({ client, ...head.value() }), row: (paper) => paperRow(kind, paper), empty: emptyList(say(`no-${kind.room}`), add()),
  });
  const head = listHead(page, {
    hint: say(`search-${kind.room}`), chips: [["", say("all-of-them")], ...kind.statuses.map((status) => [status, say(`status-${status}`)])],
    onChange: (isTyping) => (isTyping ? list.loadSoon() : list.load()),
  });
  const keepClient = page.setQuery;
  page.setQuery = (query) => {
    if (client) query.set("client", client);
    keepClient(query);
  };
  const link = add();
  link.classList.add("new");
  page.outlet.append(client ? ofClient(page, client) : "", head.element, list.element, link);
  list.load(page);
}

/** Returns a line that says whose papers these are, and shows those of all when it is pressed. */
function ofClient(page, client) {
  const name = make("strong", { text: "…" });
  get(`/api/clients/${client}/`, {}, page.signal).then((found) => { name.textContent = found.name; }).catch((error) => isQuiet(error));
  const all = button(say("show-all"), { class: "link", on: { click: () => { location.hash = `#/${page.kind.room}`; } } });
  return make("p", { class: "of-client" }, make("span", {}, say("of-client"), " ", name), all);
}
