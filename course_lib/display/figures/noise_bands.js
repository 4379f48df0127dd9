// Noise through a filter drawn band by band; its frames fade into each other, or are cut at their edges.
import { BANDS, FLOOR, HALF, HOP, LEVEL, N, RATE } from "./noise_bands.py";
import { element } from "./kit/controls.js";
import { mount } from "./kit/figure.js";
import { TAU, clamp, decibels, fixed, mean, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";
import { fft } from "./kit/spectrum.js";

// Numbers that look random and are the same everywhere: x → 16807 x mod 2³¹ − 1, spread evenly, RMS 1 about the mean.
function noise(n, kind) {
  let x = 12345;
  return Float64Array.from({ length: n }, () => {
    x = (16807 * x) % 2147483647;
    return Math.sqrt(12) * (x / 2147483647 - (kind === "even" ? 0.5 : 0));
  });
}
// Taps at the delays −HALF … HALF − 1: a sum of cosines, one a band, under a Hann window.
function response(levels) {
  const m = levels.map((v) => (v > FLOOR ? 10 ** (v / 20) : 0));
  return range(2 * HALF, (i) => {
    const d = i - HALF;
    const sum = m.reduce(
      (s, v, b) => s + (b && b < HALF ? 2 : 1) * v * Math.cos((Math.PI * ((b * Math.abs(d)) % (2 * HALF))) / HALF),
      0,
    );
    return (sum / (2 * HALF)) * (0.5 + 0.5 * Math.cos((Math.PI * d) / HALF));
  });
}
// Level of the noise, sample by sample: frames of a struck sound fall by 60 dB in decay_s, and are joined or held.
function fall(n, { envelope, decay_s, edges }) {
  const frame = (i) => 10 ** ((-3 * Math.min(i, RATE / HOP - 1) * HOP) / (RATE * decay_s));
  return Float64Array.from({ length: n }, (_, m) => {
    const i = Math.floor(m / HOP);
    const way = edges === "overlap" ? m / HOP - i : 0;
    return envelope === "steady" ? 1 : frame(i) + way * (frame(i + 1) - frame(i));
  });
}
// The first n samples of the second; a steady sound goes round, so that it makes a loop.
function sound(s, taps, n) {
  const x = noise(RATE, s.noise);
  const level = fall(RATE, s);
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const start = i - (i % HOP);
    for (let t = 0; t < 2 * HALF; t++) {
      let m = i - (t - HALF);
      if (s.edges === "cut" && (m < start || m >= start + HOP)) continue;
      if (s.envelope === "steady") m = (m + RATE) % RATE;
      if (m >= 0 && m < RATE) out[i] += LEVEL * x[m] * level[m] * taps[t];
    }
  }
  return out;
}

export function compute(s) {
  const taps = response(s.levels);
  const offset = s.noise === "even" ? 0 : Math.sqrt(3);
  const response_db = range(257, (k) => {
    const sum = taps.reduce((a, v, t) => a + v * Math.cos((Math.PI * ((k * Math.abs(t - HALF)) % 512)) / 256), 0);
    return Math.max(FLOOR, decibels(Math.abs(sum)));
  });
  // What is to be expected at each place of a frame: mean and power over all noises.
  const at = range(HOP, (i) =>
    taps.filter((_, t) => s.edges === "overlap" || (i - (t - HALF) >= 0 && i - (t - HALF) < HOP)),
  );
  const power = at.map(
    (part) => LEVEL ** 2 * (part.reduce((a, v) => a + v * v, 0) + (offset * part.reduce((a, v) => a + v, 0)) ** 2),
  );
  const total = power.reduce((a, b) => a + b, 0);
  const swing = range(8, (k) =>
    Math.hypot(
      ...[Math.cos, Math.sin].map((f) => power.reduce((a, v, i) => a + v * f((TAU * (((k + 1) * i) % HOP)) / HOP), 0)),
    ),
  );
  // Cutting shortens the ring of every sample by its place in the frame; their mean power spectrum is what is heard.
  const heard = new Float64Array(257);
  if (s.edges === "cut")
    for (let m = 0; m < HOP; m++) {
      const re = new Float64Array(512);
      const im = new Float64Array(512);
      taps.forEach((v, t) => {
        const i = m + t - HALF;
        if (i >= 0 && i < HOP) re[i] = v;
      });
      fft(re, im);
      heard.forEach((v, k) => {
        heard[k] = v + (re[k] ** 2 + im[k] ** 2) / HOP;
      });
    }
  return {
    taps,
    response_db,
    heard_db: s.edges === "cut" ? [...heard].map((v) => Math.max(FLOOR, decibels(Math.sqrt(v)))) : response_db,
    wave: [...sound(s, taps, N)],
    rms: power.map(Math.sqrt),
    swing: total > 0 ? (2 * Math.max(...swing)) / total : 0,
    mean: (LEVEL * offset * at.reduce((a, part) => a + part.reduce((b, v) => b + v, 0), 0)) / HOP,
  };
}

const shape = (f) => range(BANDS, (b) => Math.round(clamp(f(b / HALF), FLOOR, 0)));
const PRESETS = [
  ["Breath", shape((x) => -10 - 320 * (x - 0.28) ** 2)],
  ["Sea", shape((x) => -45 * Math.sqrt(x))],
  ["Hiss", shape((x) => -42 * (1 - x))],
  ["One band", shape((x) => (Math.round(x * HALF) === 6 ? 0 : FLOOR))],
  ["White", shape(() => -6)],
];

