// A recorded phrase as the inference network heard it, each kind of number with a slider.
import {
  BANDS,
  EVERY,
  FPS,
  FRAMES,
  HARMONICS,
  HEARD,
  QUIET_DB,
  RATE,
  SHOWN,
  SILENT_DB,
  STEP_DB,
} from "./taken_apart.py";
import { bytes } from "./kit/data.js";
import { mount } from "./kit/figure.js";
import { hiss } from "./kit/hiss.js";
import { add } from "./kit/levels.js";
import { clamp, fixed, hertz, noteName, range } from "./kit/numbers.js";
import { harmonics } from "./kit/tone.js";

let phrase = null;
function unpack() {
  if (phrase) return phrase;
  const levels = bytes(HEARD.levels);
  const db = (i) => (levels[i] - 255) * STEP_DB;
  phrase = {
    f0: Array.from(new Float32Array(bytes(HEARD.f0).buffer)),
    harmonics: range(FRAMES, (i) => range(HARMONICS, (k) => db(i * (HARMONICS + BANDS) + k))),
    noise: range(FRAMES, (i) => range(BANDS, (b) => db(i * (HARMONICS + BANDS) + HARMONICS + b))),
  };
  return phrase;
}
const amplitude = (db) => (db <= SILENT_DB ? 0 : 10 ** (db / 20));
const level = (a) => 20 * Math.log10(Math.max(a, 1e-6));
export function compute(s) {
  const o = unpack();
  const heardLevel = o.harmonics.map((row) => level(row.reduce((sum, v) => sum + amplitude(v), 0)));
  const loud = heardLevel.filter((v) => v > QUIET_DB);
  const centre = loud.reduce((a, v) => a + v / loud.length, 0);
  const f0 = o.f0.map((f) => f * 2 ** (s.transpose / 12));
  const frames = o.harmonics.map((row, i) => {
    // The swell stretches the level about its mean; rests stay rests.
    const gain = heardLevel[i] > QUIET_DB ? 10 ** (((s.swell - 1) * (heardLevel[i] - centre)) / 20) : 1;
    const parts = row.map((v, k) =>
      k < s.kept && (k + 1) * f0[i] < RATE / 2
        ? gain * amplitude(v) * 10 ** ((s.bright_db * Math.log2(k + 1)) / 20)
        : 0,
    );
    const total = parts.reduce((a, b) => a + b, 0);
    return {
      amplitude: total,
      shares: Float64Array.from(parts, (v) => (total ? v / total : 0)),
      noise: Float64Array.from(o.noise[i], (v) => amplitude(v) * 10 ** (s.noise_db / 20)),
    };
  });
  return {
    f0,
    level_db: frames.map((t) => level(t.amplitude)),
    noise_db: frames.map((t) => level(Math.sqrt(t.noise.reduce((a, v) => a + v * v, 0) / BANDS))),
    centroid: frames.map((t) => t.shares.reduce((a, v, k) => a + (k + 1) * v, 0)),
    picture_db: frames
      .filter((_, i) => i % EVERY === 0)
      .flatMap((t) => range(SHOWN, (k) => level(t.amplitude * t.shares[k]))),
    heard: { f0, frames },
  };
}

