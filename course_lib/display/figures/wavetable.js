// Draw a waveform, hear it at any pitch: its harmonics, a morph to a second table, and the mask at Nyquist.
import { element } from "./kit/controls.js";
import { mount } from "./kit/figure.js";
import { TAU, clamp, fixed, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";
import { tones } from "./kit/sound.js";
import { CYCLE, K, N, POINTS, RATE, SAW, SECOND, TINY } from "./wavetable.py";

const sum = (x) => x.reduce((a, b) => a + b, 0);

// Sines and cosines of one cycle, divided by the sum of their magnitudes.
function coefficients(wave) {
  const part = (f) =>
    range(K, (i) => (2 / POINTS) * sum(wave.map((v, j) => v * f((TAU * (((i + 1) * j) % POINTS)) / POINTS))));
  const [sines, cosines] = [part(Math.sin), part(Math.cos)];
  const real = sines.map((v, i) => Math.hypot(v, cosines[i]) >= TINY);
  const [a, b] = [sines, cosines].map((x) => x.map((v, i) => (real[i] ? v : 0)));
  const total = sum(a.map((v, i) => Math.hypot(v, b[i]))) || 1;
  return [a.map((v) => v / total), b.map((v) => v / total)];
}
const series = (a, b, turns) =>
  sum(a.map((v, i) => v * Math.sin(TAU * (i + 1) * turns) + b[i] * Math.cos(TAU * (i + 1) * turns)));

export function compute({ wave, morph, f0_hz, second, mask }) {
  const [a, b] = coefficients(wave);
  const other = SECOND[second];
  const total = sum(other);
  const sines = a.map((v, i) => (1 - morph) * v + (morph * other[i]) / total);
  const cosines = b.map((v) => (1 - morph) * v);
  const partials = range(K, (i) => f0_hz * (i + 1));
  const kept = partials.map((f) => !mask || f < RATE / 2);
  const silenced = (x) => x.map((v, i) => (kept[i] ? v : 0));
  return {
    own: a.map((v, i) => Math.hypot(v, b[i])),
    sines,
    cosines,
    levels: sines.map((v, i) => Math.hypot(v, cosines[i])),
    cycle: range(CYCLE, (j) => series(sines, cosines, j / CYCLE)),
    folded: partials.map((f) => Math.abs(f - RATE * Math.round(f / RATE))),
    kept,
    above: partials.filter((f) => f >= RATE / 2).length,
    sound: range(N, (n) => series(silenced(sines), silenced(cosines), ((f0_hz * n) % RATE) / RATE)),
  };
}

const drawn = (f) => range(POINTS, (j) => +clamp(f((j + 0.5) / POINTS), -1, 1).toFixed(3));
const PRESETS = [
  ["Saw", [...SAW]],
  ["Sine", drawn((t) => Math.sin(TAU * t))],
  ["Pulse", drawn((t) => (t < 0.2 ? 1 : -0.25))],
  ["Vowel", drawn((t) => Math.exp(-4 * t) * Math.sin(TAU * 4 * t))],
];
const fold = "folded back";

export const figure = {
  controls: [
    { key: "morph", label: "Morph to the second table", step: 0.01, show: (v) => `${Math.round(100 * v)} %` },
    { key: "f0_hz", label: "Pitch f₀", log: true, show: (v) => `${v} Hz` },
    { key: "point", label: "Chosen point", step: 1, show: (v) => `${v} of ${POINTS}` },
    { ...element("wave", (s) => s.point - 1), label: "Its height", step: 0.01 },
    {
      key: "second",
      label: "Second table",
      options: [
        ["square", "square"],
        ["organ", "organ"],
        ["glass", "glass"],
      ],
    },
    {
      key: "mask",
      label: "Above Nyquist",
      options: [
        [true, "masked"],
        [false, "left to fold"],
      ],
    },
  ],
  compute,
  height: (w) => (w >= 560 ? 430 : 650),
  draw({ g, p, plot, view, width, height }, s, n) {
    const tall = width >= 560 ? 235 : 440;
    const [left, right] = split(width, tall, [1, 1]);
    const w = (view.wave = plot(left, {
      title: "One cycle",
      legend: [
        ["● drag: drawn", p.goal],
        ["heard", p.mine],
      ],
      x: [0, 1],
      y: [-1.1, 1.1],
      yTicks: [-1, 0, 1],
      xLabel: "turns of the phase",
    }));
    const places = range(POINTS, (j) => j / POINTS);
    w.line([...places, 1], [...s.wave, s.wave[0]], p.goal, 1, [3, 3]);
    const turns = range(CYCLE + 1, (j) => j / CYCLE);
    const size = Math.max(...n.cycle.map(Math.abs)) || 1;
    w.line(
      turns,
      turns.map((_, j) => n.cycle[j % CYCLE] / size),
      p.mine,
      2.5,
    );
    for (const [j, v] of s.wave.entries()) w.dot(places[j], v, p.goal, j === s.point - 1 ? 6 : 3);
    const most = Math.max(0.05, ...n.levels, ...n.own);
    const bars = plot(right, {
      title: "Harmonics",
      legend: [
        ["drawn", p.soft],
        ["of the mix", p.mine],
      ],
      x: [0.4, K + 0.6],
      y: [0, 1.1 * most],
      xTicks: range(K, (i) => i + 1),
      yTicks: [0, +most.toFixed(2)],
      xLabel: "harmonic k",
    });
    const wide = Math.min(16, (bars.w / K) * 0.55);
    const bar = (k, v, colour, by) => {
      g.fillStyle = colour;
      g.fillRect(bars.X(k) - by / 2, bars.Y(v), by, bars.y0 + bars.h - bars.Y(v));
    };
    n.own.forEach((v, i) => {
      bar(i + 1, v, p.soft, wide);
    });
    n.levels.forEach((v, i) => {
      bar(i + 1, v, p.mine, wide / 2);
    });
    const c = plot([0, tall, width, height - tall], {
      title: "Sound",
      legend: [
        ["harmonics", p.mine],
        [fold, p.goal],
      ],
      x: [0, RATE / 2],
      y: [0, 1.1 * most],
      yTicks: [0, +most.toFixed(2)],
      xLabel: "frequency (Hz)",
    });
    n.levels.forEach((v, i) => {
      const folds = s.f0_hz * (i + 1) >= RATE / 2;
      if (n.kept[i] && v > 1e-4) c.stem(n.folded[i], v, folds ? p.goal : p.mine);
    });
  },
  describe: (s, n) =>
    [
      `A wave drawn by ${POINTS} points, morphed by ${Math.round(100 * s.morph)} percent into the ${s.second},`,
      `played at ${s.f0_hz} hertz. Its strongest harmonic is number ${n.levels.indexOf(Math.max(...n.levels)) + 1}.`,
      `${n.above} of ${K} harmonics lie at or above Nyquist, and are ${s.mask ? "masked" : fold}.`,
      `Point ${s.point} stands at ${fixed(s.wave[s.point - 1], 2)}.`,
    ].join(" "),
  readout: (s, n) => [
    ["point", `${s.point}: ${fixed(s.wave[s.point - 1], 2)}`],
    ["f₀", `${s.f0_hz} Hz`],
    ["morph", `${Math.round(100 * s.morph)} %`],
    ["strongest harmonic", String(n.levels.indexOf(Math.max(...n.levels)) + 1)],
    [s.mask ? "masked" : fold, `${n.above} of ${K}`],
  ],
  sounds: [
    {
      label: "Play",
      loop: true,
      make: (s, n) =>
        tones(
          n.levels.map((v, i) => [s.f0_hz * (i + 1), n.kept[i] ? v : 0, Math.atan2(n.cosines[i], n.sines[i])]),
          RATE,
        ),
    },
  ],
  actions: PRESETS.map(([label, wave]) => ({ label, run: (api) => api.set({ wave: [...wave] }) })),
  grabs: (x, y, view) => view.wave.has(x, y),
  pointer(x, y, type, { set, view, state }) {
    const w = view.wave;
    if (type === "down") view.last = w.has(x, y) ? null : undefined;
    if (view.last === undefined || type === "up") return;
    const to = { at: clamp(Math.round(w.back(x) * POINTS), 0, POINTS - 1), v: clamp(w.backY(y), -1, 1) };
    const from = view.last ?? to;
    // A quick stroke skips points: a straight line joins them.
    const steps = Math.max(1, Math.abs(to.at - from.at));
    const wave = [...state.wave];
    for (let i = 0; i <= steps; i++) {
      wave[Math.round(from.at + ((to.at - from.at) * i) / steps)] = +(from.v + ((to.v - from.v) * i) / steps).toFixed(
        2,
      );
    }
    view.last = to;
    set({ point: to.at + 1, wave });
  },
};

export const render = (context) => mount(context, figure);
