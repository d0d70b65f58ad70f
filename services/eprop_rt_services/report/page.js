"use strict";
// Figures are drawn when their section is first shown; nothing is fetched from anywhere.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  const tones = {
    "#1f2933": "#e6e9ed", "#5c6773": "#a7b0ba", "#e3e7eb": "#343b43",
    "#0072b2": "#4aa3df", "#882255": "#d0759c",
  };
  const sections = [...document.querySelectorAll(".chapter")];
  const drawn = new Map();

  function onDark(text) {
    for (const [light, other] of Object.entries(tones)) text = text.replaceAll(light, other);
    return text;
  }

  function draw(holder) {
    if (drawn.has(holder.id)) return;
    let text = document.getElementById(`${holder.id}-data`).textContent;
    if (dark) text = onDark(text);
    drawn.set(holder.id, Bokeh.embed.embed_item(JSON.parse(text), holder.id).then(() => {
      const block = `input[data-block="${holder.id}"]`;
      for (const box of document.querySelectorAll(block)) if (!box.checked) apply(box);
      holder.dataset.drawn = "yes";
    }));
  }

  function apply(box) {
    const name = `${box.dataset.block}:${box.dataset.name}`;
    for (const one of Bokeh.documents)
      for (const model of one.all_models) if (model.name === name) model.visible = box.checked;
  }

  function open(key) {
    const chosen = sections.find((one) => one.id === key) ?? sections[0];
    for (const one of sections) one.classList.toggle("open", one === chosen);
    for (const link of document.querySelectorAll("nav a"))
      link.setAttribute("aria-current", link.hash === `#${chosen.id}` ? "page" : "false");
    for (const holder of chosen.querySelectorAll(".figure")) draw(holder);
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("input[data-block]")) apply(event.target);
  });
  if (dark)
    for (const one of document.querySelectorAll(".swatch"))
      one.setAttribute("style", onDark(one.getAttribute("style")));
  if (sections.length > 1) {
    document.body.classList.add("tabbed");
    window.addEventListener("hashchange", () => {
      if (location.hash === "#again") return;
      open(location.hash.slice(1));
      window.scrollTo(0, 0);
    });
  }
  open(location.hash.slice(1));
})();
