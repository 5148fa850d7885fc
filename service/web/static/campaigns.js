// The preview follows what is typed, 300 ms behind. Without this script, « Actualiser l’aperçu » does it.
(() => {
  "use strict";
  const button = document.querySelector("[data-preview]");
  const frame = document.querySelector("[data-frame]");
  if (!button || !frame) return;
  const form = button.form;
  let timer = 0;
  let turn = 0;

  // A new frame each time: the form's answer then replaces a blank page and adds nothing to the browser's history.
  const refresh = () => {
    const coming = frame.querySelector("iframe").cloneNode(false);
    turn += 1;
    coming.name = `apercu-${turn}`;
    coming.removeAttribute("src");
    coming.classList.add("is-coming");
    frame.append(coming);
    coming.addEventListener("load", () => show(coming));
    button.formTarget = coming.name;
    form.requestSubmit(button);
  };

  // Until it is there, the one before stays in sight.
  const show = (coming) => {
    if (coming.name !== `apercu-${turn}`) {
      coming.remove();
      return;
    }
    for (const other of frame.querySelectorAll("iframe")) if (other !== coming) other.remove();
    coming.classList.remove("is-coming");
  };

  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, 300);
  };

  form.addEventListener("input", (event) => { if (event.target.name !== "cherche") soon(); });
  form.addEventListener("change", (event) => { if (event.target.name !== "cherche") soon(); });
  form.addEventListener("htmx:afterSwap", (event) => { if (event.target.id === "pour") soon(); });
  const seek = document.querySelector("[data-seek]");
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.name === "cherche") {
      event.preventDefault();
      seek.click();
    }
  });
  if ("unsaved" in form.dataset) refresh();
})();

// Nothing typed is lost: whatever leads away from the page saves first. Without this script, the page's own ways out are
// buttons of the form.
(() => {
  "use strict";
  const form = document.getElementById("ecriture");
  if (!form) return;
  const KEPT = ["subject", "preheader", "body", "list"];
  const typed = () => {
    const data = new FormData(form);
    return JSON.stringify(KEPT.map((name) => data.getAll(name)));
  };
  let saved = "unsaved" in form.dataset ? "" : typed();
  let leaving = false;
  const isDirty = () => !leaving && typed() !== saved;

  const parcel = () => {
    const data = new FormData(form);
    data.set("act", "quitter");
    return data;
  };
  // Where it cannot be saved, the form is sent as its own button would: the page comes back with the reason and the text.
  const saveThen = async (go) => {
    const sent = typed();
    try {
      const answer = await fetch(form.action, { method: "POST", body: parcel(), redirect: "error" });
      if (answer.status === 204) {
        saved = sent;
        leaving = true;
        go();
        return;
      }
    } catch { /* told by the page that the form leads to */ }
    leaving = true;
    form.querySelector('.actions [name="act"]').click();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || !isDirty() || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    if (link.target || link.origin !== location.origin || link.getAttribute("href").startsWith("#")) return;
    event.preventDefault();
    saveThen(() => { location.href = link.href; });
  });
  document.addEventListener("submit", (event) => {
    const other = event.target;
    if (other === form) {
      // The preview goes to its frame: the page stays.
      if (!event.submitter?.formTarget) leaving = true;
      return;
    }
    if ("forgets" in other.dataset) leaving = true;
    if (!isDirty()) return;
    event.preventDefault();
    saveThen(() => other.submit());
  });
  // The browser's own ways out: its buttons, a closed tab.
  addEventListener("pagehide", () => {
    if (isDirty()) navigator.sendBeacon(form.action, parcel());
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