export const figure = {
  controls: [
    { key: "band", label: "Chosen band", step: 1, show: (v) => `${(v * RATE) / 2 / HALF} Hz` },
    {
      ...element("levels", (s) => s.band),
      whole: true,
      label: "Its level",
      step: 1,
      show: (v) => (v > FLOOR ? `${Math.round(v)} dB`.replace("-", "−") : "silent"),
    },
    { key: "decay_s", label: "If struck: gone after", log: true, show: (v) => `${fixed(v, 2)} s` },
    {
      key: "envelope",
      label: "Envelope",
      options: [
        ["steady", "steady"],
        ["struck", "struck"],
      ],
    },
    {
      key: "edges",
      label: "From frame to frame",
      options: [
        ["overlap", "overlap and add"],
        ["cut", "cut hard"],
      ],
    },
    {
      key: "noise",
      label: "Noise",
      options: [
        ["even", "mean 0"],
        ["raised", "from 0 up"],
      ],
    },
  ],
  compute,
  height: (w) => (w >= 560 ? 410 : 570),
  draw({ g, p, plot, view, width, height }, s, n) {
    const top = 210;
    const hz = (b) => (b * RATE) / 2 / HALF;
    const b = (view.bars = plot([0, 0, width, top], {
      title: "Bands (dB)",
      legend: [["draw here", p.soft], ["what is heard", p.goal], ...(s.edges === "cut" ? [["uncut", p.soft]] : [])],
      x: [-140, 8140],
      y: [FLOOR, 3],
      yTicks: [-60, -40, -20, 0],
      xLabel: "frequency (Hz)",
    }));
    const wide = Math.min(16, (b.w / BANDS) * 0.7);
    s.levels.forEach((v, i) => {
      const x = b.X(hz(i)) - wide / 2;
      g.fillStyle = i === s.band ? p.goal : p.mine;
      g.globalAlpha = 0.55;
      g.fillRect(x, b.Y(v), wide, b.y0 + b.h - b.Y(v));
      g.globalAlpha = 1;
      g.fillRect(x, b.Y(v) - 2, wide, 4);
    });
    const grid = range(257, (k) => (k * RATE) / 512);
    if (s.edges === "cut") b.line(grid, n.response_db, p.soft, 1.5, [5, 4]);
    b.line(grid, n.heard_db, p.goal, 2);
    const [left, right] = split(width, height - top, [1, 1]).map(([x, y, w, hgt]) => [x, y + top, w, hgt]);
    const time = range(N, (i) => (1000 * i) / RATE);
    const edge = (1000 * HOP) / RATE;
    const size = 1.15 * Math.max(0.02, ...n.wave.map(Math.abs));
    const a = plot(left, {
      title: "Sound",
      legend: [["four frames", p.soft]],
      x: [0, 16],
      y: [-size, size],
      xTicks: range(5, (i) => i * edge),
      xLabel: "time (ms)",
    });
    const most = 1.25 * Math.max(0.02, ...n.rms);
    const c = plot(right, {
      title: "Level to expect",
      legend: [["RMS inside frames", p.soft]],
      x: [0, 16],
      y: [0, most],
      xTicks: range(5, (i) => i * edge),
      xLabel: "time (ms)",
    });
    for (const q of [a, c]) for (let i = 1; i < 4; i++) q.mark(i * edge, p.edge);
    a.line(time, n.wave, p.mine, 1.5);
    c.line(
      time,
      time.map((_, i) => n.rms[i % HOP]),
      p.mine,
    );
  },
  describe: (s, n) =>
    [
      `Noise through a filter of ${BANDS} bands, levels in decibels`,
      `${s.levels.map((v) => Math.round(v)).join(", ")};`,
      `${s.envelope === "struck" ? `struck, gone after ${fixed(s.decay_s, 2)} seconds` : "steady"}.`,
      `Its frames ${s.edges === "cut" ? "are cut hard" : "overlap and add up"}: inside a frame the power swings`,
      `by ${fixed(100 * n.swing, 0)} percent.`,
    ].join(" "),
  readout: (s, n) => [
    [`band ${s.band}`, `${fixed(s.levels[s.band], 1)} dB`],
    ["250 frames a second, swing of the power", `${fixed(100 * n.swing, 0)} %`],
    ["RMS", fixed(Math.sqrt(mean(n.rms.map((v) => v * v))))],
    ["mean", fixed(n.mean)],
  ],
  sounds: [
    { label: "Play", loop: true, make: (s, n) => sound(s, n.taps, RATE) },
    {
      label: "Play the other way of joining",
      loop: true,
      make: (s, n) => sound({ ...s, edges: s.edges === "cut" ? "overlap" : "cut" }, n.taps, RATE),
    },
  ],
  actions: PRESETS.map(([label, levels]) => ({ label, run: (api) => api.set({ levels: [...levels] }) })),
  grabs: (x, y, view) => view.bars.has(x, y),
  // A quick stroke skips bands: those between two points of it are joined by a line.
  pointer(x, y, type, { set, view, state }) {
    const b = view.bars;
    if (type === "down") view.from = b.has(x, y) ? null : undefined;
    if (view.from === undefined || type === "up") return;
    const at = [clamp(Math.round((b.back(x) / (RATE / 2)) * HALF), 0, HALF), clamp(Math.round(b.backY(y)), FLOOR, 0)];
    const from = view.from ?? at;
    const levels = state.levels.map((v, i) => {
      if (i < Math.min(at[0], from[0]) || i > Math.max(at[0], from[0])) return v;
      return Math.round(at[0] === from[0] ? at[1] : at[1] + ((from[1] - at[1]) * (i - at[0])) / (from[0] - at[0]));
    });
    view.from = at;
    set({ band: at[0], levels });
  },
};

export const render = (context) => mount(context, figure);
