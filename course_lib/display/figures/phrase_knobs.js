// A phrase whose notes have six knobs each. What is added up is the network's.
import {
  BANDS,
  CONTROLS,
  EVERY,
  FPS,
  FRAMES,
  HARMONICS,
  LOUDEST_DB,
  NETWORK_FPS,
  N_NOTES,
  PHRASE,
  PLAYERS,
  QUIET_DB,
  RATE,
  SETTINGS,
  SILENT_DB,
  STEP_DB,
  VIBRATO,
} from "./phrase_knobs.py";
import { bytes } from "./kit/data.js";
import { mount } from "./kit/figure.js";
import { hiss } from "./kit/hiss.js";
import { add } from "./kit/levels.js";
import { clamp, fixed, mean, noteName, range } from "./kit/numbers.js";
import { harmonics } from "./kit/tone.js";

const KNOBS = CONTROLS.length;
const ROW = HARMONICS + BANDS;
const LABELS = ["Volume", "Fluctuation", "Peak position", "Vibrato", "Brightness", "Attack noise"];

let stored = null;
function unpack() {
  if (stored) return stored;
  const levels = bytes(PHRASE.levels);
  const wave = new Int8Array(bytes(PHRASE.wave).buffer);
  const owner = range(FRAMES, (i) => Math.max(0, PHRASE.start.filter((s) => s <= i * EVERY).length - 1));
  const player = range(PLAYERS, (p) =>
    range(N_NOTES, (n) => range(KNOBS, (c) => PHRASE.expression[(p * N_NOTES + n) * KNOBS + c])),
  );
  // Of every take and frame: level of all harmonics, their shares, noise, in dB.
  const db = (take, i, k) => (levels[(take * FRAMES + i) * ROW + k] - 255) * STEP_DB;
  const apart = range(1 + (KNOBS - 1) * SETTINGS.length, (take) =>
    range(FRAMES, (i) => {
      const row = range(ROW, (k) => db(take, i, k));
      const total = 20 * Math.log10(row.slice(0, HARMONICS).reduce((sum, v) => sum + 10 ** (v / 20), 0));
      return Float64Array.from({ length: ROW + 1 }, (_, k) =>
        k === 0 ? total : k <= HARMONICS ? row[k - 1] - total : row[k - 1],
      );
    }),
  );
  stored = { owner, player, wave, db, apart, pitch: owner.map((n) => 440 * 2 ** ((PHRASE.pitch[n] - 69) / 12)) };
  return stored;
}
const knob = (s, n, c) => {
  const own = s[CONTROLS[c]][n];
  return own < 0 ? unpack().player[s.player][n][c] : own;
};
// Between which renditions a value lies: the take below it, and the share of the one above.
const place = (c, v) => {
  const at = clamp(SETTINGS.filter((x) => x < v).length - 1, 0, SETTINGS.length - 2);
  return [1 + SETTINGS.length * (c - (c > VIBRATO)) + at, (v - SETTINGS[at]) / (SETTINGS[at + 1] - SETTINGS[at])];
};
export function compute(s) {
  const o = unpack();
  const values = range(N_NOTES, (n) => range(KNOBS, (c) => knob(s, n, c)));
  // What differs from the player at rest: [sign, take, share]; a knob that was not turned adds nothing.
  const moves = values.map((row, n) =>
    row.flatMap((v, c) =>
      c === VIBRATO || v === o.player[0][n][c]
        ? []
        : [
            [1, ...place(c, v)],
            [-1, ...place(c, o.player[0][n][c])],
          ],
    ),
  );
  const f0 = o.pitch.map((f, i) => f * 2 ** (((o.wave[i] / 100) * values[o.owner[i]][VIBRATO]) / 12));
  const frames = range(FRAMES, (i) => {
    const db = Float64Array.from(o.apart[0][i]);
    for (const [sign, take, share] of moves[o.owner[i]]) {
      const low = o.apart[take][i];
      const high = o.apart[take + 1][i];
      for (let k = 0; k <= ROW; k++) db[k] += sign * (low[k] + share * (high[k] - low[k]));
    }
    const parts = Float64Array.from({ length: HARMONICS }, (_, k) =>
      (k + 1) * f0[i] < RATE / 2 ? 10 ** (db[k + 1] / 20) : 0,
    );
    const sum = parts.reduce((a, b) => a + b, 0);
    const sounding = range(HARMONICS, (k) => o.db(0, i, k)).some((v) => v > SILENT_DB);
    return {
      amplitude: sounding ? 10 ** (Math.min(db[0], LOUDEST_DB) / 20) : 0,
      shares: parts.map((v) => v / sum),
      noise: Float64Array.from({ length: BANDS }, (_, b) =>
        o.db(0, i, HARMONICS + b) > SILENT_DB ? 10 ** (Math.min(db[1 + HARMONICS + b], LOUDEST_DB) / 20) : 0,
      ),
    };
  });
  const own = range(FRAMES, (i) => i).filter((i) => o.owner[i] === s.note - 1);
  const level = frames.map((t) => 20 * Math.log10(Math.max(t.amplitude, 1e-6)));
  const heard = own.filter((i) => level[i] > QUIET_DB);
  const centroid = (t) => t.shares.reduce((a, v, k) => a + (k + 1) * v, 0);
  return {
    knobs: values.flat(),
    f0,
    level_db: level,
    noise_db: frames.map(
      (t) => 20 * Math.log10(Math.max(Math.sqrt(t.noise.reduce((a, v) => a + v * v, 0) / BANDS), 1e-7)),
    ),
    mean_db: heard.length ? mean(heard.map((i) => level[i])) : -120,
    centroid: heard.length ? mean(heard.map((i) => centroid(frames[i]))) : 0,
    cents: Math.max(...own.map((i) => Math.abs(1200 * Math.log2(f0[i] / o.pitch[i])))),
    heard: { f0, frames },
  };
}

