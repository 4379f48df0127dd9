// Four players of a chorale, each with a level and a place.
import {
  APART,
  BANDS,
  CENTS,
  DRAWN_EVERY,
  FRAMES,
  HARMONICS,
  HOP,
  MOST_DB,
  OFF_DB,
  PITCHES,
  RATE,
  SILENT_DB,
  SILENT_FRAMES,
  STEMS,
} from "./mixer.py";
import { element } from "./kit/controls.js";
import { bytes } from "./kit/data.js";
import { mount } from "./kit/figure.js";
import { hiss } from "./kit/hiss.js";
import { add } from "./kit/levels.js";
import { clamp, fixed, range, replaced } from "./kit/numbers.js";
import { split, tickText } from "./kit/plot.js";
import { harmonics } from "./kit/tone.js";
import { workshop } from "./kit/work.js";

const VOICES = ["Violin", "Clarinet", "Saxophone", "Cello"];

let stored = null;
function unpack() {
  if (stored) return stored;
  const levels = bytes(STEMS.levels);
  const low = bytes(STEMS.pitches);
  const amplitude = (i) => {
    const db = (levels[i] - 255) / 2;
    return db <= SILENT_DB ? 0 : 10 ** (db / 20);
  };
  stored = VOICES.map((_, v) => {
    const row = (i) => (v * FRAMES + i) * (HARMONICS + BANDS);
    const pitch = (j, i) => {
      const at = 2 * ((v * 3 + j) * FRAMES + i);
      return (low[at] + 256 * low[at + 1]) / CENTS;
    };
    const parts = range(FRAMES, (i) => range(HARMONICS, (k) => amplitude(row(i) + k)));
    return {
      f0: PITCHES.map((_, j) => range(FRAMES, (i) => 440 * 2 ** ((pitch(j, i) - 69) / 12))),
      parts,
      noise: range(FRAMES, (i) => Float64Array.from({ length: BANDS }, (_, b) => amplitude(row(i) + HARMONICS + b))),
      power: parts.map((p) => p.reduce((sum, a) => sum + (a * a) / 2, 0)),
    };
  });
  return stored;
}
const level10 = (power) => 10 * Math.log10(Math.max(power, 1e-12));
const gain = (db) => (db <= OFF_DB ? 0 : 10 ** (db / 20));
const quarter = Math.PI / 4;
export function compute(s) {
  const o = unpack();
  const times = range(FRAMES / DRAWN_EVERY, (i) => i * DRAWN_EVERY);
  const left = s.gains_db.map((db, v) => gain(db) * Math.sin(quarter * (1 - s.pans[v])));
  const right = s.gains_db.map((db, v) => gain(db) * Math.sin(quarter * (1 + s.pans[v])));
  const ear = (g) => times.map((i) => o.reduce((sum, voice, v) => sum + g[v] ** 2 * voice.power[i], 0));
  const ears = [ear(left), ear(right)];
  const total = ears.map((x) => x.reduce((a, b) => a + b, 0));
  return {
    left,
    right,
    late: APART.map((a) => Math.floor(a * s.apart_ms * (RATE / 1000) + 0.5)),
    voices_db: o.flatMap((voice, v) => times.map((i) => level10(gain(s.gains_db[v]) ** 2 * voice.power[i]))),
    left_db: ears[0].map(level10),
    right_db: ears[1].map(level10),
    balance_db: level10(total[1] + 1e-9) - level10(total[0] + 1e-9),
  };
}

// What a voice sounds like does not depend on the mixer: made once for each kind of pitch, when it is first wanted.
const made = Object.fromEntries(PITCHES.map((pitch) => [pitch, []]));
function* players(pitch) {
  const done = made[pitch];
  const stems = unpack();
  while (done.length < stems.length) {
    yield done.length / stems.length;
    const v = done.length;
    const f0 = stems[v].f0[PITCHES.indexOf(pitch)];
    const frames = stems[v].parts.map((row, i) => {
      const kept = row.map((a, k) => ((k + 1) * f0[i] < RATE / 2 ? a : 0));
      const amplitude = kept.reduce((a, b) => a + b, 0);
      return {
        amplitude,
        shares: Float64Array.from(kept, (a) => (amplitude ? a / amplitude : 0)),
        noise: stems[v].noise[i],
      };
    });
    // Silent frames in front: each voice has another stretch of the one noise that there is.
    const silence = range(SILENT_FRAMES * v, () => ({ noise: new Float64Array(BANDS) }));
    const breath = hiss({ frames: [...silence, ...frames] }).subarray(SILENT_FRAMES * v * HOP);
    yield (v + 0.5) / stems.length;
    done.push(add(harmonics({ f0, frames }), breath));
  }
}
function mixed(s, n) {
  for (const _ of players(s.pitch));
  const voices = made[s.pitch];
  const N = FRAMES * HOP;
  const [left, right] = [n.left, n.right].map((g) => {
    const ear = new Float32Array(N);
    voices.forEach((x, v) => {
      const a = g[v];
      const late = n.late[v];
      if (a) for (let i = late; i < N; i++) ear[i] += a * x[i - late];
    });
    return ear;
  });
  left.right = right;
  return left;
}

