// Shared by all live figures: page elements, theme, plots, sound, FFT. Plain functions, no globals left behind:
// live.py puts this file and one figure's file inside a function scope. Lines that are only comments are dropped.

const TAU = 2 * Math.PI;
const THEMES = [
  {
    bg: "#ffffff",
    ink: "#1f2430",
    soft: "#565e6c",
    grid: "#e4e7ec",
    edge: "#cfd4dc",
    mine: "#1a5fb4",
    goal: "#b04a10",
  },
  {
    bg: "#1a1d23",
    ink: "#eceef2",
    soft: "#b0b7c3",
    grid: "#30353e",
    edge: "#454b57",
    mine: "#82b8ff",
    goal: "#ffb27a",
  },
];
const STYLE = `
[data-live]>.ddsp-fallback{display:none}
.ddsp-live{box-sizing:border-box;max-width:760px;margin:.5em 0;padding:12px 14px;border:1px solid var(--edge);border-radius:8px;background:var(--bg);color:var(--ink);font:14px/1.4 system-ui,sans-serif}
.ddsp-live *{box-sizing:border-box}
.ddsp-live canvas{display:block;width:100%;margin:6px 0}
.ddsp-title{font-weight:600}
.ddsp-readout{display:flex;flex-wrap:wrap;gap:2px 18px;color:var(--soft);font-size:13px;min-height:1.4em}
.ddsp-readout b{color:var(--ink);font-variant-numeric:tabular-nums;font-weight:600}
.ddsp-controls{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(210px,100%),1fr));gap:4px 22px;margin-top:8px}
.ddsp-slider{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:baseline;margin:0;position:relative;padding-bottom:26px}
.ddsp-slider label{margin:0;color:var(--ink)}
.ddsp-slider b{font-weight:600;font-variant-numeric:tabular-nums}
.ddsp-slider input{position:absolute;left:0;bottom:0;width:100%;height:26px;margin:0;accent-color:var(--mine);cursor:pointer}
.ddsp-choice{grid-column:1/-1;border:0;margin:0;padding:0;min-width:0}
.ddsp-choice legend{float:none;width:auto;padding:0;margin:0 0 3px;font:inherit;color:var(--ink)}
.ddsp-choice label{position:relative;display:inline-block;margin:0 4px 4px 0}
.ddsp-choice input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:pointer}
.ddsp-choice span,.ddsp-live button{display:inline-block;padding:4px 11px;border:1px solid var(--edge);border-radius:6px;background:var(--bg);color:var(--ink);font:inherit;line-height:1.5;min-height:32px}
.ddsp-choice :checked+span{background:var(--mine);border-color:var(--mine);color:var(--bg)}
.ddsp-live button{cursor:pointer;margin:0 6px 4px 0}
.ddsp-live button:hover{border-color:var(--mine)}
.ddsp-live button.ddsp-play{border-color:var(--mine);color:var(--mine);font-weight:600}
.ddsp-live button.ddsp-on{background:var(--mine);color:var(--bg)}
.ddsp-live :focus-visible,.ddsp-choice :focus-visible+span{outline:2px solid var(--goal);outline-offset:2px}
.ddsp-buttons{margin-top:10px}
`;

// ---- numbers ----
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const fixed = (x, digits = 3) => (Math.abs(x) < 0.5 * 10 ** -digits ? 0 : x).toFixed(digits).replace("-", "−");
const hertz = (x) => `${x < 100 ? fixed(x, 1) : Math.round(x)} Hz`;
const decibels = (x) => 20 * Math.log10(Math.max(x, 1e-12));
const range = (n, f) => Array.from({ length: n }, (_, i) => f(i));
const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length;
const logspace = (low, high, n) => range(n, (i) => low * (high / low) ** (i / (n - 1)));

