// FM: one sine bends another's phase; its spectrum on folded Bessel lines, its wave, and feedback that breaks both.
import { F0, FIELDS, FLOOR, N, ORDERS, RATE, SHOWN, WARM_UP } from "./fm.py";
import { mount } from "./kit/figure.js";
import { decibels, fixed, range, TAU } from "./kit/numbers.js";
import { magnitudes } from "./kit/spectrum.js";

// The carrier, fed back the mean of its last two samples.
function made({ ratio, index, feedback }, from, n) {
  const out = new Float64Array(n);
  let last = 0;
  let before = 0;
  for (let i = 0; i < from + n; i++) {
    const turns = (F0 * i) / RATE;
    const bent = TAU * (turns % 1) + index * Math.sin(TAU * ((ratio * turns) % 1));
    [before, last] = [last, Math.sin(bent + (feedback / 100) * ((last + before) / 2))];
    if (i >= from) out[i - from] = last;
  }
  return out;
}
// J_n(x) is the mean of cos(nτ − x sin τ).
const POINTS = 128;
const bessel = (n, x) =>
  range(POINTS, (i) => Math.cos((TAU * n * i) / POINTS - x * Math.sin((TAU * i) / POINTS))).reduce((a, b) => a + b) /
  POINTS;
// Lines at 1 + n · ratio; below 0 and beyond Nyquist they come back turned over, onto what is there.
function lines({ ratio, index }) {
  const nyquist = RATE / 2 / F0;
  const all = new Map();
  for (let n = -ORDERS; n <= ORDERS; n++) {
    const t = (1 + n * ratio + nyquist) % (2 * nyquist);
    const at = (t < 0 ? t + 2 * nyquist : t) - nyquist;
    const key = Math.round(Math.abs(at) * 1e9) / 1e9;
    all.set(key, (all.get(key) ?? 0) + Math.sign(at) * bessel(n, index));
  }
  return [...all]
    .filter(([at, a]) => at > 0 && at !== nyquist && Math.abs(a) > 10 ** (FLOOR / 20))
    .sort(([a], [b]) => a - b);
}
export function compute(s) {
  const sound = made(s, WARM_UP, N);
  const found = lines(s);
  return {
    wave: [...sound.slice(0, SHOWN)],
    spectrum_db: magnitudes(sound).map((m) => Math.max(FLOOR, decibels((4 / N) * m))),
    lines_hz: found.map(([at]) => F0 * at),
    lines: found.map(([, a]) => a),
  };
}

export const figure = {
  controls: [
    { key: "ratio", label: "Ratio of the modulator", step: 0.01, show: (v) => fixed(v, 2) },
    { key: "index", label: "Index I", step: 0.01, show: (v) => `${fixed(v, 2)} rad` },
    {
      key: "feedback",
      label: "Feedback of the carrier",
      options: FIELDS.feedback.options.map((v) => [v, v ? String(v / 100) : "none"]),
    },
  ],
  compute,
  height: (w) => (w >= 560 ? 420 : 460),
  draw({ p, plot, width, height }, s, n) {
    const top = 0.58 * height;
    const a = plot([0, 0, width, top], {
      title: "Spectrum (dB)",
      legend: s.feedback
        ? [["measured", p.mine]]
        : [
            ["● Bessel lines", p.mine],
            ["measured", p.soft],
          ],
      x: [0, RATE / 4],
      y: [FLOOR, 0],
      xLabel: "frequency (Hz)",
    });
    const hz = n.spectrum_db.map((_, k) => (k * RATE) / N);
    a.inside(() => {
      a.line(hz, n.spectrum_db, s.feedback > 0 ? p.mine : p.soft, 1.5);
      if (s.feedback === 0)
        n.lines_hz.forEach((f, i) => {
          if (f <= RATE / 4) a.stem(f, Math.max(FLOOR, decibels(Math.abs(n.lines[i]))), p.mine);
        });
    });
    const b = plot([0, top, width, height - top], {
      title: "Wave",
      x: [0, (1000 * SHOWN) / RATE],
      y: [-1.1, 1.1],
      yTicks: [-1, 0, 1],
      xLabel: "time (ms)",
    });
    b.line(
      n.wave.map((_, i) => (1000 * i) / RATE),
      n.wave,
      p.mine,
      2,
    );
  },
  describe(s, n) {
    const harmonic = Math.abs(s.ratio - Math.round(s.ratio)) < 0.005;
    return [
      `Spectrum and wave of a carrier at ${F0} hertz, bent by a sine at ${fixed(F0 * s.ratio, 0)} hertz with an index`,
      `of ${fixed(s.index, 2)} and feedback of ${s.feedback / 100}.`,
      s.feedback > 0
        ? "With feedback no simple lines are known."
        : `${n.lines.length} lines lie above ${fixed(FLOOR, 0)} decibels, ` +
          `${harmonic ? "all" : "not all"} harmonics of the carrier.`,
    ].join(" ");
  },
  readout: (s, n) => [
    ["modulator", `${fixed(F0 * s.ratio, 0)} Hz`],
    [`lines above ${fixed(FLOOR, 0)} dB`, s.feedback > 0 ? "–" : String(n.lines.length)],
    ["J₀(I)", fixed(bessel(0, s.index), 3)],
  ],
  // Whole hertz make a loop without a seam; the second before it is for feedback to settle.
  sounds: [
    { label: "Play", loop: true, make: (s) => made({ ...s, ratio: Math.round(s.ratio * F0) / F0 }, RATE, RATE) },
  ],
};

export const render = (context) => mount(context, figure);