const whole = (heard) => add(harmonics(heard), hiss(heard));
const change = (s, c, n, v) => ({ [CONTROLS[c]]: s[CONTROLS[c]].map((old, i) => (s.all || i === n ? v : old)) });
const none = () => Object.fromEntries(CONTROLS.map((name) => [name, range(N_NOTES, () => -1)]));
const PLAYER_NAMES = [
  [0, "the mean"],
  [1, "1"],
  [2, "2"],
  [3, "3"],
  [4, "4"],
];
export const figure = {
  controls: [
    ...LABELS.map((label, c) => ({
      key: `knob_${c}`,
      label,
      min: 0,
      max: 1.2,
      step: 0.02,
      get: (s) => knob(s, s.note - 1, c),
      put: (v, s) => change(s, c, s.note - 1, v),
    })),
    { key: "note", label: "Note", step: 1, show: (v) => `${v}, ${noteName(PHRASE.pitch[v - 1])}` },
    {
      key: "all",
      label: "The knobs turn",
      options: [
        [false, "this note"],
        [true, "all notes"],
      ],
    },
    { key: "player", label: "Player", options: PLAYER_NAMES, put: (player) => ({ player, ...none() }) },
  ],
  compute,
  height: (w) => (w >= 560 ? 430 : 400),
  draw({ g, p, plot, view, width }, s, n) {
    const tall = width >= 560 ? 215 : 200;
    const time = [0, FRAMES / FPS];
    const xs = range(FRAMES, (i) => i / FPS);
    const low = Math.min(...PHRASE.pitch) - 2;
    const high = Math.max(...PHRASE.pitch) + 2;
    const chosen = s.note - 1;
    const shade = (a) =>
      a.inside(() => {
        g.fillStyle = p.grid;
        g.fillRect(
          a.X(PHRASE.start[chosen] / NETWORK_FPS),
          a.y0,
          a.X(PHRASE.end[chosen] / NETWORK_FPS) - a.X(PHRASE.start[chosen] / NETWORK_FPS),
          a.h,
        );
      });
    const a = plot([0, 0, width, tall], {
      title: "Pitch, waves × 3",
      x: time,
      y: [low, high],
      yText: noteName,
      yTicks: range(Math.ceil((high - low) / 3), (i) => low + 1 + 3 * i),
    });
    shade(a);
    a.inside(() => {
      PHRASE.pitch.forEach((m, i) => {
        const x = a.X(PHRASE.start[i] / NETWORK_FPS);
        g.fillStyle = i === chosen ? p.goal : p.edge;
        g.globalAlpha = 0.45;
        g.fillRect(x, a.Y(m + 0.4), a.X(PHRASE.end[i] / NETWORK_FPS) - x - 1, a.Y(m - 0.4) - a.Y(m + 0.4));
        g.globalAlpha = 1;
      });
    });
    const o = unpack();
    const midi = n.f0.map((f, i) => {
      const m = PHRASE.pitch[o.owner[i]];
      return n.level_db[i] > QUIET_DB ? m + 3 * (69 + 12 * Math.log2(f / 440) - m) : NaN;
    });
    PHRASE.pitch.forEach((_, i) => {
      const at = range(FRAMES, (k) => k).filter((k) => o.owner[k] === i && !Number.isNaN(midi[k]));
      a.line(
        at.map((k) => xs[k]),
        at.map((k) => midi[k]),
        p.mine,
        1.8,
      );
    });
    const b = plot([0, tall, width, tall], {
      title: "Level (dB)",
      legend: [
        ["harmonics", p.mine],
        ["noise", p.goal],
      ],
      x: time,
      y: [-100, -10],
      xLabel: "time (s)",
    });
    const cut = (x) => x.map((v) => Math.max(v, -110));
    shade(b);
    b.line(xs, cut(n.noise_db), p.goal, 1.4);
    b.line(xs, cut(n.level_db), p.mine, 2);
    view.plots = [a, b];
  },
  describe: (s, n) =>
    [
      `Eight notes. Note ${s.note}, ${noteName(PHRASE.pitch[s.note - 1])}, is chosen:`,
      `${LABELS.map((label, c) => `${label.toLowerCase()} ${fixed(knob(s, s.note - 1, c), 2)}`).join(", ")}.`,
      `Its level is ${fixed(n.mean_db, 1)} decibels, its vibrato ${fixed(n.cents, 0)} cents, its centroid`,
      `harmonic ${fixed(n.centroid, 1)}.`,
    ].join(" "),
  readout: (s, n) => [
    [`note ${s.note}`, noteName(PHRASE.pitch[s.note - 1])],
    ["level", `${fixed(n.mean_db, 1)} dB`],
    ["vibrato", `± ${fixed(n.cents, 0)} cents`],
    ["centroid", `harmonic ${fixed(n.centroid, 2)}`],
    ["knobs", range(KNOBS, (c) => fixed(knob(s, s.note - 1, c), 2)).join(" ")],
  ],
  sounds: [
    { label: "Play", loop: true, phrase: true, make: (s, n) => whole(n.heard) },
    {
      label: "Play this note",
      make: (s, n) => {
        const from = Math.max(0, Math.floor(PHRASE.start[s.note - 1] / EVERY) - 1);
        const to = Math.ceil(PHRASE.end[s.note - 1] / EVERY) + 8;
        return whole({ f0: n.f0.slice(from, to), frames: n.heard.frames.slice(from, to) });
      },
    },
  ],
  actions: [
    { label: "As the player has it", run: (api) => api.set(none()) },
    { label: "Previous note", run: (api) => api.set({ note: ((api.state.note + 6) % N_NOTES) + 1 }) },
    { label: "Next note", run: (api) => api.set({ note: (api.state.note % N_NOTES) + 1 }) },
  ],
  // Above: choose a note, and pull its pitch away from the line. Below: choose one, and set its level.
  pointer(x, y, type, { set, state, view, redraw }) {
    const [a, b] = view.plots;
    const upper = type === "down" ? y < b.y0 - 20 : view.upper;
    const part = upper ? a : b;
    if (type === "up") {
      redraw();
      return;
    }
    if (type === "down") {
      view.upper = upper;
      const at = part.back(x) * NETWORK_FPS;
      const own = PHRASE.start.filter((s) => s <= at).length;
      view.held = clamp(own, 1, N_NOTES);
    }
    const n = view.held - 1;
    const patch = { note: view.held };
    if (upper)
      Object.assign(
        patch,
        change(
          state,
          VIBRATO,
          n,
          clamp(Math.round((Math.abs(part.backY(y) - PHRASE.pitch[n]) / 3) * 3.75 * 50) / 50, 0, 1.2),
        ),
      );
    else Object.assign(patch, change(state, 0, n, clamp(Math.round((part.backY(y) / 60 + 1.5) * 50) / 50, 0, 1.2)));
    set(patch);
  },
  grabs: (x, y, view) => Boolean(view.plots?.some((part) => part.has(x, y))),
};

export const render = (context) => mount(context, figure);