const side = (pan) => (Math.abs(pan) < 0.005 ? "middle" : `${fixed(Math.abs(pan), 2)} ${pan < 0 ? "left" : "right"}`);
const loud = (db) => (db <= OFF_DB ? "silent" : `${fixed(db, 1)} dB`);
const everywhere = (x) => [x, x, x, x];
export const figure = {
  controls: [
    ...VOICES.flatMap((name, v) => [
      { ...element("gains_db", () => v), label: `${name}, level`, step: 0.5, show: loud },
      { ...element("pans", () => v), label: `${name}, place`, step: 0.05, show: side },
    ]),
    { key: "apart_ms", label: "Onsets apart", step: 1, show: (v) => `${v} ms` },
    {
      key: "pitch",
      label: "Pitch",
      options: [
        ["played", "as played"],
        ["straight", "straight, tempered"],
        ["just", "straight, pure"],
      ],
    },
  ],
  compute,
  height: (w) => (w >= 560 ? 280 : 500),
  draw({ g, p, plot, view, width }, s, n) {
    const [stage, levels] = split(width, width >= 560 ? 280 : 500, [2, 3]);
    const xs = range(FRAMES / DRAWN_EVERY, (i) => (i * DRAWN_EVERY * HOP) / RATE);
    const a = (view.stage = plot(stage, {
      title: "Stage",
      x: [-1.1, 1.1],
      y: [OFF_DB - 2, MOST_DB + 2],
      xTicks: [-1, 0, 1],
      yTicks: [OFF_DB, -20, -10, 0],
      xLabel: "left … right",
      yText: (t) => (t === OFF_DB ? "off" : tickText(t)),
    }));
    VOICES.forEach((name, v) => {
      const x = s.pans[v];
      const y = s.gains_db[v];
      a.dot(x, y, v === view.held ? p.goal : p.mine, 11);
      g.fillStyle = p.bg;
      g.font = "600 12px system-ui, sans-serif";
      g.textAlign = "center";
      g.textBaseline = "middle";
      g.fillText(name.slice(0, 2), a.X(x), a.Y(y) + 0.5);
    });
    const b = plot(levels, {
      title: "Level (dB)",
      legend: [
        ["left", p.mine],
        ["right", p.goal],
        ["voices", p.soft],
      ],
      x: [0, (FRAMES * HOP) / RATE],
      y: [-80, -10],
      yTicks: [-80, -60, -40, -20],
      xLabel: "time (s)",
    });
    const cut = (x) => x.map((v) => Math.max(v, -80));
    VOICES.forEach((_, v) => {
      b.line(xs, cut(n.voices_db.slice(v * xs.length, (v + 1) * xs.length)), p.soft, 0.8);
    });
    b.line(xs, cut(n.right_db), p.goal, 1.8);
    b.line(xs, cut(n.left_db), p.mine, 1.8);
  },
  describe: (s, n) =>
    [
      "A stage with four players.",
      `${VOICES.map((name, v) => `${name}: ${loud(s.gains_db[v])}, ${side(s.pans[v])}`).join("; ")}.`,
      `The right ear hears ${fixed(n.balance_db, 1)} decibels more than the left;`,
      `onsets are up to ${s.apart_ms} milliseconds apart.`,
    ].join(" "),
  readout: (s, n) => [
    ["right − left", `${fixed(n.balance_db, 1)} dB`],
    ...(s.apart_ms
      ? [["latest", `${VOICES[1]}, ${fixed((1000 * n.late[1]) / RATE, 0)} ms`]]
      : [["onsets", "together"]]),
  ],
  sounds: [{ label: "Play", loop: true, phrase: true, prepare: (s) => players(s.pitch), make: mixed }],
  workshop,
  actions: [
    { label: "All in one place", run: (api) => api.set({ pans: everywhere(0) }) },
    { label: "Spread", run: (api) => api.set({ pans: [-0.8, -0.25, 0.3, 0.75] }) },
    { label: "All even", run: (api) => api.set({ gains_db: everywhere(0) }) },
    ...VOICES.map((name, v) => ({
      label: `${name} alone`,
      run: (api) => api.set({ gains_db: range(4, (i) => (i === v ? 0 : OFF_DB)) }),
    })),
  ],
  pointer(x, y, type, { set, state, view, redraw }) {
    const a = view.stage;
    if (type === "down") {
      const away = VOICES.map((_, v) => Math.hypot(x - a.X(state.pans[v]), y - a.Y(state.gains_db[v])));
      const near = Math.min(...away);
      view.held = near < 30 ? away.indexOf(near) : null;
    }
    if (type === "up") {
      view.held = null;
      redraw();
    } else if (view.held != null)
      set({
        pans: replaced(state.pans, view.held, clamp(Math.round(a.back(x) * 20) / 20, -1, 1)),
        gains_db: replaced(state.gains_db, view.held, clamp(Math.round(a.backY(y) * 2) / 2, OFF_DB, MOST_DB)),
      });
  },
  grabs: (x, y, view) => Boolean(view.stage?.has(x, y)),
};

export const render = (context) => mount(context, figure);
