// Opening one's books: a new account, which is signed in at once.

import { judged, Refused, wordsOf } from "./books-api.js";
import { button, make } from "./books-dom.js";
import { field, formFoot, showProblems } from "./books-form.js";
import { openSheet } from "./books-shell.js";
import { say } from "./books-words.js";
import { signIn } from "./live-session.js";

const PATH = "/api/auth/register/";

export function openSignUp() {
  const submit = button(say("sign-up"), { type: "submit", class: "" });
  const form = make("form", { class: "fields", novalidate: true },
    field("email", say("email"), { type: "email", maxlength: "255", autocomplete: "username", autofocus: true, wide: true }),
    field("password", say("password"), { type: "password", maxlength: "1024", autocomplete: "new-password", wide: true, hint: say("password-hint") }),
    field("company_name", say("company-name"), { maxlength: "255", autocomplete: "organization", wide: true }),
    ...formFoot(submit));
  const sheet = openSheet({ title: say("sign-up"), content: form });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { email, password, company_name: company } = Object.fromEntries(new FormData(form));
    submit.disabled = true;
    form.querySelector(".form-problem").textContent = "";
    try {
      const body = { email: email.trim(), password, username: userName(email), company_name: company.trim() };
      await judged(await fetch(PATH, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), credentials: "omit" }));
      await signIn(body.email, password);
      sheet.close();
    } catch (error) {
      const homeless = error instanceof Refused ? showProblems(form, error.fields) : wordsOf(error);
      form.querySelector(".form-problem").textContent = homeless || (form.querySelector("[aria-invalid]") ? "" : wordsOf(error));
    } finally {
      submit.disabled = false;
    }
  });
}

/** Returns a name of letters and digits, which the API wants besides the address, with an end that nobody else is likely to have. */
function userName(email) {
  const name = email.split("@")[0].replace(/[^A-Za-z0-9_]/g, "_").slice(0, 100) || "owner";
  return `${name}_${Math.random().toString(36).slice(2, 8)}`;
}
