// The trained violin in the page: its decoder, its synthesizer, its room. MODEL holds the weights.
import {
  EVERY,
  FPS,
  FRAMES,
  HIGHEST,
  KNOTS,
  LEAST_DB,
  LOWEST,
  MODEL,
  RATE,
  SHOWN,
  VIBRATO_HZ,
  VIBRATO_IN,
} from "./player.py";
import { element } from "./kit/controls.js";
import { convolve } from "./kit/convolve.js";
import { bytes } from "./kit/data.js";
import { mount } from "./kit/figure.js";
import { hiss } from "./kit/hiss.js";
import { add } from "./kit/levels.js";
import { TAU, between, clamp, decibels, fixed, noteName, range, replaced } from "./kit/numbers.js";
import { harmonics } from "./kit/tone.js";
import { workshop } from "./kit/work.js";

// ---- the decoder ----
// A matrix is kept as whole numbers from −127 to 127 and one scale a row.
let weights = null;
function unpack() {
  if (weights) return weights;
  const grid = new Int8Array(bytes(MODEL.grid).buffer);
  const plain = new Float32Array(bytes(MODEL.plain).buffer);
  let a = 0;
  let b = 0;
  weights = {};
  for (const [name, rows, columns] of MODEL.tensors) {
    if (columns) {
      const scale = plain.subarray(b, (b += rows));
      const m = new Float64Array(rows * columns);
      for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) m[r * columns + c] = grid[a++] * scale[r];
      weights[name] = m;
    } else weights[name] = Float64Array.from(plain.subarray(b, (b += rows)));
  }
  return weights;
}
function linear(m, bias, x) {
  const rows = bias.length;
  const n = x.length;
  const out = new Float64Array(rows);
  for (let r = 0, k = 0; r < rows; r++) {
    let sum = bias[r];
    for (let c = 0; c < n; c++) sum += m[k++] * x[c];
    out[r] = sum;
  }
  return out;
}
// linear, layer norm, leaky ReLU, twice
function stack(w, name, x) {
  for (const i of [0, 3]) {
    x = linear(w[`${name}.${i}.weight`], w[`${name}.${i}.bias`], x);
    const scale = w[`${name}.${i + 1}.weight`];
    const shift = w[`${name}.${i + 1}.bias`];
    const n = x.length;
    let m = 0;
    let v = 0;
    for (const t of x) m += t / n;
    for (const t of x) v += (t - m) ** 2 / n;
    const d = 1 / Math.sqrt(v + 1e-5);
    for (let j = 0; j < n; j++) {
      const y = (x[j] - m) * d * scale[j] + shift[j];
      x[j] = y < 0 ? 0.01 * y : y;
    }
  }
  return x;
}
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const positive = (x) => 2 * sigmoid(x) ** Math.LN10 + 1e-7;
function decode(f0, loudness) {
  const w = unpack();
  const n = w["gru.bias_hh_l0"].length / 3;
  const frames = [];
  let h = new Float64Array(n);
  f0.forEach((hz, i) => {
    const p = stack(w, "pitch", [clamp(69 + 12 * Math.log2(Math.max(hz, 8.1757989) / 440), 0, 127) / 127]);
    const l = stack(w, "loudness", [Math.max(loudness[i], -80) / 80 + 1]);
    const x = Float64Array.of(...p, ...l);
    const a = linear(w["gru.weight_ih_l0"], w["gru.bias_ih_l0"], x);
    const b = linear(w["gru.weight_hh_l0"], w["gru.bias_hh_l0"], h);
    const next = new Float64Array(n);
    for (let j = 0; j < n; j++) {
      const r = sigmoid(a[j] + b[j]);
      const z = sigmoid(a[n + j] + b[n + j]);
      const c = Math.tanh(a[2 * n + j] + r * b[2 * n + j]);
      next[j] = (1 - z) * c + z * h[j];
    }
    h = next;
    const raw = linear(w["raw.weight"], w["raw.bias"], stack(w, "output", Float64Array.of(...h, ...x)));
    const K = MODEL.n_harmonics;
    const shares = Float64Array.from({ length: K }, (_, k) => ((k + 1) * hz < RATE / 2 ? positive(raw[1 + k]) : 0));
    const total = shares.reduce((s, v) => s + v, 0) || 1;
    frames.push({
      amplitude: positive(raw[0]),
      shares: shares.map((v) => v / total),
      noise: Float64Array.from(raw.subarray(1 + K), (v) => positive(v - 5)),
    });
  });
  return frames;
}

