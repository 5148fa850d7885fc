// What somebody has opened stays open when the page tells anew what moves.
(() => {
  "use strict";
  let opened = new Set();
  const all = (part) => part.querySelectorAll("details");
  const name = (details) => details.querySelector("summary").textContent;
  document.addEventListener("htmx:beforeSwap", (event) => {
    opened = new Set([...all(event.target)].filter((one) => one.open).map(name));
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    for (const one of all(event.target)) if (opened.has(name(one))) one.open = true;
  });
})();