const NOISE_LOUDER = 26;
const midi = (f) => 69 + 12 * Math.log2(f / 440);
const frame = (s) => Math.min(FRAMES - 1, Math.round(s.at_s * FPS));
export const figure = {
  controls: [
    { key: "transpose", label: "Pitch", step: 1, show: (v) => `${fixed(v, 0)} semitones` },
    { key: "kept", label: "Harmonics kept", step: 1, show: (v) => `1 to ${v}` },
    { key: "bright_db", label: "Brighter (dB an octave)", step: 0.5, show: (v) => fixed(v, 1) },
    { key: "swell", label: "Swells", step: 0.05, show: (v) => `× ${fixed(v, 2)}` },
    { key: "noise_db", label: "Noise", step: 1, show: (v) => `${fixed(v, 0)} dB` },
    { key: "at_s", label: "Look at", step: 0.008, show: (v) => `${fixed(v, 2)} s` },
  ],
  compute,
  height: (w) => (w >= 560 ? 480 : 780),
  draw({ g, p, plot, view, width }, s, n) {
    const wide = width >= 560;
    const half = wide ? width / 2 : width;
    const time = [0, FRAMES / FPS];
    const xs = range(FRAMES, (i) => i / FPS);
    const i = frame(s);
    const box = (k) => (wide ? [(k % 2) * half, Math.floor(k / 2) * 240, half, 240] : [0, k * 195, half, 195]);
    const midis = n.f0.map(midi);
    const low = Math.floor(Math.min(...midis)) - 2;
    const high = Math.ceil(Math.max(...midis)) + 2;
    const a = (view.time = [
      plot(box(0), { title: "Pitch", x: time, y: [low, high], yText: noteName, xLabel: "time (s)" }),
    ]);
    a[0].line(xs, midis, p.mine);
    const b = plot(box(1), {
      title: "Level (dB)",
      legend: [
        ["harmonics", p.mine],
        ["noise", p.goal],
      ],
      x: time,
      y: [-120, 0],
      yTicks: [-120, -90, -60, -30, 0],
      xLabel: "time (s)",
    });
    b.line(
      xs,
      n.noise_db.map((v) => Math.max(v, -120)),
      p.goal,
      1.5,
    );
    b.line(
      xs,
      n.level_db.map((v) => Math.max(v, -120)),
      p.mine,
    );
    const c = plot(box(2), { title: "Harmonics", x: time, y: [0, SHOWN], yTicks: [1, 10, 20, 30], xLabel: "time (s)" });
    const tall = c.Y(0) - c.Y(1);
    const broad = c.X(EVERY / FPS) - c.X(0);
    c.inside(() => {
      g.fillStyle = p.mine;
      n.picture_db.forEach((v, m) => {
        const shade = clamp((v + 90) / 65, 0, 1);
        if (shade <= 0) return;
        g.globalAlpha = shade;
        g.fillRect(c.X((Math.floor(m / SHOWN) * EVERY) / FPS), c.Y((m % SHOWN) + 1), broad + 0.5, tall + 0.3);
      });
      g.globalAlpha = 1;
    });
    c.line(
      xs.filter((_, t) => n.level_db[t] > QUIET_DB),
      n.centroid.filter((_, t) => n.level_db[t] > QUIET_DB),
      p.goal,
      1.5,
      [4, 3],
    );
    const d = plot(box(3), {
      title: `At ${fixed(s.at_s, 2)} s (dB)`,
      legend: [
        ["harmonics", p.mine],
        ["noise", p.goal],
      ],
      x: [0, 8],
      y: [-120, 0],
      yTicks: [-120, -90, -60, -30, 0],
      xLabel: "frequency (kHz)",
    });
    const f = n.heard.frames[i];
    d.line(
      range(BANDS, (k) => (8 * k) / (BANDS - 1)),
      Array.from(f.noise, (v) => Math.max(-120, level(v))),
      p.goal,
      1.5,
    );
    f.shares.forEach((v, k) => {
      const db = level(f.amplitude * v);
      if (db > -119) d.stem(((k + 1) * n.f0[i]) / 1000, db, p.mine);
    });
    for (const area of [a[0], b, c]) area.mark(s.at_s, p.soft);
    view.time = [a[0], b, c];
  },
  describe: (s, n) =>
    [
      `A trumpet phrase as pitch, level, harmonics and noise. At ${fixed(s.at_s, 2)} seconds it plays`,
      `${noteName(midi(n.f0[frame(s)]))} at ${fixed(n.level_db[frame(s)], 0)} dB with a centroid at harmonic`,
      `${fixed(n.centroid[frame(s)], 1)}; ${s.kept} harmonics are kept, transposed by ${s.transpose} semitones.`,
    ].join(" "),
  readout(s, n) {
    const i = frame(s);
    return [
      ["pitch", `${noteName(midi(n.f0[i]))}, ${hertz(n.f0[i])}`],
      ["level", `${fixed(n.level_db[i], 1)} dB`],
      ["centroid", `harmonic ${fixed(n.centroid[i], 1)}`],
      ["noise", `${fixed(n.noise_db[i], 1)} dB`],
    ];
  },
  sounds: [
    { label: "Play", make: (s, n) => add(harmonics(n.heard), hiss(n.heard)) },
    { label: "Harmonics", make: (s, n) => harmonics(n.heard) },
    {
      label: `Noise, ${NOISE_LOUDER} dB louder than in the phrase`,
      louder: () => NOISE_LOUDER,
      make: (s, n) => hiss(n.heard),
    },
  ],
  actions: [
    {
      label: "As heard",
      run: (api) => api.set({ transpose: 0, kept: HARMONICS, bright_db: 0, noise_db: 0, swell: 1 }),
    },
    { label: "No swells", run: (api) => api.set({ swell: 0 }) },
    { label: "Ten harmonics", run: (api) => api.set({ kept: 10 }) },
  ],
  pointer(x, y, type, { set, view }) {
    const area = type === "up" ? null : view.time.find((t) => t.has(x, y));
    if (area) set({ at_s: area.back(x) });
  },
  grabs: (x, y, view) => Boolean(view.time?.some((t) => t.has(x, y))),
};

export const render = (context) => mount(context, figure);
