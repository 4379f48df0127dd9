// A figure on the page: a canvas, what is read off it, controls, sounds, actions; its state, which Python may share.
//
// A figure is an object of
//   controls   [{ key, label, step, log, show(value, state), options }]: key is a field of its Python file
//   compute    state → numbers, those of the figure's twin in Python; and `heard`, if sounds need more: it has no twin
//   height     width → height of the canvas
//   draw       ({ g, width, height, p: colours, plot, view }, state, numbers); view is its own, kept between drawings
//   describe   (state, numbers, view) → the picture in words, for who does not see it
//   readout    (state, numbers, view) → [[name, value as text]]
//   sounds     [{ label, make(state, numbers, view) → samples; the left ear's, if they have a property `right` }]; also
//              loop: over again, `phrase` if it has a seam; rate(state): if not 16000 Hz; louder(state): dB beyond the
//              figure's own level, which its label says; during(seconds, api): called again and again while it plays,
//              at the end with null; prepare(state, numbers): see work.js, needs `workshop`
//   load       (state, view) → promise, for what must be there before a sound can be made
//   workshop   that of work.js, if a sound takes long
//   actions    [{ label, run(api) }], if any
//   pointer    (x, y, "down" | "move" | "up", api), if it can be dragged; grabs(x, y, view): the page must not scroll
import { PLAY_DB, TITLE } from "../<kind>.py";
import { choice, completed, slider } from "./controls.js";
import { levelText, rendered } from "./levels.js";
import { clamp } from "./numbers.js";
import { coloured, framed, h, watchTheme } from "./page.js";
import { plot } from "./plot.js";
import { player } from "./sound.js";

