"use strict";
// Small things that every page may use. Each works by an attribute; nothing here knows a page.

// A part that takes longer than the page is fetched after it.
for (const part of document.querySelectorAll("[data-load]")) {
  fetch(part.dataset.load, { headers: { "X-Requested-With": "fetch" } })
    .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer.status)))
    .then((text) => { part.innerHTML = text; })
    .catch(() => { part.textContent = "—"; });
}

// A row leads where its first link leads; arrow keys move from row to row.
for (const row of document.querySelectorAll("tr[data-href]")) {
  row.addEventListener("click", (event) => {
    if (!event.target.closest("a, button, input") && !String(getSelection())) location.assign(row.dataset.href);
  });
  row.addEventListener("keydown", (event) => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const link = step && row[step] && row[step].querySelector("a");
    if (link) { event.preventDefault(); link.focus(); }
  });
}

// A day is written 2026-01-31 whatever the browser's language; its calendar opens by the arrow beside it.
for (const field of document.querySelectorAll("input[data-day]")) {
  const calendar = document.createElement("input");
  Object.assign(calendar, { type: "date", tabIndex: -1, value: field.value });
  calendar.setAttribute("aria-hidden", "true");
  calendar.addEventListener("change", () => { field.value = calendar.value; field.dispatchEvent(new Event("change", { bubbles: true })); });
  field.addEventListener("input", () => { calendar.value = field.value; });
  field.after(calendar);
}

for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => print());

function go(event, element, how) {
  if (!element) return;
  event.preventDefault();
  element[how]();
  const field = how === "click" && element.parentElement.querySelector("input:not([type=hidden])");
  if (field) field.focus();
}

// An open choice closes when something else is clicked, and by Escape.
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.choice[open]")) if (!open.contains(event.target)) open.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const open of document.querySelectorAll("details.choice[open]")) open.open = false;
  if (event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
  if (event.key === "/") go(event, document.querySelector(".filters input"), "focus");
  // A digit opens the saved filter of that number; a letter what is marked with it.
  else if (/^[1-9]$/.test(event.key)) go(event, document.querySelector(`[data-saved="${event.key}"]`), "click");
  else if (/^[a-z]$/.test(event.key)) go(event, document.querySelector(`[data-key="${event.key}"]`), "click");
});
