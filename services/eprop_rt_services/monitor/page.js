"use strict";
// Puts words into place, and hands clicks on; figures are Bokeh's own affair.
window.monitor = (() => {
  const find = (id) => document.getElementById(id);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let link = null;
  let state = null;
  let orders = 0;
  let heard = 0;

  function say(order) {
    if (link === null) return;
    orders += 1;
    link.setv({ order: JSON.stringify({ ...order, number: `${Date.now()}-${orders}` }) });
  }

  function put(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function element(kind, name, parent) {
    const made = document.createElement(kind);
    made.className = name;
    parent.append(made);
    return made;
  }

  function cardOf(at) {
    const cards = find("cards");
    if (cards.children[at]) return cards.children[at];
    const made = element("button", "card", cards);
    made.setAttribute("role", "radio");
    element("b", "name", made);
    element("span", "state", made);
    element("span", "small age", made);
    element("span", "small success", made);
    made.addEventListener("click", () => say({ daemon: at, verb: "select" }));
    made.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const other = step && cards.children[(at + step + cards.children.length) % cards.children.length];
      if (!other) return;
      event.preventDefault();
      other.focus();
      other.click();
    });
    return made;
  }

  function showCards() {
    state.cards.forEach((card, at) => {
      const made = cardOf(at), chosen = at === state.selected;
      made.style.setProperty("--colour", state.colours[at]);
      made.dataset.state = card.state;
      made.setAttribute("aria-checked", String(chosen));
      made.tabIndex = chosen ? 0 : -1;
      put(made.children[0], card.name);
      put(made.children[1], card.state);
      put(made.children[2], `data ${card.age}`);
      put(made.children[3], card.success === "-" ? "" : `success ${card.success}`);
    });
  }

  function showButtons() {
    const name = state.cards[state.selected].name;
    for (const made of document.querySelectorAll("button[data-verb]")) {
      const told = state.buttons[made.dataset.verb];
      const stop = made.dataset.verb === "stop";
      put(made, stop ? `${told.label} ${state.cards.length > 1 ? name : ""}`.trim() : told.label);
      made.classList.toggle("held", told.held);
      made.classList.toggle("asked", told.asked);
      made.disabled = !told.enabled;
      if (["freeze", "thaw"].includes(made.dataset.verb))
        made.setAttribute("aria-pressed", String(told.held));
    }
  }

  function showGroups() {
    const text = JSON.stringify(state.groups), place = find("groups");
    if (place.dataset.shown === text) return;
    place.dataset.shown = text;
    place.replaceChildren();
    for (const [name, colour] of Object.entries(state.groups)) {
      element("i", "", place).style.setProperty("--colour", colour);
      place.append(name);
    }
  }

  function show() {
    state = JSON.parse(link.state);
    showCards();
    showButtons();
    showGroups();
    for (const place of document.querySelectorAll("[data-word]"))
      put(place, state.words[place.dataset.word] ?? "");
    for (const place of document.querySelectorAll("[data-stale]"))
      place.classList.toggle("stale", state.stale[place.dataset.stale]);
    put(find("told"), state.told);
    put(find("events"), state.events.join(", ") || "none");
    document.body.dataset.state = state.words.state;
  }

  function begin(given) {
    link = given;
    link.properties.state.change.connect(show);
    document.addEventListener("click", (event) => {
      const made = event.target.closest("button[data-verb]");
      if (made && state) say({ daemon: state.selected, verb: made.dataset.verb });
    });
    const prefer = () => link.setv({ dark: dark.matches });
    dark.addEventListener("change", prefer);
    prefer();
    const look = () => link.setv({ hidden: document.hidden });
    document.addEventListener("visibilitychange", look);
    look();
    link.properties.beat.change.connect(hear);
    hear();
    setInterval(listen, 1000);
    link.document.on_event("connection_lost", lose);
    put(find("connection"), "connected");
    document.body.dataset.ready = "yes";
    show();
  }

  // A connection may be there and carry nothing: a cable that was pulled ends none.
  function hear() {
    heard = performance.now();
  }

  function listen() {
    if (document.body.classList.contains("lost")) return;
    if (document.hidden) hear();
    const silent = (performance.now() - heard) / 1000;
    document.body.classList.toggle("silent", silent > 5);
    put(find("connection"), silent > 5 ? `nothing new for ${Math.round(silent)} s` : "connected");
  }

  // The server is gone, or the network: what was seen stays, and a fresh page comes with the server.
  // A proxy may answer in its place meanwhile, or the server while it starts: that is not it yet.
  function lose() {
    if (document.body.classList.contains("lost")) return;
    document.body.classList.add("lost");
    put(find("connection"), "not connected");
    for (const made of document.querySelectorAll("button")) made.disabled = true;
    const again = async () => {
      const signal = AbortSignal.timeout(5000);
      const status = await fetch(location.href, { cache: "no-store", signal })
        .then((answer) => answer.status, () => 503);
      if (status < 500) location.reload();
      else setTimeout(again, 2000);
    };
    setTimeout(again, 2000);
  }

  return { begin };
})();
