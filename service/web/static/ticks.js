// The buttons under the list say how many answers are ticked; what is ticked stays so while the list is told anew,
// unless the answer has changed: whoever ticked it has not seen that.
(() => {
  "use strict";
  const form = document.getElementById("plusieurs");
  if (!form) return;
  const boxes = () => [...document.querySelectorAll("input[name=cochees][form=plusieurs]")];
  const base = new Map([...form.querySelectorAll("[data-count]")].map((button) => [button, button.textContent]));
  const state = form.querySelector("[data-none]");
  let ticked = new Set();
  const tell = () => {
    const count = boxes().filter((box) => box.checked).length;
    const many = `${count}\u00a0${count < 2 ? "réponse" : "réponses"}`;
    form.elements.vu.value = count || "";
    for (const [button, words] of base) button.textContent = count ? button.dataset.count.replace("{n}", many) : words;
    const said = count ? state.dataset.some.replace("{n}", `${many} ${count < 2 ? "cochée" : "cochées"}`) : state.dataset.none;
    if (state.textContent !== said) state.textContent = said;
  };
  document.addEventListener("change", (event) => { if (event.target.name === "cochees") tell(); });
  document.addEventListener("htmx:beforeSwap", () => {
    ticked = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const box of boxes()) if (ticked.has(box.value)) box.checked = true;
    tell();
  });
  // A browser that comes back to the page ticks what was ticked.
  window.addEventListener("pageshow", tell);
})();
