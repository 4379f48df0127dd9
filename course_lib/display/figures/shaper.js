// Draw the curve that a sine goes through: its harmonics, where they fold at one or two times the rate, its sound.
import { element } from "./kit/controls.js";
import { mount } from "./kit/figure.js";
import { TAU, between, clamp, decibels, fixed, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";
import { tones } from "./kit/sound.js";
import { fft } from "./kit/spectrum.js";
import { CLIP, CYCLE, FLOOR, K, N, POINTS, RATE } from "./shaper.py";

export function compute({ curve, drive, f0_hz, factor }) {
  const re = Float64Array.from({ length: CYCLE }, (_, i) =>
    between(curve, (drive * Math.sin((TAU * i) / CYCLE) + 1) / 2),
  );
  const im = new Float64Array(CYCLE);
  fft(re, im);
  const levels = range(K, (i) => {
    const level = (2 / CYCLE) * Math.hypot(re[i + 1], im[i + 1]);
    return level < 1e-9 ? 0 : level;
  });
  const phases = levels.map((v, i) => (v ? Math.atan2(im[i + 1], re[i + 1]) : 0));
  const partials = range(K, (i) => f0_hz * (i + 1));
  const rate = RATE * factor;
  const folded = partials.map((f) => Math.abs(f - rate * Math.round(f / rate)));
  const kept = folded.map((f) => (factor > 1 ? f < RATE / 2 : f <= RATE / 2));
  let all = 0;
  let aliased = 0;
  levels.forEach((v, i) => {
    if (!kept[i]) return;
    all += v * v;
    if (partials[i] >= RATE / 2) aliased += v * v;
  });
  return {
    levels,
    level_db: levels.map((v) => Math.max(FLOOR, decibels(v))),
    folded,
    kept,
    sound: range(N, (n) =>
      levels.reduce(
        (sum, v, i) => sum + (kept[i] ? v * Math.cos((TAU * ((partials[i] * n) % RATE)) / RATE + phases[i]) : 0),
        0,
      ),
    ),
    alias_db: Math.max(FLOOR, 10 * Math.log10(aliased / Math.max(all, 1e-18) + 1e-12)),
    heard: phases,
  };
}

const drawn = (f) => range(POINTS, (j) => +clamp(f((2 * j) / (POINTS - 1) - 1), -1, 1).toFixed(2));
const chebyshev = (k) => drawn((x) => Math.cos(k * Math.acos(x)));
const PRESETS = [
  ["Soft clip", [...CLIP]],
  ["Line", drawn((x) => x)],
  ["Chebyshev 2", chebyshev(2)],
  ["Chebyshev 3", chebyshev(3)],
  ["Chebyshev 5", chebyshev(5)],
  ["Fold", drawn((x) => Math.sin(8 * x))],
];
const silent = (n) => !n.levels.some((v, i) => n.kept[i] && v > 0);

export const figure = {
  controls: [
    { key: "drive", label: "Drive: how loud the sine is", step: 0.01 },
    { key: "f0_hz", label: "Pitch f₀", log: true, show: (v) => `${v} Hz` },
    { key: "point", label: "Chosen point", step: 1, show: (v) => `${v} of ${POINTS}` },
    { ...element("curve", (s) => s.point - 1), label: "Its height", step: 0.01 },
    {
      key: "factor",
      label: "The curve runs at",
      options: [
        [1, "1 × the sample rate"],
        [2, "2 ×, then a filter"],
      ],
    },
  ],
  compute,
  height: (w) => (w >= 560 ? 260 : 500),
  draw({ g, p, plot, view, width, height }, s, n) {
    const [left, right] = split(width, height, [1, 1.4]);
    const c = (view.curve = plot(left, {
      title: "Curve",
      legend: [["● drag: drawn", p.mine]],
      x: [-1.05, 1.05],
      y: [-1.1, 1.1],
      xTicks: [-1, 0, 1],
      yTicks: [-1, 0, 1],
      xLabel: "what goes in",
    }));
    const places = range(POINTS, (j) => (2 * j) / (POINTS - 1) - 1);
    for (const x of [-s.drive, s.drive]) c.mark(x, p.edge);
    c.line(places, s.curve, p.mine, 2);
    for (const [j, v] of s.curve.entries()) c.dot(places[j], v, p.mine, j === s.point - 1 ? 6 : 3);
    const b = plot(right, {
      title: "What comes out (dB)",
      legend: [
        ["harmonics", p.mine],
        ["aliases", p.goal],
      ],
      x: [0, RATE / 2],
      y: [FLOOR, 5],
      yTicks: [-80, -60, -40, -20, 0],
      xTicks: [0, 2000, 4000, 6000, 8000],
      xLabel: "frequency (Hz)",
    });
    n.level_db.forEach((v, i) => {
      if (!n.kept[i] || v <= FLOOR) return;
      g.fillStyle = s.f0_hz * (i + 1) >= RATE / 2 ? p.goal : p.mine;
      g.fillRect(b.X(n.folded[i]) - 1.5, b.Y(v), 3, b.y0 + b.h - b.Y(v));
    });
  },
  describe: (s, n) =>
    [
      `A sine of ${s.f0_hz} hertz and amplitude ${fixed(s.drive, 2)} through a curve of ${POINTS} points,`,
      `at ${s.factor === 1 ? "the sample rate" : "twice the sample rate with a filter behind it"}.`,
      silent(n)
        ? "Nothing can be heard."
        : `Its strongest harmonic is number ${n.levels.indexOf(Math.max(...n.levels)) + 1};`,
      silent(n) ? "" : `its aliases lie ${Math.round(-n.alias_db)} decibels below all.`,
      `Point ${s.point} stands at ${fixed(s.curve[s.point - 1], 2)}.`,
    ].join(" "),
  readout: (s, n) => [
    ["point", `${s.point}: ${fixed(s.curve[s.point - 1], 2)}`],
    ["strongest harmonic", silent(n) ? "none" : String(n.levels.indexOf(Math.max(...n.levels)) + 1)],
    ["aliases", n.alias_db > FLOOR ? `${fixed(n.alias_db, 1)} dB` : `below −${-FLOOR} dB`],
  ],
  sounds: [
    {
      label: "Play",
      loop: true,
      make: (s, n) =>
        tones(
          n.levels.map((v, i) => [s.f0_hz * (i + 1), n.kept[i] ? v : 0, n.heard[i] + TAU / 4]),
          RATE,
        ),
    },
  ],
  actions: PRESETS.map(([label, curve]) => ({ label, run: (api) => api.set({ curve: [...curve] }) })),
  grabs: (x, y, view) => view.curve.has(x, y),
  pointer(x, y, type, { set, view, state }) {
    const c = view.curve;
    if (type === "down") view.last = c.has(x, y) ? null : undefined;
    if (view.last === undefined || type === "up") return;
    const to = {
      at: clamp(Math.round(((c.back(x) + 1) / 2) * (POINTS - 1)), 0, POINTS - 1),
      v: clamp(c.backY(y), -1, 1),
    };
    const from = view.last ?? to;
    // A quick stroke skips points: a straight line joins them.
    const steps = Math.max(1, Math.abs(to.at - from.at));
    const curve = [...state.curve];
    for (let i = 0; i <= steps; i++)
      curve[Math.round(from.at + ((to.at - from.at) * i) / steps)] = +(from.v + ((to.v - from.v) * i) / steps).toFixed(
        2,
      );
    view.last = to;
    set({ point: to.at + 1, curve });
  },
};

export const render = (context) => mount(context, figure);