export function mount({ model, el, whole }, figure) {
  const state = { ...model.get("state") };
  const view = {};
  const sound = player();
  const beside = figure.workshop?.(figure, whole);
  const syncs = [];
  const buttons = [];
  let numbers;
  let playing = null;
  let timer = 0;
  let replay = 0;
  let asked = 0;
  let watch = 0;
  let loading;
  let own = "";
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const controls = completed(figure.controls);
  const ranges = Object.fromEntries(controls.filter((c) => c.max !== undefined).map((c) => [c.key, c]));

  const root = framed(el, TITLE);
  const canvas = h("canvas", { role: "img" });
  const g = canvas.getContext("2d");
  const readout = h("output", { class: "ddsp-readout", "aria-live": "off" });
  const rows = h("div", { class: "ddsp-controls" });
  const bar = h("div", { class: "ddsp-buttons" });
  const note = h("span", { class: "ddsp-note", role: "status" });
  root.append(canvas, readout, rows, bar);

  // What actions and the pointer may do.
  const api = {
    state,
    view,
    get numbers() {
      return numbers;
    },
    set(patch) {
      for (const [k, v] of Object.entries(patch)) {
        const c = ranges[k];
        state[k] = c ? clamp(c.whole ? Math.round(v) : v, c.min, c.max) : v;
      }
      update();
    },
    redraw: () => paint(),
    // Calls step() again and again until it returns false; all at once where reduced motion is asked for.
    animate(step, every = 60) {
      api.halt();
      if (calm.matches) {
        for (let i = 0; i < 500; i++) if (step() === false) return;
        return;
      }
      const tick = () => {
        timer = 0;
        if (step() !== false) timer = setTimeout(tick, every);
      };
      tick();
    },
    halt() {
      clearTimeout(timer);
      timer = 0;
    },
  };

  function update() {
    numbers = figure.compute(state);
    paint();
    // Rounded as Python rounds, so that it has nothing to correct and to send back.
    own = JSON.stringify(state, (_, v) => (typeof v === "number" ? +v.toFixed(6) : v));
    model.set("state", JSON.parse(own));
    model.save_changes();
  }
  function paint() {
    const width = canvas.clientWidth || 600;
    const height = figure.height(width);
    const scale = window.devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    g.setTransform(scale, 0, 0, scale, 0, 0);
    const p = coloured(root);
    figure.draw({ g, width, height, p, plot: (box, o) => plot(g, box, o, p), view }, state, numbers);
    canvas.setAttribute("aria-label", figure.describe(state, numbers, view));
    const read = figure.readout(state, numbers, view);
    readout.replaceChildren(...read.map(([k, v]) => h("span", {}, `${k} `, h("b", {}, v))));
    for (const sync of syncs) sync();
    if (playing?.loop && !replay)
      replay = setTimeout(() => {
        replay = 0;
        if (playing?.loop) start(playing);
      }, 50);
  }
  function load() {
    loading = figure.load?.(state, view).then(
      () => {
        loading = null;
        paint();
      },
      () => {
        note.textContent = "this browser cannot decode the sounds";
      },
    );
  }
  function start(s) {
    const mine = ++asked;
    playing = s;
    label();
    if (loading) return loading.then(() => !loading && mine === asked && start(s));
    if (!s.prepare) return play(s, rendered(s, state, numbers, view));
    // What takes no longer than a glance needs no sign of work.
    let share = 0;
    const sign = setInterval(() => {
      if (mine === asked) note.textContent = share < 1 ? `working… ${Math.round(100 * share)} %` : "working…";
    }, 100);
    const report = (done) => {
      share = done;
    };
    beside
      .make(s, state, numbers, report)
      .then((made) => made && mine === asked && play(s, made))
      .finally(() => clearInterval(sign));
  }
  function play(s, made) {
    note.textContent = levelText(made);
    sound.play(made, !!s.loop, () => stopped());
    clearInterval(watch);
    if (s.during) watch = setInterval(() => sound.seconds !== null && s.during(sound.seconds, api), 40);
  }
  function figureLevel() {
    const db = PLAY_DB + (figure.sounds[0].louder?.(state) ?? 0);
    return levelText({ db, wanted_db: db });
  }
  function stopped() {
    asked++;
    clearInterval(watch);
    playing?.during?.(null, api);
    playing = null;
    note.textContent = figureLevel();
    label();
    paint();
  }
  function toggle(s) {
    if (playing) sound.stop();
    if (playing !== s) return start(s);
    stopped();
  }
  function label() {
    for (const [b, s] of buttons) {
      b.textContent = playing === s ? "■ Stop" : `▶ ${s.label}`;
      b.classList.toggle("ddsp-on", playing === s);
    }
  }

  for (const c of controls) {
    const touch = (v) => {
      api.halt();
      api.set(c.put ? c.put(v, state) : { [c.key]: v });
    };
    const [row, sync] = (c.max === undefined ? choice : slider)(c, state, touch);
    rows.append(row);
    syncs.push(sync);
  }
  for (const s of figure.sounds) {
    const b = h("button", { class: "ddsp-play", type: "button", onclick: () => toggle(s) });
    buttons.push([b, s]);
    bar.append(b);
  }
  for (const a of figure.actions ?? []) bar.append(h("button", { type: "button", onclick: () => a.run(api) }, a.label));
  bar.append(note);
  note.textContent = figureLevel();
  label();
  if (figure.pointer) drag(canvas, figure, api);

  const changed = () => {
    const next = model.get("state");
    if (JSON.stringify(next) === own) return;
    Object.assign(state, next);
    own = JSON.stringify(state);
    numbers = figure.compute(state);
    load();
    paint();
  };
  model.on("change:state", changed);
  numbers = figure.compute(state);
  load();
  paint();
  let seen = canvas.clientWidth;
  const size = new ResizeObserver(() => {
    if (canvas.clientWidth === seen) return;
    seen = canvas.clientWidth;
    paint();
  });
  size.observe(root);
  const unwatch = watchTheme(() => paint());
  return () => {
    api.halt();
    clearTimeout(replay);
    clearInterval(watch);
    sound.close();
    beside?.close();
    size.disconnect();
    unwatch();
    model.off?.("change:state", changed);
  };
}

// The pointer on the canvas, in pixels of the picture.
function drag(canvas, figure, api) {
  let down = false;
  canvas.style.touchAction = "pan-y";
  canvas.style.cursor = "pointer";
  const at = (e) => {
    const r = canvas.getBoundingClientRect();
    return [e.clientX - r.left, e.clientY - r.top];
  };
  // Where a figure is dragged up and down, the page must not scroll under the finger.
  const hold = (e) => {
    if (figure.grabs?.(...at(e.touches[0]), api.view)) e.preventDefault();
  };
  canvas.addEventListener("touchstart", hold, { passive: false });
  canvas.addEventListener("pointerdown", (e) => {
    down = true;
    canvas.setPointerCapture(e.pointerId);
    api.halt();
    figure.pointer(...at(e), "down", api);
  });
  canvas.addEventListener("pointermove", (e) => {
    if (down) figure.pointer(...at(e), "move", api);
  });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, (e) => {
      if (down) figure.pointer(...at(e), "up", api);
      down = false;
    });
}
