// What was mailed about a quote or an invoice, and another mail about it.

import { get, isQuiet, Unavailable } from "./books-api.js";
import { button, make } from "./books-dom.js";
import { field, formFoot, KeptForm } from "./books-form.js";
import { day, longDay, money } from "./books-format.js";
import { openSheet, tell } from "./books-shell.js";
import { say } from "./books-words.js";

// In these states a paper is not mailed.
const UNSENDABLE = ["draft", "rejected", "cancelled"];
// Until a mail that is on its way is looked for again.
const LOOK_MS = 4000;

/** Returns the mails about a paper, and the button that makes another; null if it was never sent. */
export function mailsOf(page, shown) {
  const { kind, paper, client } = shown;
  if (UNSENDABLE.includes(paper.status) && !paper.sent_at) return null;
  const path = `${kind.path}${paper.id}/mails/`;
  const list = make("ul", { class: "rows mails", role: "list" });
  const why = make("p", { class: "note", text: say("mail-why-recorded"), hidden: true });
  const another = !UNSENDABLE.includes(paper.status) && client.email && button(say(paper.status === "overdue" ? "remind-by-mail" : "mail-again"), { icon: "mail", on: { click: () => write(page, shown, path, load) } });
  const section = make("section", { hidden: true }, make("h2", { text: say("mails") }), list, why, another && make("p", { class: "actions" }, another));
  async function load() {
    try {
      const mails = await get(path, {}, page.signal);
      if (page.signal.aborted) return;
      list.replaceChildren(...mails.map(mailRow));
      why.hidden = mails.at(-1)?.status !== "recorded";
      section.hidden = !mails.length && !another;
      if (mails.some(({ status }) => status === "queued")) setTimeout(() => page.signal.aborted || load(), LOOK_MS);
    } catch (error) {
      // The paper is shown without them.
      if (!isQuiet(error) && !(error instanceof Unavailable)) section.hidden = true;
    }
  }
  load();
  return section;
}

function mailRow(mail) {
  return make("li", { class: "mail" },
    make("span", { class: "row-text" }, make("strong", { text: mail.kind === "reminder" ? say("reminder") : mail.subject }), make("span", { class: "note", text: `${mail.to} · ${day(mail.sent_at ?? mail.created_at)}` }), mail.error && make("span", { class: "note", text: mail.error })),
    make("span", { class: "badge", data: { status: { sent: "paid", failed: "overdue", queued: "partial" }[mail.status] ?? "draft" }, text: say(`mail-${mail.status}`, {}, mail.status) }));
}

/** Opens the form of another mail. onMailed(): it is recorded. */
function write(page, { kind, paper, client, company }, path, onMailed) {
  const name = paper[kind.number];
  const isReminder = paper.status === "overdue";
  const leaving = new AbortController();
  page.signal.addEventListener("abort", () => leaving.abort());
  const form = make("form", { class: "fields" },
    make("p", { class: "wide note", text: say("mail-to", { email: client.email }) }),
    field("subject", say("subject"), { maxlength: "200", wide: true }), field("message", say("message"), { tag: "textarea", maxlength: "5000", wide: true, rows: "6" }),
    ...formFoot(button(say("mail-it"), { type: "submit", class: "", icon: "send" })));
  const words = isReminder ? say("reminder-text", { client: client.name, name, day: longDay(paper.issue_date), amount: money(paper.balance, company), due: longDay(paper.due_date) }) : "";
  let sheet = null;
  new KeptForm(form, {
    name: `mail-${kind.name}-${paper.id}`, label: say("unsaved-mail", { name }), signal: leaving.signal,
    initial: { subject: isReminder ? say("reminder-subject", { name }) : "", message: words },
    request: ({ subject, message }) => ({ method: "POST", path, body: { ...(subject && { subject }), ...(message && { message }) } }),
    saved: ({ document: mail }) => {
      sheet?.close("saved");
      tell(say(mail.status === "recorded" ? "mail-not-sent" : "mail-on-its-way", { name }));
      onMailed();
    },
  });
  sheet = openSheet({ title: say("mail-what", { name }), content: form, onClose: () => leaving.abort() });
}