// In-place radix-2 FFT of re + i·im; the length is a power of two.
const twiddles = {};
function fft(re, im) {
  const n = re.length;
  const [cos, sin] = (twiddles[n] ??= [
    Float64Array.from({ length: n / 2 }, (_, i) => Math.cos((TAU * i) / n)),
    Float64Array.from({ length: n / 2 }, (_, i) => -Math.sin((TAU * i) / n)),
  ]);
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      const x = re[i];
      const y = im[i];
      re[i] = re[j];
      im[i] = im[j];
      re[j] = x;
      im[j] = y;
    }
  }
  for (let half = 1, stride = n / 2; half < n; half *= 2, stride /= 2)
    for (let start = 0; start < n; start += 2 * half)
      for (let k = 0; k < half; k++) {
        const a = start + k;
        const b = a + half;
        const c = cos[k * stride];
        const s = sin[k * stride];
        const x = re[b] * c - im[b] * s;
        const y = re[b] * s + im[b] * c;
        re[b] = re[a] - x;
        im[b] = im[a] - y;
        re[a] += x;
        im[a] += y;
      }
}
const hannWindow = (n) => Float64Array.from({ length: n }, (_, i) => 0.5 - 0.5 * Math.cos((TAU * i) / n));
// Magnitudes of the Hann-windowed sound, bins 0 … n/2.
function magnitudes(sound) {
  const n = sound.length;
  const w = hannWindow(n);
  const re = new Float64Array(n);
  const im = new Float64Array(n);
  for (let i = 0; i < n; i++) re[i] = sound[i] * w[i];
  fft(re, im);
  return range(n / 2 + 1, (k) => Math.hypot(re[k], im[k]));
}
// One second of sines [whole Hz, amplitude, phase]: whole hertz make a loop without a seam.
function tones(partials, rate) {
  const sine = Float64Array.from({ length: rate }, (_, i) => Math.sin((TAU * i) / rate));
  const out = new Float32Array(rate);
  for (const [f, a, phase = 0] of partials) {
    const shift = Math.round((phase / TAU) * rate);
    if (a) for (let i = 0; i < rate; i++) out[i] += a * sine[(((f * i + shift) % rate) + rate) % rate];
  }
  return out;
}