// ---- the curves ----
export function compute(s) {
  const midi = range(
    FRAMES,
    (i) =>
      between(s.pitch, i / (FRAMES - 1)) +
      s.transpose +
      (s.vibrato_cents / 100) * Math.min(1, i / VIBRATO_IN) * Math.sin((TAU * VIBRATO_HZ * i) / FPS),
  );
  const f0 = midi.map((m) => 440 * 2 ** ((m - 69) / 12));
  const loudness = range(FRAMES, (i) => clamp(between(s.loudness, i / (FRAMES - 1)) + s.louder_db, LEAST_DB, 0));
  const frames = decode(f0, loudness);
  const rows = frames.filter((_, i) => i % EVERY === 0);
  return {
    f0,
    loudness,
    amplitude_db: frames.map((t) => decibels(t.amplitude)),
    noise_db: frames.map((t) => 10 * Math.log10(t.noise.reduce((a, v) => a + v * v, 0) / t.noise.length)),
    harmonics_db: rows.flatMap((t) => range(SHOWN, (k) => Math.max(-100, decibels(t.amplitude * t.shares[k])))),
    heard: { f0, frames },
  };
}

// ---- the room ----
function room() {
  const taps = new Int8Array(bytes(MODEL.room).buffer);
  const scales = new Float32Array(bytes(MODEL.room_scales).buffer);
  return Float64Array.from(taps, (v, i) => v * scales[Math.floor(i / MODEL.room_block)]);
}
// The player's sound and the room's answer to it: the last one is kept.
let played = {};
function* inRoomByParts(n) {
  if (played.heard === n.heard) return;
  yield 0;
  const tone = harmonics(n.heard);
  yield 0.2;
  const dry = add(tone, hiss(n.heard));
  yield 0.5;
  played = { heard: n.heard, dry, wet: Float32Array.from(convolve(dry, room())) };
}
function inRoom(n) {
  for (const _ of inRoomByParts(n));
  return played;
}
const prepare = (s, n) => inRoomByParts(n);
// ---- the picture ----
const seconds = (k) => (k / (KNOTS - 1)) * (FRAMES / FPS);
const chosen = (s) => s.point - 1;
const NOISE_LOUDER = 28;
export const figure = {
  controls: [
    { key: "transpose", label: "Transpose", step: 1, show: (v) => `${fixed(v, 0)} semitones` },
    { key: "louder_db", label: "Louder", step: 1, show: (v) => `${fixed(v, 0)} dB` },
    { key: "vibrato_cents", label: "Vibrato", step: 1, show: (v) => `${fixed(v, 0)} cents` },
    { key: "room", label: "Room", step: 0.1, show: (v) => `× ${fixed(v, 1)}` },
    { key: "point", label: "Point", step: 1, show: (v) => `${v} of ${KNOTS}` },
    { ...element("pitch", chosen), label: "Pitch at the point", step: 0.5, show: noteName },
    { ...element("loudness", chosen), label: "Loudness at the point", step: 1, show: (v) => `${fixed(v, 0)} dB` },
  ],
  compute,
  height: () => 520,
  draw({ g, p, plot, view, width }, s, n) {
    const time = [0, FRAMES / FPS];
    const xs = range(FRAMES, (i) => i / FPS);
    const knots = (area, values) =>
      values.forEach((v, k) => {
        area.dot(seconds(k), v, k === chosen(s) ? p.goal : p.mine, k === chosen(s) ? 6 : 4);
      });
    const a = (view.pitch = plot([0, 0, width, 165], {
      title: "Pitch (drag)",
      x: time,
      y: [LOWEST - 1, HIGHEST + 1],
      yTicks: [55, 62, 69, 76, 83, 88],
      yText: noteName,
    }));
    a.line(
      xs,
      n.f0.map((f) => 69 + 12 * Math.log2(f / 440) - s.transpose),
      p.mine,
      2,
    );
    knots(a, s.pitch);
    const b = (view.loudness = plot([0, 165, width, 165], { title: "Loudness (drag)", x: time, y: [LEAST_DB, 0] }));
    b.line(xs, n.loudness, p.mine, 2);
    knots(b, s.loudness);
    const c = plot([0, 330, width, 190], {
      title: "What it plays",
      legend: [
        ["harmonics", p.mine],
        ["noise level", p.goal],
      ],
      x: time,
      y: [0, SHOWN],
      yTicks: [1, 5, 10, 15, 20],
      xLabel: "time (s)",
    });
    const columns = FRAMES / EVERY;
    const wide = c.X(EVERY / FPS) - c.X(0);
    c.inside(() => {
      for (let i = 0; i < columns; i++)
        for (let k = 0; k < SHOWN; k++) {
          const shade = clamp((n.harmonics_db[i * SHOWN + k] + 80) / 70, 0, 1);
          if (shade <= 0) continue;
          g.globalAlpha = shade;
          g.fillStyle = p.mine;
          g.fillRect(c.X((i * EVERY) / FPS), c.Y(k + 1), wide + 0.5, c.Y(k) - c.Y(k + 1) + 0.5);
        }
      g.globalAlpha = 1;
    });
    c.line(
      xs,
      n.noise_db.map((v) => clamp(((v + 90) / 70) * SHOWN, 0, SHOWN)),
      p.goal,
      2,
    );
  },
  describe: (s, n) =>
    [
      `Pitch from ${noteName(Math.min(...s.pitch) + s.transpose)} to`,
      `${noteName(Math.max(...s.pitch) + s.transpose)} and loudness from ${fixed(Math.min(...n.loudness), 0)}`,
      `to ${fixed(Math.max(...n.loudness), 0)} decibels over ${fixed(FRAMES / FPS, 1)} seconds;`,
      "below, the harmonics and the noise that the network gives for them, frame by frame.",
    ].join(" "),
  readout(s, n) {
    const i = Math.round(((s.point - 1) / (KNOTS - 1)) * (FRAMES - 1));
    return [
      ["at the point", noteName(s.pitch[s.point - 1] + s.transpose)],
      ["asked", `${fixed(n.loudness[i], 0)} dB`],
      ["harmonics", `${fixed(n.amplitude_db[i], 1)} dB`],
      ["noise", `${fixed(n.noise_db[i], 1)} dB`],
    ];
  },
  sounds: [
    { label: "Play", prepare, make: (s, n) => inRoom(n).dry.map((v, i) => v + s.room * played.wet[i]) },
    { label: "Harmonics", make: (s, n) => harmonics(n.heard) },
    {
      label: `Noise, ${NOISE_LOUDER} dB louder than in the whole`,
      louder: () => NOISE_LOUDER,
      make: (s, n) => hiss(n.heard),
    },
    { label: "Room", prepare, make: (s, n) => inRoom(n).wet.map((v) => s.room * v) },
  ],
  workshop,
  actions: [
    {
      label: "One long note",
      run: (api) => {
        api.halt();
        api.set({
          pitch: range(KNOTS, () => 69),
          loudness: range(KNOTS, (k) => -55 + 40 * Math.sin((Math.PI * (k + 1)) / (KNOTS + 1))),
          vibrato_cents: 30,
        });
      },
    },
    {
      label: "Sharp notes",
      run: (api) => {
        api.halt();
        api.set({
          pitch: range(KNOTS, (k) => [67, 67, 71, 71, 74, 74, 79, 79, 79][Math.floor(k / 2)]),
          loudness: range(KNOTS, (k) => (k % 2 ? -60 : -14)),
          vibrato_cents: 0,
        });
      },
    },
  ],
  pointer(x, y, type, { set, view, state }) {
    if (type === "down") view.held = view.pitch.has(x, y) ? "pitch" : view.loudness.has(x, y) ? "loudness" : null;
    if (type === "up" || !view.held) {
      view.held = type === "up" ? null : view.held;
      return;
    }
    const area = view[view.held];
    const k = clamp(Math.round((area.back(x) * FPS * (KNOTS - 1)) / FRAMES), 0, KNOTS - 1);
    const v = area.backY(y);
    const value =
      view.held === "pitch" ? clamp(Math.round(v * 2) / 2, LOWEST, HIGHEST) : clamp(Math.round(v), LEAST_DB, 0);
    set({ point: k + 1, [view.held]: replaced(state[view.held], k, value) });
  },
  grabs: (x, y, view) => Boolean(view.pitch?.has(x, y) || view.loudness?.has(x, y)),
};

export const render = (context) => mount(context, figure);
