// What is typed on the page of a question outlives its other buttons: this tab keeps it, under the address of the question and the
// name of the field, until its own form has been sent and the words stand on a page. The page of sign-in forgets all of it.
(() => {
  "use strict";
  const PREFIX = "pli ";
  const plain = (text) => text.replace(/\r\n/g, "\n").trim();
  const kept = () => Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));
  const forget = (keys) => keys.forEach((key) => sessionStorage.removeItem(key));
  const read = (key) => JSON.parse(sessionStorage.getItem(key) ?? "null");
  // A tab that may keep nothing, or no more, works as without this script.
  const write = (key, one) => { try { sessionStorage.setItem(key, JSON.stringify(one)); } catch { /* full or forbidden */ } };

  const { on, by } = document.currentScript.dataset;
  if (!on) {
    forget(kept());
    return;
  }
  // Somebody else has signed in since.
  forget(kept().filter((key) => read(key).by !== by));

  const name = (area) => `${PREFIX}${on} ${area.name}`;
  const isSaved = (field, text) =>
    [...document.querySelectorAll(`[data-saved="${field}"]`)].some((one) => plain(one.textContent) === plain(text));

  // What a colleague has saved meanwhile stays in its place: nobody saves over what he has not seen.
  const showBeside = (area, text) => {
    const beside = document.createElement("div");
    beside.className = "band";
    const said = document.createElement("p");
    said.textContent = "Cette réponse a changé entre-temps. Voici ce que vous aviez écrit\u00a0:";
    const words = document.createElement("p");
    words.className = "asked";
    words.textContent = text;
    beside.append(said, words);
    area.after(beside);
  };

  for (const key of kept().filter((one) => one.startsWith(`${PREFIX}${on} `))) {
    const one = read(key);
    const field = key.slice(`${PREFIX}${on} `.length);
    const area = document.querySelector(`textarea[name="${field}"]`);
    if ((one.isSent && isSaved(field, one.text)) || (area && !one.isSent && plain(area.defaultValue) === plain(one.text))) forget([key]);
    else if (area && plain(area.defaultValue) === plain(one.before)) area.value = one.text;
    else if (area && plain(area.defaultValue) !== plain(one.text)) showBeside(area, one.text);
  }
  document.addEventListener("input", ({ target: area }) => {
    if (!area.matches("textarea")) return;
    // A page that refuses holds what was typed: what is saved is what stood there before.
    const one = document.querySelector(".summary") && read(name(area));
    write(name(area), { by, text: area.value, before: one ? one.before : area.defaultValue, isSent: false });
  });
  document.addEventListener("submit", ({ target: form }) => {
    for (const area of form.querySelectorAll("textarea")) {
      const one = read(name(area));
      if (one) write(name(area), { ...one, isSent: true });
    }
  });
})();
