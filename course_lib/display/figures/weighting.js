// Three partials over a noise floor: their level as the ear weighs it, and what averaged decibels make of them.
import { BINS, EMPTY, HIGH, LEAST, LOW, MOST, RATE } from "./weighting.py";
import { element } from "./kit/controls.js";
import { mount } from "./kit/figure.js";
import { uniformNoise } from "./kit/noise.js";
import { clamp, decibels, fixed, hertz, mean, range, replaced } from "./kit/numbers.js";
import { tones } from "./kit/sound.js";

const POLES = [20.598997, 107.65265, 737.86223, 12194.217].map((v) => v * v);
const response = (s) =>
  (POLES[3] * s * s) / ((s + POLES[0]) * Math.sqrt((s + POLES[1]) * (s + POLES[2])) * (s + POLES[3]));
const weight = (f) => decibels(response(f * f) / response(1e6));
const CENTRES = range(BINS, (b) => ((b + 1) * RATE) / 2 / BINS);
const A = CENTRES.map(weight); // bin 0 is left out: the ear takes nothing of it
const level = (p) => 10 * Math.log10(Math.max(p, 1e-12));

export function compute({ hz, db, floor_db }) {
  const power = CENTRES.map(() => 10 ** (floor_db / 10));
  // A partial's power goes to the two bins beside it.
  hz.forEach((f, i) => {
    const at = f / (RATE / 2 / BINS) - 1;
    const low = Math.floor(at);
    const part = at - low;
    const p = 10 ** (db[i] / 10);
    power[low] += (1 - part) * p;
    if (part) power[low + 1] += part * p;
  });
  const spectrum_db = power.map(level);
  const sum = (f) => power.reduce((all, p, b) => all + f(p, b), 0);
  return {
    spectrum_db,
    curve_db: A,
    weighted_db: spectrum_db.map((v, b) => v + A[b]),
    plain: level(sum((p) => p)),
    loudness: level(sum((p, b) => p * 10 ** (A[b] / 10))),
    averaged: mean(spectrum_db.map((v, b) => Math.max(EMPTY, v + A[b]))),
  };
}

let hiss;
function sound({ hz, db, floor_db }) {
  // Full scale is a sine of power ½; the floor is as much power in each of the bins.
  const out = tones(
    hz.map((f, i) => [Math.round(f), 10 ** (db[i] / 20)]),
    RATE,
  );
  const gain = Math.sqrt(3 * 0.5 * BINS * 10 ** (floor_db / 10));
  hiss ??= uniformNoise(RATE);
  return out.map((v, i) => v + gain * hiss[i]);
}
const TICKS = [50, 100, 200, 500, 1000, 2000, 5000];
const chosen = (s) => s.partial - 1;

export const figure = {
  controls: [
    { key: "partial", label: "Chosen partial", step: 1, show: (v) => `no. ${v}` },
    { ...element("hz", chosen), label: "Its frequency", log: true, show: hertz },
    { ...element("db", chosen), label: "Its level", step: 0.5, show: (v) => `${fixed(v, 1)} dB` },
    { key: "floor_db", label: "Noise floor, each bin", step: 0.5, show: (v) => `${fixed(v, 1)} dB` },
  ],
  compute,
  height: (w) => (w >= 560 ? 350 : 390),
  draw({ g, p, plot, view, width, height }, s, n) {
    const bars = 84;
    const a = (view.plot = plot([0, 0, width, height - bars], {
      title: "Spectrum",
      legend: [
        ["A-weighted", p.goal],
        ["··· A", p.soft],
        ["● drag", p.mine],
      ],
      x: [40, 8000],
      y: [-110, 5],
      log: true,
      xTicks: TICKS,
      xLabel: "frequency (Hz)",
    }));
    a.line(CENTRES, n.curve_db, p.soft, 1.5, [2, 4]);
    a.line(CENTRES, n.spectrum_db, p.mine, 1.5);
    a.line(CENTRES, n.weighted_db, p.goal, 1.5);
    s.hz.forEach((f, i) => {
      a.dot(f, s.db[i], i === chosen(s) ? p.ink : p.mine, i === chosen(s) ? 8 : 6);
    });
    // Two levels as bars from −110 to 0 dB.
    const left = 118;
    const room = width - left - 66;
    [
      ["A-weighted level", n.loudness, p.goal],
      ["averaged dB", n.averaged, p.soft],
    ].forEach(([text, v, colour], i) => {
      const y = height - bars + 12 + 34 * i;
      const end = left + clamp((v + 110) / 110, 0, 1) * room;
      g.font = "13px system-ui, sans-serif";
      g.textBaseline = "middle";
      g.textAlign = "right";
      g.fillStyle = p.ink;
      g.fillText(text, left - 8, y + 11);
      g.fillStyle = p.grid;
      g.fillRect(left, y, room, 22);
      g.fillStyle = colour;
      g.fillRect(left, y, end - left, 22);
      g.textAlign = "left";
      g.fillStyle = p.ink;
      g.fillText(`${fixed(v, 1)} dB`, left + room + 6, y + 11);
    });
  },
  describe: (s, n) =>
    [
      "A spectrum of three partials,",
      `${s.hz.map((f, i) => `${hertz(f)} at ${fixed(s.db[i], 1)} decibels`).join(", ")}, over a noise floor of`,
      `${fixed(s.floor_db, 1)} decibels in each bin, and the same after A-weighting.`,
      `Its A-weighted level is ${fixed(n.loudness, 1)} decibels; averaging the bins’ decibels gives`,
      `${fixed(n.averaged, 1)}.`,
    ].join(" "),
  readout: (s, n) => [
    ["A-weighted level", `${fixed(n.loudness, 1)} dB`],
    ["averaged dB", `${fixed(n.averaged, 1)} dB`],
    ["unweighted level", `${fixed(n.plain, 1)} dB`],
    ["A at the chosen partial", `${fixed(weight(s.hz[s.partial - 1]), 1)} dB`],
  ],
  sounds: [
    { label: "Play", loop: true, make: sound },
    {
      label: "Play a 1 kHz tone of that A-weighted level",
      loop: true,
      make: (s, n) => tones([[1000, 10 ** (n.loudness / 20)]], RATE),
    },
  ],
  // All three of one A-weighted level, −20 dB.
  actions: [
    ["Pure tone", [250, 1000, 4000], [-60, -20, -60], -100],
    ["Same loudness, low", [250, 1000, 4000], [-11.3, -60, -60], -100],
    ["Same loudness, in hiss", [250, 1000, 4000], [-60, -23, -60], -47.3],
  ].map(([label, hz, db, floor_db]) => ({ label, run: (api) => api.set({ hz: [...hz], db: [...db], floor_db }) })),
  grabs: (x, y, view) => view.plot.has(x, y),
  pointer(x, y, type, { set, view, state }) {
    const b = view.plot;
    if (type === "down") {
      view.held =
        b.has(x, y) &&
        state.hz
          .map((f, i) => [Math.hypot(b.X(f) - x, 0.5 * (b.Y(state.db[i]) - y)), i])
          .sort((u, v) => u[0] - v[0])[0][1];
    }
    if (type === "up" || view.held === false) return;
    set({
      partial: view.held + 1,
      hz: replaced(state.hz, view.held, +clamp(b.back(x), LOW, HIGH).toFixed(2)),
      db: replaced(state.db, view.held, +clamp(b.backY(y), LEAST, MOST).toFixed(1)),
    });
  },
};

export const render = (context) => mount(context, figure);
