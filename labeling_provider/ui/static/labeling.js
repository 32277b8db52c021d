"use strict";
// Airflow shows these pages in a frame of its own origin: they follow its theme and time zone, and its links open in it.
(() => {
  const root = document.documentElement;
  const parentDocument = (() => {
    try {
      return window.parent !== window ? window.parent.document : null;
    } catch {
      return null;
    }
  })();

  // Our colors, and what Airflow calls them; a theme of one's own changes them there.
  const SHADES = { back: "bg", text: "fg", quiet: "fg-muted", line: "border-emphasized", soft: "bg-muted", accent: "fg-info" };

  function takeTheme() {
    const dark = parentDocument
      ? parentDocument.documentElement.classList.contains("dark")
      : window.matchMedia("(prefers-color-scheme: dark)").matches;
    root.classList.toggle("dark", dark);
    root.classList.toggle("light", !dark);
    if (!parentDocument) return;
    const shown = parentDocument.defaultView.getComputedStyle(parentDocument.documentElement);
    for (const [own, theirs] of Object.entries(SHADES)) {
      const shade = shown.getPropertyValue(`--chakra-colors-${theirs}`);
      if (shade) root.style.setProperty(`--labeling-${own}`, shade);
    }
  }
  takeTheme();
  if (parentDocument) {
    new MutationObserver(takeTheme).observe(parentDocument.documentElement, { attributeFilter: ["class"] });
  } else {
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", takeTheme);
  }

  // Airflow's UI keeps the chosen zone here, as JSON; without a choice it shows the browser's.
  const ZONE = "timezone";

  function clock() {
    const style = { dateStyle: "short", timeStyle: "medium" };
    try {
      // Swedes write dates as Airflow does: 2026-11-27 08:03:50.
      return new Intl.DateTimeFormat("sv-SE", { ...style, timeZone: JSON.parse(localStorage.getItem(ZONE)) || undefined });
    } catch {
      return new Intl.DateTimeFormat("sv-SE", style);
    }
  }

  function showTimes(part) {
    const shown = clock();
    for (const place of part.querySelectorAll("time")) {
      const text = `${shown.format(new Date(place.dateTime))} ${shown.resolvedOptions().timeZone}`;
      if (place.classList.contains("moment")) place.textContent = text;
      else place.title = text;
    }
  }
  showTimes(document);
  window.addEventListener("storage", (event) => event.key === ZONE && showTimes(document));

  function say(text, bad) {
    const place = document.getElementById("message");
    place.textContent = text;
    place.classList.toggle("trouble", Boolean(bad));
  }

  async function load(part) {
    const address = new URL(part.dataset.src, document.baseURI);
    const form = document.querySelector(`form[data-target="${part.id}"]`);
    if (form) {
      for (const [name, value] of new FormData(form)) address.searchParams.set(name, value);
    }
    // An answer that was overtaken by a later request is not shown.
    const turn = (part.turn = (part.turn || 0) + 1);
    for (const [name, value] of new URLSearchParams(part.dataset.go || "")) address.searchParams.set(name, value);
    try {
      const answer = await fetch(address, { headers: { "X-Labeling": "1" } });
      const body = await answer.text();
      if (turn !== part.turn) return;
      const isPage = (answer.headers.get("Content-Type") || "").startsWith("text/html");
      if (isPage && answer.ok) {
        const focused = part.contains(document.activeElement) ? document.activeElement : null;
        part.innerHTML = body;
        showTimes(part);
        // Keyboard users keep their place.
        const same = (element) => ["name", "href", "data-go"].some((key) => element.hasAttribute(key) && element.getAttribute(key) === focused.getAttribute(key));
        if (focused) [...part.querySelectorAll("a, button, input, select")].find(same)?.focus();
      } else {
        const notice = document.createElement("p");
        notice.className = "trouble";
        notice.textContent = `This part of the page can't be shown (${answer.status}).`;
        part.replaceChildren(notice);
      }
    } catch {
      say("Airflow does not respond.", true);
    }
  }

  function ask(question) {
    const dialog = document.querySelector("dialog");
    document.getElementById("question").textContent = question;
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  }

  async function post(address, question, body) {
    if (!(await ask(question))) return;
    try {
      const answer = await fetch(new URL(address, document.baseURI), {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Labeling": "1" },
        body: JSON.stringify(body),
      });
      const isJson = (answer.headers.get("Content-Type") || "").startsWith("application/json");
      const reply = isJson ? await answer.json() : {};
      say([reply.message || reply.detail || `The request failed (${answer.status}).`, reply.uri || ""].join(" "), !answer.ok || !isJson);
    } catch {
      say("Airflow does not respond.", true);
    }
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      say(`Copied: ${text}`);
    } catch {
      say(text);
    }
  }

  function partOf(element) {
    return element.closest("[data-src]");
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-top]");
    if (link && parentDocument) {
      // A frame may neither navigate its parent nor open a tab; a link in the parent itself may.
      event.preventDefault();
      const own = parentDocument.createElement("a");
      own.href = link.href;
      own.target = link.target;
      own.rel = link.rel;
      parentDocument.body.append(own);
      own.click();
      own.remove();
      return;
    }
    const button = event.target.closest("button");
    if (!button) return;
    if ("go" in button.dataset || "back" in button.dataset) {
      const part = partOf(button);
      // The server knows what follows a page; only the page itself knows what came before.
      const trail = (part.trail = part.trail || []);
      if ("back" in button.dataset) part.dataset.go = trail.pop() || "";
      else {
        if (button.dataset.go) trail.push(part.dataset.go || "");
        else trail.length = 0;
        part.dataset.go = button.dataset.go;
      }
      load(part);
    } else if (button.dataset.copy) {
      copy(button.dataset.copy);
    } else if (button.dataset.post) {
      post(button.dataset.post, button.dataset.question, {});
    } else if (button.dataset.relabel) {
      const chosen = [...document.querySelectorAll("input[data-line]:checked")].map((box) => Number(box.dataset.line));
      if (chosen.length) post(button.dataset.relabel, button.dataset.question, { lines: chosen });
      else say("Select objects first.");
    }
  });

  let typing;
  function filtered(event) {
    const form = event.target.closest("form[data-target]");
    if (!form) return;
    const part = document.getElementById(form.dataset.target);
    delete part.dataset.go;
    part.trail = [];
    clearTimeout(typing);
    typing = setTimeout(() => load(part), event.type === "input" ? 300 : 0);
  }
  document.addEventListener("change", filtered);
  // Choosing a suggestion counts as much as typing it out.
  document.addEventListener("input", (event) => {
    if (event.target.type === "search" || event.inputType === "insertReplacementText") filtered(event);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-target]")) {
      event.preventDefault();
      filtered(event);
    }
  });

  for (const part of document.querySelectorAll("[data-src]")) {
    const every = Number(part.dataset.every || 0);
    if (every) setInterval(() => document.visibilityState === "visible" && load(part), every * 1000);
    // Parts that came with the page are not loaded again.
    if (!every || part.querySelector(".empty")) load(part);
  }
})();
