// The settings: who writes the papers, how these look, and what goes out of the books and into them.

import { askFile, Changed, isQuiet, send, wordsOf } from "./books-api.js";
import { button, make } from "./books-dom.js";
import { check, field, formFoot, KeptForm } from "./books-form.js";
import { setCurrency } from "./books-format.js";
import { exportsOf } from "./books-exports.js";
import { importClients } from "./books-import.js";
import { forgetProfile, loadProfile, PREFERENCES, PROFILE } from "./books-profile.js";
import { failed, setTitle, tell, waiting } from "./books-shell.js";
import { scaled, upload } from "./books-file.js";
import { say } from "./books-words.js";

const COMMON = ["USD", "EUR", "GBP", "INR", "CAD", "AUD", "MXN", "BRL", "JPY", "CNY", "SGD", "MYR", "AED", "ZAR", "CHF", "NGN", "KES", "PKR", "BDT", "IDR", "PHP", "PLN", "SEK", "TRY"];

export async function settingsView(page) {
  setTitle(say("settings"), "#/");
  page.outlet.replaceChildren(waiting());
  try {
    forgetProfile();
    const found = await loadProfile();
    if (!page.signal.aborted) show(page, found);
  } catch (error) {
    if (page.signal.aborted || isQuiet(error)) return;
    page.outlet.replaceChildren(failed(wordsOf(error), () => settingsView(page)));
  }
}

function show(page, { profile, preferences }) {
  page.outlet.replaceChildren(make("div", { class: "settings" },
    section("your-company", "company-why", logo(page, preferences), companyForm(page, profile, preferences)),
    section("papers", "papers-why", papersForm(page, preferences)),
    section("exports", "exports-why", exportsOf(page)),
    section("import", "import-why", importClients(page))));
}

function section(words, why, ...content) {
  return make("section", { class: "card" }, make("h2", { text: say(words) }), make("p", { class: "note", text: say(why) }), ...content);
}

/** The members of the profile and of the preferences that name the company, as one form. */
function companyForm(page, profile, preferences) {
  const form = make("form", { class: "fields" },
    field("company_name", say("company-name"), { maxlength: "255", wide: true, autocomplete: "organization" }),
    field("company_address", say("address"), { tag: "textarea", maxlength: "1000", wide: true, autocomplete: "street-address" }),
    field("phone", say("phone"), { type: "tel", maxlength: "50", autocomplete: "tel" }), field("website", say("website"), { maxlength: "255", spellcheck: "false", autocapitalize: "off" }),
    field("tax_number", say("tax-number"), { maxlength: "50" }),
    ...formFoot(button(say("save"), { type: "submit", class: "", icon: "check" })));
  const { phone, website, tax_number } = preferences;
  new KeptForm(form, {
    name: "company", label: say("unsaved-company"), signal: page.signal,
    initial: { company_name: profile.company_name, company_address: profile.company_address, phone, website, tax_number },
    request: ({ phone: called, website: seen, tax_number: taxed }) => ({ method: "PATCH", path: PREFERENCES, body: { phone: called, website: seen, tax_number: taxed } }),
    taken: () => send("PATCH", PROFILE, { company_name: form.elements.company_name.value.trim(), company_address: form.elements.company_address.value.trim() }),
    saved,
  });
  return form;
}

function papersForm(page, preferences) {
  const form = make("form", { class: "fields" },
    field("currency", say("currency"), { choices: currencies(preferences.currency) }), field("paper_size", say("paper-size"), { choices: [["A4", "A4"], ["Letter", "Letter"]] }),
    field("invoice_days", say("invoice-days"), { inputmode: "numeric", maxlength: "3" }), field("quote_days", say("quote-days"), { inputmode: "numeric", maxlength: "3" }),
    field("invoice_terms", say("invoice-terms"), { tag: "textarea", maxlength: "10000", wide: true }), field("quote_terms", say("quote-terms"), { tag: "textarea", maxlength: "10000", wide: true }),
    field("footer", say("footer"), { maxlength: "200", wide: true }), make("div", { class: "wide" }, check("sends_reminders", say("sends-reminders"), preferences.sends_reminders)),
    ...formFoot(button(say("save"), { type: "submit", class: "", icon: "check" })));
  const { currency, paper_size, invoice_days, quote_days, invoice_terms, quote_terms, footer, sends_reminders } = preferences;
  new KeptForm(form, {
    name: "papers", label: say("unsaved-papers"), signal: page.signal,
    initial: { currency, paper_size, invoice_days, quote_days, invoice_terms, quote_terms, footer, sends_reminders },
    request: (values) => ({ method: "PATCH", path: PREFERENCES, body: values }), saved,
  });
  return form;
}

async function saved() {
  forgetProfile();
  tell(say("settings-saved"));
  const { company } = await loadProfile();
  setCurrency(company);
}

/** Returns the currencies as choices, the common ones first. */
function currencies(present) {
  const names = new Intl.DisplayNames(undefined, { type: "currency" });
  const all = Intl.supportedValuesOf ? Intl.supportedValuesOf("currency") : COMMON;
  return [...new Set([present, ...COMMON, ...all])].filter(Boolean).map((code) => [code, `${code} · ${names.of(code)}`]);
}

function logo(page, preferences) {
  const shown = make("div", { class: "logo-place" });
  const problem = make("p", { class: "form-problem", role: "alert" });
  const input = make("input", { type: "file", accept: "image/png,image/jpeg,image/webp", class: "unseen", tabindex: "-1", "aria-hidden": "true", id: "logo-file" });
  const note = (text) => shown.replaceChildren(make("span", { class: "note", text }));
  let asked = 0;
  // The picture comes through the API: the page shows none from another host, and the storage may be one.
  const show = async (hasLogo) => {
    asked += 1;
    const turn = asked;
    if (!hasLogo) {
      note(say("no-logo"));
      return;
    }
    try {
      const blob = await (await askFile(`${PREFERENCES}logo/`, { accept: "image/*", signal: page.signal })).blob();
      if (page.signal.aborted || turn !== asked) return;
      const src = URL.createObjectURL(blob);
      shown.replaceChildren(make("img", { src, alt: say("logo"), on: { load: () => URL.revokeObjectURL(src) } }));
    } catch (error) {
      if (!page.signal.aborted && !isQuiet(error) && turn === asked) note(error instanceof TypeError ? say("no-answer") : wordsOf(error));
    }
  };
  const change = async (work) => {
    problem.textContent = "";
    try {
      const changed = await work();
      forgetProfile();
      show(changed.logo);
      remove.hidden = !changed.logo;
    } catch (error) {
      if (!isQuiet(error) && !(error instanceof Changed)) problem.textContent = [error.fields?.logo ?? []].flat().join(" ") || wordsOf(error);
    }
  };
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (file) change(async () => upload("PUT", `${PREFERENCES}logo/`, { name: "logo", ...(file.size > 4_000_000 ? await scaled(file) : { blob: file, filename: file.name }), signal: page.signal }));
    input.value = "";
  });
  const remove = button(say("remove-logo"), { icon: "bin", hidden: !preferences.logo, on: { click: () => change(async () => (await send("DELETE", `${PREFERENCES}logo/`)).document) } });
  show(preferences.logo);
  return make("div", { class: "logo-part" }, shown, make("p", { class: "actions" }, button(say("choose-logo"), { icon: "file", on: { click: () => input.click() } }), remove), input, problem);
}
