// Everything works without this file. With it, a form changes the page in place, and
// the reader is told where they are and when an answer did not reach the server.

import { initAll } from "./vendor/govuk-frontend.min.js";

const page = () => document.getElementById("page");
const notice = () => document.getElementById("app-notice");

/* ------------------------------------------------------------ focus after a swap */

function arrive() {
  hideNotice();
  offerToOpenAll();
  initAll({ scope: page() }); // an error summary takes the focus by itself
  if (page().querySelector(".govuk-error-summary")) return;
  const place = page().querySelector("[data-arrive]"); // such as a sum just worked out
  const target = place ?? page().querySelector("h1") ?? document.getElementById("page-main");
  target?.setAttribute("tabindex", "-1");
  target?.focus({ preventScroll: true });
  if (place) place.scrollIntoView({ block: "center" });
  else window.scrollTo(0, 0);
}

/* ------------------------------------------------------------ what was not saved */

function showNotice(title, text) {
  const box = notice();
  box.querySelector("[data-notice-title]").textContent = title;
  box.querySelector("[data-notice-text]").textContent = text;
  box.hidden = false;
  box.focus();
}

function hideNotice() {
  notice().hidden = true;
}

// The words stand in the page, in its language.
function failed(ctx, fault) {
  if (ctx?.target?.id !== "page") return;
  const words = notice().dataset;
  if (ctx.request?.method === "GET") {
    showNotice(words.notLoaded, words[fault]);
  } else {
    showNotice(words.notSaved, `${words[fault]} ${words.kept}`);
  }
}

/* ------------------------------------------------------------ htmx */

// A page is swapped only for a page: never for a server error or for something else.
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  if (ctx.target?.id !== "page") return;
  const status = ctx.response?.status ?? 0;
  if (status >= 500) {
    event.preventDefault();
    failed(ctx, "fault");
  } else if (!/\bid="page"/.test(ctx.text ?? "")) {
    event.preventDefault();
    failed(ctx, "unexpected");
  }
});

document.addEventListener("htmx:error", (event) => {
  failed(event.detail.ctx, "unreachable");
});

document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.target?.id === "page") arrive();
});

// The same address again, as after a validation error, is no new step in the history.
document.addEventListener("htmx:before:history:update", (event) => {
  const { history } = event.detail;
  if (history.path === location.pathname + location.search) history.type = "replace";
});

/* ------------------------------------------------------------ small guards */

// The skip link moves the focus and leaves the history alone.
document.addEventListener("click", (event) => {
  if (!event.target.closest?.(".govuk-skip-link")) return;
  event.preventDefault();
  document.getElementById("page-main")?.focus();
});

// A value and "Not known" exclude each other; unticking brings the value back.
const kept = new WeakMap();

document.addEventListener("input", (event) => {
  const group = event.target.closest?.("[data-question]");
  const box = group?.querySelector("[data-not-known]");
  if (!box || event.target.type !== "text" || event.target.value === "") return;
  box.checked = false;
});

document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-not-known]")) return;
  for (const field of event.target.closest("[data-question]").querySelectorAll("input[type=text]")) {
    if (event.target.checked) {
      kept.set(field, field.value);
      field.value = "";
    } else if (field.value === "") {
      field.value = kept.get(field) ?? "";
    }
  }
});

// Enter in a calculator works the sum out; elsewhere it continues, as everywhere.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches?.("input[type=text]")) return;
  const button = event.target.closest("[data-calculator]")?.querySelector("button");
  if (!button) return;
  event.preventDefault();
  button.click();
});

// A text can be copied at a press, where the browser lets a page do so.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    return; // the text is selected, ready to be copied by hand
  }
  button.textContent = button.dataset.copied;
});

// A long page of folds can be opened at once.
function offerToOpenAll() {
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  for (const button of document.querySelectorAll("[data-open-all]")) button.hidden = false;
}

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-open-all]")) return;
  for (const fold of page().querySelectorAll("details")) fold.open = true;
});

// A link to a criterion opens its fold.
function openTarget() {
  const place = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  const fold = place?.querySelector(":scope > details");
  if (fold) fold.open = true;
}
window.addEventListener("hashchange", openTarget);

// Printing shows what is folded away.
const unfolded = new Set();
window.addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details[data-print-open]:not([open])")) {
    fold.open = true;
    unfolded.add(fold);
  }
});
window.addEventListener("afterprint", () => {
  for (const fold of unfolded) fold.open = false;
  unfolded.clear();
});

initAll();
offerToOpenAll();
openTarget();
