// The administration works without this script; with it, rows are chosen together, and other rows are found by a search.

import { Picker } from "./admin-picker.js";

chooseTogether();
for (const place of document.querySelectorAll(".picked[data-choices]:not([data-choices=''])")) new Picker(place);
for (const place of document.querySelectorAll("fieldset[data-choices]:not([data-choices=''])")) new Picker(place);
askBeforeLeaving();

function chooseTogether() {
  const all = document.getElementById("all");
  if (!all) return;
  const ticks = [...document.querySelectorAll("#rows [name=keys]")];
  const count = document.getElementById("count");
  const tell = () => {
    const chosen = ticks.filter((tick) => tick.checked).length;
    count.textContent = chosen ? `${chosen} of ${ticks.length} chosen` : "";
    all.checked = chosen === ticks.length;
    all.indeterminate = chosen > 0 && chosen < ticks.length;
  };
  all.closest("label").hidden = false;
  all.addEventListener("change", () => {
    for (const tick of ticks) tick.checked = all.checked;
    tell();
  });
  for (const tick of ticks) tick.addEventListener("change", tell);
  tell();
}

// A form with changes that were not saved is not left by mistake.
function askBeforeLeaving() {
  const form = document.querySelector("form.edit");
  if (!form) return;
  let isChanged = false;
  form.addEventListener("input", () => { isChanged = true; });
  form.addEventListener("submit", () => { isChanged = false; });
  addEventListener("beforeunload", (event) => { if (isChanged) event.preventDefault(); });
}
