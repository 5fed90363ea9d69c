/* The player of a replayed day. The day lies in a store; nothing here asks the server, frame by frame. */
(function () {
  "use strict";
  const STILL_MS = 1000; /* with less motion wanted, the cursor goes on once in this time */
  const ADDRESS_MS = 400; /* the address follows when the cursor has stood still for this long */
  const HOUR_S = 3600;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const by = (id) => document.getElementById(id);
  let day = null;    /* the day as the store has it, unpacked */
  let at = 0;        /* the cursor [s since the day began] */
  let speed = 60;
  let playing = false;
  let last = 0;      /* time of the last frame [ms] */
  let writing = null;
  let frameMs = 0;   /* what the last frame took [ms] */

  const unpack = (text) => {
    const raw = atob(text), bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i += 1) { bytes[i] = raw.charCodeAt(i); }
    return new Float32Array(bytes.buffer);
  };
  const here = () => (day && by("replay-player")) || null;
  const end = () => day.count * day.step;
  const index = () => Math.min(Math.floor(at / day.step), day.count - 1);
  const offset = (offsets, i) => offsets.reduce((found, of) => (of[0] <= i ? of : found), offsets[0]);
  const two = (n) => String(n).padStart(2, "0");
  const local = (offsets, s) => {
    const of = offset(offsets, Math.min(Math.floor(s / day.step), day.count - 1));
    return [new Date(day.start + s * 1000 + of[1] * 60000), of];
  };
  const clock = (offsets, s) => {
    const [t] = local(offsets, s);
    return two(t.getUTCHours()) + ":" + two(t.getUTCMinutes());
  };
  const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const told = (s) => {
    const [t, of] = local(day.offsets, s);
    return DAYS[t.getUTCDay()] + " " + t.getUTCDate() + " " + MONTHS[t.getUTCMonth()] + " " +
      t.getUTCFullYear() + " " + clock(day.offsets, s) + " " + of[2];
  };
  /* The site's time as the address has it; with its offset where the hour comes a second time. */
  const named = (s) => {
    const text = clock(day.site, s);
    const i = Math.floor(s / day.step), of = offset(day.site, i);
    if (of !== day.site[0]) {
      const back = day.site[0][1] - of[1];
      const before = s - back * 60;
      if (back > 0 && before >= 0 && Math.floor(before / day.step) < of[0]) {
        const a = Math.abs(of[1]);
        return text + (of[1] < 0 ? "-" : "+") + two(Math.floor(a / 60)) + ":" + two(a % 60);
      }
    }
    return text;
  };
  const number = (value, places, signed) => {
    if (!Number.isFinite(value)) { return "\u2014"; }
    const rounded = Number(value.toFixed(places)) || 0;
    const [whole, part] = Math.abs(rounded).toFixed(places).split(".");
    const apart = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
    const sign = rounded < 0 ? "\u2212" : signed && rounded > 0 ? "+" : "";
    return sign + apart + (part ? "." + part : "");
  };

  const chart = () => document.querySelector("#replay-chart .js-plotly-plot");
  const place = () => {
    const line = by("replay-cursor"), plot = chart();
    const full = plot && plot._fullLayout;
    if (!line || !full || !full.xaxis || !full._size || !day) { return; }
    const [t] = [new Date(day.start + at * 1000 + day.offsets[0][1] * 60000)];
    const x = full.xaxis.d2p(t.toISOString().slice(0, 19));
    line.hidden = !(x >= 0 && x <= full.xaxis._length);
    line.style.transform = "translateX(" + (full._size.l + x) + "px)";
    line.style.top = full._size.t + "px";
    line.style.height = full._size.h + "px";
  };
  const hear = () => {
    const plot = chart();
    if (!plot || !plot.on) { return; }
    if (!plot.dataset.heard) {
      plot.dataset.heard = "yes";
      plot.on("plotly_afterplot", place);
      plot.on("plotly_click", (event) => {
        const point = event.points && event.points[0];
        if (point && day) {
          seek((Date.parse(point.x.replace(" ", "T") + "Z") - day.start) / 1000 - day.offsets[0][1] * 60);
        }
      });
    }
    place();
  };

  /* One frame: everything on the page that moves with the cursor. */
  const show = () => {
    const player = here();
    if (!player) { return; }
    const began = performance.now();
    const i = index();
    for (const cell of day.cells) {
      cell.el = cell.el && cell.el.isConnected ? cell.el : by(cell.id);
      if (cell.el && cell.shown !== i) {
        cell.el.textContent = number(cell.values[i], cell.places, cell.signed);
        cell.shown = i;
      }
    }
    const bar = player.querySelector("input[type=range]");
    const words = told(at);
    if (bar) {
      bar.value = String(i);
      bar.setAttribute("aria-valuetext", words);
      bar.style.setProperty("--played", (100 * i / Math.max(day.count - 1, 1)) + "%");
    }
    by("replay-clock").textContent = words;
    player.dataset.mode = "REPLAY " + day.day + " " + clock(day.site, at);
    place();
    for (const event of document.querySelectorAll("#replay-events .event")) {
      event.classList.toggle("past", Number(event.dataset.step) <= i);
    }
    frameMs = performance.now() - began;
  };
  const write = () => {
    window.clearTimeout(writing);
    writing = window.setTimeout(() => {
      if (here()) { window.joulecastAddress({ ...day.address, t: named(at), speed: speed === 60 ? "" : String(speed) }); }
    }, ADDRESS_MS);
  };
  const seek = (s) => {
    if (!here()) { return; }
    at = Math.min(Math.max(s, 0), end() - day.step);
    show();
    if (!playing) { write(); }
  };
  const button = () => {
    const play = by("replay-play");
    if (play) {
      play.textContent = playing ? "Pause" : "Play";
      play.setAttribute("aria-pressed", String(playing));
    }
  };
  const stop = () => { playing = false; button(); if (here()) { write(); } };
  const tick = (now) => {
    if (!playing) { return; }
    if (!here()) { playing = false; return; }
    const gone = now - last;
    if (!calm.matches || gone >= STILL_MS) {
      last = now;
      at = Math.min(at + speed * Math.min(gone, 2 * STILL_MS) / 1000, end() - day.step);
      show();
      if (at >= end() - day.step) { stop(); return; }
    }
    window.requestAnimationFrame(tick);
  };
  const toggle = () => {
    if (!here()) { return; }
    if (playing) { stop(); return; }
    if (at >= end() - day.step) { at = 0; }
    playing = true;
    last = performance.now();
    button();
    window.requestAnimationFrame(tick);
  };
  const step = (n) => { seek((index() + n) * day.step); };
  const hop = (direction) => {
    const i = index();
    const ahead = direction > 0 ? day.events.find((e) => e > i) : day.events.filter((e) => e < i).pop();
    if (ahead !== undefined) { seek(ahead * day.step); }
  };
  const ACTIONS = {
    "replay-play": toggle,
    "replay-back": () => step(-1),
    "replay-on": () => step(1),
    "replay-back-hour": () => seek(at - HOUR_S),
    "replay-on-hour": () => seek(at + HOUR_S),
    "replay-event-back": () => hop(-1),
    "replay-event-on": () => hop(1),
  };
  document.addEventListener("click", (event) => {
    if (!here()) { return; }
    const pressed = event.target.closest("button");
    if (!pressed) { return; }
    if (ACTIONS[pressed.id]) { ACTIONS[pressed.id](); }
    if (pressed.dataset.step) { seek(Number(pressed.dataset.step) * day.step); }
  });
  const KEYS = {
    " ": () => toggle(),
    ArrowLeft: (hour) => (hour ? seek(at - HOUR_S) : step(-1)),
    ArrowRight: (hour) => (hour ? seek(at + HOUR_S) : step(1)),
    n: () => hop(1), N: () => hop(1), p: () => hop(-1), P: () => hop(-1),
  };
  /* Keys belong to the player unless something that takes them itself has the focus. */
  document.addEventListener("keydown", (event) => {
    const on = event.target, act = KEYS[event.key];
    if (!act || !here() || event.ctrlKey || event.altKey || event.metaKey) { return; }
    const ours = on.matches && on.matches("#replay-scrub input");
    const takes = "input, textarea, select, [role=combobox], [role=listbox], [role=dialog] *, [contenteditable]";
    if (!ours && on.closest && on.closest(takes)) { return; }
    if (event.key === " " && !ours && on.closest && on.closest("button, a, summary")) { return; }
    event.preventDefault();
    act(event.shiftKey);
  });
  window.addEventListener("resize", () => window.requestAnimationFrame(place));

  const scrubber = () => {
    const bar = document.createElement("input");
    bar.type = "range";
    bar.min = "0";
    bar.step = "1";
    bar.setAttribute("aria-label", "Time of the day");
    bar.addEventListener("input", () => seek(Number(bar.value) * day.step));
    return bar;
  };
  const share = (i) => (100 * i / Math.max(day.count, 1)) + "%";
  const piece = (className, left, width) => {
    const el = document.createElement("span");
    el.className = className;
    el.style.left = left;
    if (width) { el.style.width = width; }
    return el;
  };

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    replay: {
      /* A day has come into the store: make it ready and go to where the address says. */
      load: function (data) {
        if (!data || !by("replay-player")) { day = null; playing = false; return; }
        const same = day && day.day === data.day;
        const chosen = document.querySelector("#replay-speed input:checked");
        if (chosen) { speed = Number(chosen.value) || 60; }
        day = Object.assign({}, data, {
          cells: data.cells.map(([id, places, signed, values]) => ({ id, places, signed, values: unpack(values) })),
        });
        at = same && at < end() ? at : data.at * data.step;
        const scrub = by("replay-scrub");
        if (!scrub.firstChild) { scrub.appendChild(scrubber()); }
        scrub.firstChild.max = String(day.count - 1);
        by("replay-known").replaceChildren(...day.known.map(([a, b]) => piece("known", share(a), share(b - a))));
        by("replay-marks").replaceChildren(...day.events.map((e) => piece("mark", share(e))));
        here().classList.remove("waits");
        let tries = 0;
        const ready = () => {
          show();
          hear();
          const plot = chart();
          tries += 1;
          if (tries < 40 && !(plot && plot._fullLayout && plot._fullLayout.xaxis)) { window.setTimeout(ready, 50); }
        };
        window.requestAnimationFrame(ready);
        write();
      },
      speed: function (value) {
        speed = Number(value) || 60;
        if (here()) { write(); }
      },
    },
  });
  /* For measurements. */
  window.joulecastReplay = { seek, frame: () => frameMs, at: () => at, playing: () => playing };
})();
