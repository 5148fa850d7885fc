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
