// Sixteen harmonics as drawbars: the shares sum to one, one amplitude scales the whole sound.
import { FLOOR, K, N, RATE } from "./drawbars.py";
import { element } from "./kit/controls.js";
import { mount } from "./kit/figure.js";
import { TAU, clamp, decibels, fixed, range, replaced } from "./kit/numbers.js";
import { split } from "./kit/plot.js";
import { tones } from "./kit/sound.js";

export function compute({ levels, f0_hz, amplitude }) {
  const total = levels.reduce((a, b) => a + b, 0);
  const shares = levels.map((v) => (total > 0 ? v / total : 0));
  const wave = range(N, (i) => {
    const phase = TAU * (((f0_hz * i) % RATE) / RATE);
    return amplitude * shares.reduce((sum, a, k) => sum + a * Math.sin((k + 1) * phase), 0);
  });
  return {
    shares,
    wave,
    level_db: shares.map((a) => Math.max(FLOOR, decibels(amplitude * a))),
    peak: Math.max(...wave.map(Math.abs)),
    total,
  };
}

const bars = (f) => range(K, (i) => +f(i + 1).toFixed(6));
const PRESETS = [
  ["Saw", bars((k) => 1 / k)],
  ["Square", bars((k) => (k % 2) / k)],
  ["Organ", bars((k) => ({ 1: 1, 2: 0.9, 3: 0.6, 4: 0.7, 6: 0.4, 8: 0.5 })[k] ?? 0)],
  ["Flute", bars((k) => ({ 1: 1, 2: 0.2, 3: 0.12, 4: 0.03 })[k] ?? 0)],
];

export const figure = {
  controls: [
    { key: "f0_hz", label: "Fundamental f₀", log: true, show: (v) => `${v} Hz` },
    { key: "amplitude", label: "Amplitude A", step: 0.01 },
    { key: "harmonic", label: "Chosen drawbar", step: 1, show: (v) => `harmonic ${v}` },
    { ...element("levels", (s) => s.harmonic - 1), label: "Its level", step: 0.01 },
  ],
  compute,
  height: (w) => (w >= 560 ? 400 : 560),
  draw({ g, p, plot, view, width, height }, s, n) {
    const top = 190;
    const b = (view.bars = plot([0, 0, width, top], {
      title: "Drawbars",
      legend: [["drag me", p.soft]],
      x: [0.4, K + 0.6],
      y: [0, 1],
      xTicks: range(K, (i) => i + 1),
      yTicks: [0, 0.5, 1],
      xLabel: "harmonic k",
    }));
    const wide = Math.min(26, (b.w / K) * 0.62);
    s.levels.forEach((v, i) => {
      const x = b.X(i + 1) - wide / 2;
      const chosen = i + 1 === s.harmonic;
      g.fillStyle = p.grid;
      g.fillRect(x, b.y0, wide, b.h);
      g.fillStyle = chosen ? p.goal : p.mine;
      g.fillRect(x, b.Y(v), wide, b.y0 + b.h - b.Y(v));
      g.fillRect(x - 2, b.Y(v) - 3, wide + 4, 6);
    });
    const [left, right] = split(width, height - top, [1, 1]).map(([x, y, w, hgt]) => [x, y + top, w, hgt]);
    const size = Math.max(0.1, n.peak) * 1.1;
    plot(left, { title: "Sound", legend: [["20 ms", p.soft]], x: [0, 20], y: [-size, size], xLabel: "time (ms)" }).line(
      range(N, (i) => (1000 * i) / RATE),
      n.wave,
      p.mine,
    );
    const c = plot(right, {
      title: "Spectrum",
      legend: [["20 log A α̂", p.soft]],
      x: [0, 16.5 * s.f0_hz],
      y: [FLOOR, 0],
      xLabel: "frequency (Hz)",
    });
    n.level_db.forEach((v, i) => {
      if (v > FLOOR) c.stem((i + 1) * s.f0_hz, v, i + 1 === s.harmonic ? p.goal : p.mine);
    });
  },
  describe(s, n) {
    const percent = fixed(100 * n.shares[s.harmonic - 1], 1);
    const share = `Harmonic ${s.harmonic} has ${percent} percent of the amplitude`;
    return [
      `Sixteen drawbars over ${s.f0_hz} hertz, levels ${s.levels.map((v) => fixed(v, 2)).join(", ")}.`,
      `${n.total ? share : "All are pushed in: silence"};`,
      `below, the waveform with peak ${fixed(n.peak, 2)} and the spectrum.`,
    ].join(" ");
  },
  readout: (s, n) => [
    ["f₀", `${s.f0_hz} Hz`],
    ["harmonic", String(s.harmonic)],
    ["level", fixed(s.levels[s.harmonic - 1], 2)],
    ["share α̂", fixed(n.shares[s.harmonic - 1])],
    [
      "sum of shares",
      fixed(
        n.shares.reduce((a, b) => a + b, 0),
        2,
      ),
    ],
    ["peak", fixed(n.peak)],
  ],
  sounds: [
    {
      label: "Play",
      loop: true,
      make: (s, n) =>
        tones(
          n.shares.map((a, i) => [s.f0_hz * (i + 1), s.amplitude * a]),
          RATE,
        ),
    },
  ],
  actions: PRESETS.map(([label, levels]) => ({ label, run: (api) => api.set({ levels: [...levels] }) })),
  grabs: (x, y, view) => view.bars.has(x, y),
  pointer(x, y, type, { set, view, state }) {
    const b = view.bars;
    if (type === "down") view.dragging = b.has(x, y);
    if (!view.dragging || type === "up") return;
    const harmonic = clamp(Math.round(b.back(x)), 1, K);
    set({ harmonic, levels: replaced(state.levels, harmonic - 1, +b.backY(y).toFixed(2)) });
  },
};

export const render = (context) => mount(context, figure);