// ---- page ----
function h(tag, props = {}, ...kids) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props))
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else e.setAttribute(k, v);
  e.append(...kids);
  return e;
}
function isDark() {
  const { theme, mode } = document.documentElement.dataset;
  const jp = document.body.dataset.jpThemeLight;
  const named = [theme, mode, document.documentElement.getAttribute("theme")].find(
    (t) => t === "dark" || t === "light",
  );
  if (jp || named) return jp ? jp === "false" : named === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

// ---- plots ----
function ticksFor([low, high], room) {
  const raw = (high - low) / Math.max(2, room);
  const ten = 10 ** Math.floor(Math.log10(raw));
  const step = ten * [1, 2, 5, 10].find((m) => m * ten >= raw - 1e-12);
  const first = Math.ceil(low / step - 1e-9);
  return range(Math.floor(high / step + 1e-9) - first + 1, (i) => +((first + i) * step).toPrecision(12));
}
const tickText = (v) =>
  (Math.abs(v) >= 1000 ? `${+(v / 1000).toPrecision(3)}k` : String(+v.toPrecision(6))).replace("-", "−");
// A frame with axes. box: [x, y, width, height]; o: x and y ranges, log, xTicks, yTicks, xLabel, title, legend [[text, colour]].
function plot(g, box, o, p) {
  const [x0, y0] = [box[0] + 40, box[1] + 22];
  const w = box[2] - 50;
  const hgt = box[3] - 22 - (o.xLabel ? 36 : 20);
  const f = o.log ? Math.log2 : (v) => v;
  const [a, b] = o.x.map(f);
  const [lo, hi] = o.y;
  const X = (v) => x0 + ((f(v) - a) / (b - a)) * w;
  const Y = (v) => y0 + hgt - ((v - lo) / (hi - lo)) * hgt;
  const back = (px) => {
    const t = a + clamp((px - x0) / w, 0, 1) * (b - a);
    return o.log ? 2 ** t : t;
  };
  const backY = (py) => lo + clamp((y0 + hgt - py) / hgt, 0, 1) * (hi - lo);
  g.font = "12px system-ui, sans-serif";
  g.lineWidth = 1;
  g.textBaseline = "middle";
  g.textAlign = "right";
  for (const t of o.yTicks ?? ticksFor(o.y, hgt / 34)) {
    g.strokeStyle = p.grid;
    g.beginPath();
    g.moveTo(x0, Math.round(Y(t)) + 0.5);
    g.lineTo(x0 + w, Math.round(Y(t)) + 0.5);
    g.stroke();
    g.fillStyle = p.soft;
    g.fillText(o.yText?.(t) ?? tickText(t), x0 - 6, Y(t));
  }
  g.textAlign = "center";
  let free = -1e9;
  for (const t of o.xTicks ?? ticksFor(o.x, w / 70)) {
    g.strokeStyle = p.edge;
    g.beginPath();
    g.moveTo(X(t), y0 + hgt);
    g.lineTo(X(t), y0 + hgt + 4);
    g.stroke();
    const half = g.measureText(tickText(t)).width / 2;
    if (X(t) - half < free || X(t) + half > box[0] + box[2]) continue;
    free = X(t) + half + 8;
    g.fillStyle = p.soft;
    g.fillText(tickText(t), X(t), y0 + hgt + 13);
  }
  if (o.xLabel) g.fillText(o.xLabel, x0 + w / 2, y0 + hgt + 29);
  g.strokeStyle = p.edge;
  g.beginPath();
  g.moveTo(x0, y0);
  g.lineTo(x0, y0 + hgt);
  g.lineTo(x0 + w, y0 + hgt);
  g.stroke();
  g.textAlign = "left";
  let at = box[0] + 4;
  for (const [text, colour] of [[o.title, p.ink], ...(o.legend ?? [])]) {
    g.font = `${colour === p.ink ? "600 " : ""}13px system-ui, sans-serif`;
    g.fillStyle = colour;
    g.fillText(text, at, y0 - 13);
    at += g.measureText(text).width + 12;
  }
  const inside = (draw) => {
    g.save();
    g.beginPath();
    g.rect(x0, y0 - 3, w + 1, hgt + 6);
    g.clip();
    draw();
    g.restore();
  };
  return {
    X,
    Y,
    back,
    backY,
    x0,
    y0,
    w,
    h: hgt,
    inside,
    has: (x, y) => x >= x0 - 8 && x <= x0 + w + 8 && y >= y0 - 8 && y <= y0 + hgt + 8,
    line(xs, ys, colour, width = 2, dash = []) {
      inside(() => {
        g.strokeStyle = colour;
        g.lineWidth = width;
        g.lineJoin = "round";
        g.setLineDash(dash);
        g.beginPath();
        for (let i = 0; i < ys.length; i++) g.lineTo(X(xs[i]), Y(ys[i]));
        g.stroke();
      });
    },
    // A stem from the floor (or `base`) up to y, with a head.
    stem(x, y, colour, hollow = false, base = lo) {
      g.strokeStyle = g.fillStyle = colour;
      g.lineWidth = 2;
      g.setLineDash(hollow ? [3, 3] : []);
      g.beginPath();
      g.moveTo(X(x), Y(base));
      g.lineTo(X(x), Y(y));
      g.stroke();
      g.setLineDash([]);
      g.beginPath();
      g.arc(X(x), Y(y), 4, 0, TAU);
      if (hollow) {
        g.fillStyle = p.bg;
        g.fill();
        g.stroke();
      } else g.fill();
    },
    dot(x, y, colour, r = 7) {
      g.fillStyle = colour;
      g.strokeStyle = p.bg;
      g.lineWidth = 2;
      g.beginPath();
      g.arc(X(x), Y(y), r, 0, TAU);
      g.fill();
      g.stroke();
    },
    mark(x, colour, text) {
      g.strokeStyle = g.fillStyle = colour;
      g.lineWidth = 1.5;
      g.setLineDash([5, 4]);
      g.beginPath();
      g.moveTo(X(x), y0);
      g.lineTo(X(x), y0 + hgt);
      g.stroke();
      g.setLineDash([]);
      if (text) {
        g.font = "12px system-ui, sans-serif";
        const right = X(x) + g.measureText(text).width + 8 > x0 + w;
        g.textAlign = right ? "right" : "left";
        g.fillText(text, X(x) + (right ? -5 : 5), y0 + 9);
        g.textAlign = "left";
      }
    },
    // Arrow from (x, y) by (dx, dy) pixels.
    arrow(x, y, dx, dy, colour) {
      const [sx, sy] = [X(x), Y(y)];
      const angle = Math.atan2(dy, dx);
      const [ex, ey] = [sx + dx, sy + dy];
      if (Math.hypot(dx, dy) < 4) return;
      g.strokeStyle = g.fillStyle = colour;
      g.lineWidth = 3;
      g.beginPath();
      g.moveTo(sx, sy);
      g.lineTo(ex - 7 * Math.cos(angle), ey - 7 * Math.sin(angle));
      g.stroke();
      g.beginPath();
      for (const turn of [0, 2.6, -2.6])
        g.lineTo(ex + (turn ? 11 * Math.cos(angle + turn) : 0), ey + (turn ? 11 * Math.sin(angle + turn) : 0));
      g.fill();
    },
  };
}
// Boxes for n plots: beside each other where there is room (shares of the width), else stacked.
function split(width, height, shares) {
  const wide = width >= 560;
  const total = shares.reduce((a, b) => a + b, 0);
  let at = 0;
  return shares.map((s) => {
    const part = wide ? s / total : 1 / shares.length;
    const box = wide ? [at * width, 0, part * width, height] : [0, at * height, width, part * height];
    at += part;
    return box;
  });
}

// ---- sound: fixed level (full scale is played at 0.3), never normalised; fades of 30 ms; one context per figure ----
function player() {
  let ctx;
  let now;
  const fade = (v) => {
    v.gain.gain.setTargetAtTime(0, ctx.currentTime, 0.01);
    v.source.stop(ctx.currentTime + 0.08);
  };
  return {
    play(samples, rate, loop, ended) {
      if (ctx && ctx.wanted !== rate) {
        ctx.close();
        ctx = now = null;
      }
      // A context at the sound's own rate: the browser resamples once, properly, and aliasing is only ours.
      if (!ctx) {
        try {
          ctx = new AudioContext({ sampleRate: rate });
        } catch {
          ctx = new AudioContext();
        }
        ctx.wanted = rate;
      }
      ctx.resume();
      const buffer = ctx.createBuffer(1, samples.length, rate);
      const source = ctx.createBufferSource();
      const gain = ctx.createGain();
      buffer.copyToChannel(
        Float32Array.from(samples, (v) => clamp(v * 0.3, -1, 1)),
        0,
      );
      source.buffer = buffer;
      source.loop = loop;
      gain.gain.value = 0;
      gain.gain.setTargetAtTime(1, ctx.currentTime, 0.01);
      source.connect(gain).connect(ctx.destination);
      const voice = { source, gain, since: ctx.currentTime };
      // A loop that replaces a loop goes on at the same place, so that the phase does not jump.
      const offset = loop && now ? (ctx.currentTime - now.since) % buffer.duration : 0;
      voice.since -= offset;
      source.start(0, offset);
      source.onended = () => {
        if (now === voice) {
          now = null;
          ended();
        }
        if (!now) ctx?.suspend();
      };
      if (now) fade(now);
      now = voice;
    },
    stop() {
      if (now) fade(now);
      now = null;
    },
    close() {
      ctx?.close();
      ctx = now = null;
    },
  };
}

// ---- a figure on the page ----
function mount({ model, el }, figure) {
  el.querySelectorAll(":scope > .ddsp-live, :scope > style").forEach((n) => n.remove());
  el.setAttribute("data-live", "");
  const state = { ...model.get("state") };
  const view = {};
  const sound = player();
  const syncs = [];
  const buttons = [];
  let numbers;
  let playing = null;
  let timer = 0;
  let frame = 0;
  let own = "";
  let palette;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const ranges = Object.fromEntries(figure.controls.filter((c) => c.max !== undefined).map((c) => [c.key, c]));

  const canvas = h("canvas", { role: "img" });
  const g = canvas.getContext("2d");
  const readout = h("output", { class: "ddsp-readout", "aria-live": "off" });
  const controls = h("div", { class: "ddsp-controls" });
  const bar = h("div", { class: "ddsp-buttons" });
  const root = h(
    "div",
    {
      class: "ddsp-live",
      role: "group",
      "aria-label": `Live figure: ${figure.title}`,
      "data-lm-suppress-shortcuts": "true",
    },
    h("div", { class: "ddsp-title" }, figure.title),
    canvas,
    readout,
    controls,
    bar,
  );
  // JupyterLab takes arrow keys: the attribute above stops its capturing listener, this one the rest.
  root.addEventListener("keydown", (e) => e.stopPropagation());

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
        for (let i = 0; i < 500 && step() !== false; i++);
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
    get running() {
      return timer !== 0;
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
    palette = THEMES[+isDark()];
    for (const [k, v] of Object.entries(palette)) root.style.setProperty(`--${k}`, v);
    root.style.colorScheme = isDark() ? "dark" : "light";
    figure.draw({ g, width, height, p: palette, plot: (box, o) => plot(g, box, o, palette), view }, state, numbers);
    canvas.setAttribute("aria-label", figure.describe(state, numbers, view));
    readout.replaceChildren(
      ...figure.readout(state, numbers, view).map(([k, v]) => h("span", {}, `${k} `, h("b", {}, v))),
    );
    syncs.forEach((f) => f());
    if (playing?.loop && !frame)
      frame = setTimeout(() => {
        frame = 0;
        if (playing?.loop) start(playing);
      }, 50);
  }
  function start(s) {
    playing = s;
    sound.play(s.make(state, numbers, view), s.rate?.(state) ?? 16000, !!s.loop, () => {
      playing = null;
      label();
    });
    label();
  }
  function label() {
    for (const [b, s] of buttons) {
      b.textContent = playing === s ? "■ Stop" : `▶ ${s.label}`;
      b.classList.toggle("ddsp-on", playing === s);
    }
  }

  for (const c of figure.controls) {
    // A control of one element of a list says how to read and write it: get, put.
    const read = () => (c.get ? c.get(state) : state[c.key]);
    const touch = (v) => {
      api.halt();
      api.set(c.put ? c.put(v, state) : { [c.key]: v });
    };
    if (c.max !== undefined) {
      const to = c.log ? Math.log2 : (v) => v;
      const from = (v) => (c.whole ? Math.round(c.log ? 2 ** v : v) : c.log ? 2 ** v : v);
      const input = h("input", {
        type: "range",
        min: to(c.min),
        max: to(c.max),
        step: c.log ? 1 / 48 : (c.step ?? 0.01),
        oninput: () => touch(from(+input.value)),
      });
      const shown = h("b", { "aria-hidden": "true" });
      controls.append(h("div", { class: "ddsp-slider" }, h("label", {}, h("span", {}, c.label), input), shown));
      syncs.push(() => {
        if (from(+input.value) !== read()) input.value = to(read());
        shown.textContent = c.show ? c.show(read(), state) : fixed(read(), 2);
        input.setAttribute("aria-valuetext", shown.textContent);
      });
    } else {
      const set = h("fieldset", { class: "ddsp-choice" }, h("legend", {}, c.label));
      const name = `ddsp${Math.random()}`;
      for (const [value, text] of c.options) {
        const input = h("input", { type: "radio", name, onchange: () => touch(value) });
        set.append(h("label", {}, input, h("span", {}, text)));
        syncs.push(() => {
          input.checked = state[c.key] === value;
        });
      }
      controls.append(set);
    }
  }
  for (const s of figure.sounds) {
    const b = h("button", { class: "ddsp-play", type: "button", title: "Fixed level: full scale is played at 0.3" });
    b.addEventListener("click", () => {
      if (playing === s) {
        sound.stop();
        playing = null;
        label();
      } else {
        if (playing) sound.stop();
        start(s);
      }
    });
    buttons.push([b, s]);
    bar.append(b);
  }
  for (const a of figure.actions ?? []) bar.append(h("button", { type: "button", onclick: () => a.run(api) }, a.label));
  label();

  if (figure.pointer) {
    let down = false;
    canvas.style.touchAction = "pan-y";
    canvas.style.cursor = "pointer";
    const at = (e) => {
      const r = canvas.getBoundingClientRect();
      return [e.clientX - r.left, e.clientY - r.top];
    };
    // Where a figure is dragged up and down, the page must not scroll under the finger.
    canvas.addEventListener(
      "touchstart",
      (e) => {
        if (figure.grabs?.(...at(e.touches[0]), view)) e.preventDefault();
      },
      { passive: false },
    );
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
        if (down) {
          down = false;
          figure.pointer(...at(e), "up", api);
        }
      });
  }

  el.append(h("style", {}, STYLE), root);
  const changed = () => {
    const next = model.get("state");
    if (JSON.stringify(next) === own) return;
    Object.assign(state, next);
    own = JSON.stringify(state);
    numbers = figure.compute(state);
    paint();
  };
  model.on("change:state", changed);
  numbers = figure.compute(state);
  paint();
  let seen = canvas.clientWidth;
  const size = new ResizeObserver(() => {
    if (canvas.clientWidth !== seen) {
      seen = canvas.clientWidth;
      paint();
    }
  });
  size.observe(root);
  const look = new MutationObserver(paint);
  for (const node of [document.documentElement, document.body])
    look.observe(node, {
      attributes: true,
      attributeFilter: ["data-theme", "data-mode", "theme", "data-jp-theme-light"],
    });
  scheme.addEventListener("change", paint);
  return () => {
    api.halt();
    clearTimeout(frame);
    sound.close();
    size.disconnect();
    look.disconnect();
    scheme.removeEventListener("change", paint);
    model.off?.("change:state", changed);
  };
}

// The custom element of a page without a kernel: data-state is the whole model.
function define(tag, render) {
  customElements.define(
    tag,
    class extends HTMLElement {
      connectedCallback() {
        const store = { state: JSON.parse(this.dataset.state) };
        this.model ??= {
          get: (k) => store[k],
          set: (k, v) => {
            store[k] = v;
          },
          save_changes() {},
          on() {},
          off() {},
        };
        this.cleanup?.();
        this.cleanup = render({ model: this.model, el: this });
      }
      disconnectedCallback() {
        this.cleanup?.();
        this.cleanup = null;
      }
    },
  );
}
