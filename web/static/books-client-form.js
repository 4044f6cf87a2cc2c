// The form of a client, in a dialog.

import { Changed, read } from "./books-api.js";
import { settle } from "./books-conflict.js";
import { button, make } from "./books-dom.js";
import { field, formFoot, KeptForm } from "./books-form.js";
import { forgetPlaces } from "./books-list.js";
import { kept, newName } from "./books-memory.js";
import { openSheet } from "./books-shell.js";
import { say } from "./books-words.js";

const PATH = "/api/clients/";
const FIELDS = ["name", "company", "email", "phone", "address", "tax_number", "notes"];

/**
 * Opens the form of this client, or of a new one of this name. draft: the name of one that was begun; without it, the last one is gone on
 * with, unless it has another name. onSaved(client): the server has it.
 */
export function editClient({ client = null, etag = "", name = "", draft = "", signal, onSaved }) {
  const isAnother = name && (kept("client-new")?.values?.name ?? name) !== name;
  const begun = draft || (isAnother ? newName() : "");
  const submit = button(say("save"), { type: "submit", class: "", icon: "check" });
  const form = make("form", { class: "fields", autocomplete: "off" },
    field("name", say("name"), { maxlength: "255", autofocus: true, wide: true, autocapitalize: "words" }),
    field("company", say("company"), { maxlength: "255", wide: true }),
    field("email", say("email"), { type: "email", maxlength: "254", spellcheck: "false", autocapitalize: "off" }),
    field("phone", say("phone"), { type: "tel", maxlength: "50" }),
    field("address", say("address"), { tag: "textarea", maxlength: "1000", wide: true }),
    field("tax_number", say("tax-number"), { maxlength: "50" }),
    field("notes", say("notes-own"), { tag: "textarea", maxlength: "10000", wide: true }),
    ...formFoot(submit));
  let sheet = null;
  const leaving = new AbortController();
  signal?.addEventListener("abort", () => leaving.abort());
  new KeptForm(form, {
    name: client ? `client-${client.id}` : `client-new${begun && `-${begun}`}`,
    hash: client ? `#/clients/${client.id}?edit` : `#/clients?new=${begun}`,
    label: (values) => say("unsaved-client", { name: values.name || say("new-client") }),
    initial: client ? Object.fromEntries(FIELDS.map((one) => [one, client[one]])) : { name },
    request: (values) => (client ? { method: "PATCH", path: `${PATH}${client.id}/`, body: values, etag } : { method: "POST", path: PATH, body: values }),
    saved: ({ document }) => {
      forgetPlaces();
      sheet?.close("saved");
      onSaved(document);
    },
    failed: async (error, { body }) => {
      if (!(error instanceof Changed) || !client) return false;
      const now = await read(`${PATH}${client.id}/`);
      settle({
        form, mine: JSON.parse(body), base: client, now: now.document, fields: FIELDS,
        onMine: () => { etag = now.etag; client = now.document; form.requestSubmit(); },
        onTheirs: () => { etag = now.etag; client = now.document; },
      });
      return true;
    },
    signal: leaving.signal,
  });
  sheet = openSheet({ title: client ? say("edit-client") : say("new-client"), content: form, onClose: () => leaving.abort() });
}
