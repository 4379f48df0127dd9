// A filter of the Audio EQ Cookbook: its response, its poles and zeros, and what it does to a saw, to noise, to clicks.
import { HIGH, LOW, POINTS, RATE } from "./biquad.py";
import { mount } from "./kit/figure.js";
import { uniformNoise } from "./kit/noise.js";
import { TAU, clamp, fixed, hertz, logspace, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";
import { tones } from "./kit/sound.js";

const SAW = 110;
const F = logspace(LOW, HIGH, POINTS);
const SHAPED = ["peaking", "lowshelf", "highshelf"];

// The cookbook's table: [b0, b1, b2, a1, a2], divided by a0.
function coefficients({ filter, frequency_hz, q, gain_db }) {
  const w = (TAU * frequency_hz) / RATE;
  const c = Math.cos(w);
  const al = Math.sin(w) / (2 * q);
  const A = 10 ** (gain_db / 40);
  const shelf = (s) => {
    const up = A + 1;
    const down = A - 1;
    const slope = 2 * Math.sqrt(A) * al;
    return [
      A * (up - s * down * c + slope),
      s * 2 * A * (down - s * up * c),
      A * (up - s * down * c - slope),
      up + s * down * c + slope,
      -s * 2 * (down + s * up * c),
      up + s * down * c - slope,
    ];
  };
  const [b0, b1, b2, a0, a1, a2] = {
    lowpass: () => [(1 - c) / 2, 1 - c, (1 - c) / 2, 1 + al, -2 * c, 1 - al],
    highpass: () => [(1 + c) / 2, -(1 + c), (1 + c) / 2, 1 + al, -2 * c, 1 - al],
    bandpass: () => [al, 0, -al, 1 + al, -2 * c, 1 - al],
    notch: () => [1, -2 * c, 1, 1 + al, -2 * c, 1 - al],
    peaking: () => [1 + al * A, -2 * c, 1 - al * A, 1 + al / A, -2 * c, 1 - al / A],
    lowshelf: () => shelf(1),
    highshelf: () => shelf(-1),
  }[filter]();
  return [b0, b1, b2, a1, a2].map((v) => v / a0);
}
const level = ([b0, b1, b2, a1, a2], f) => {
  const w = (TAU * f) / RATE;
  const size = (x0, x1, x2) =>
    Math.hypot(x0 + x1 * Math.cos(w) + x2 * Math.cos(2 * w), x1 * Math.sin(w) + x2 * Math.sin(2 * w));
  return 20 * Math.log10(Math.max(size(b0, b1, b2) / size(1, a1, a2), 1e-6));
};
// Roots of x0·z² + x1·z + x2 as [re, im], the one with the larger imaginary or real part first.
function roots(x0, x1, x2) {
  if (Math.abs(x0) < 1e-12) return [];
  const half = -x1 / (2 * x0);
  const inner = half * half - x2 / x0;
  const r = Math.sqrt(Math.abs(inner));
  return inner < 0
    ? [
        [half, r],
        [half, -r],
      ]
    : [
        [half + r, 0],
        [half - r, 0],
      ];
}

export function compute(s) {
  const k = coefficients(s);
  const poles = roots(1, k[3], k[4]);
  const zeros = roots(k[0], k[1], k[2]);
  const radius = Math.max(...poles.map(([re, im]) => Math.hypot(re, im)));
  return {
    coefficients: k,
    frequencies: F,
    response: F.map((f) => level(k, f)),
    poles,
    zeros,
    radius,
    here: level(k, s.frequency_hz),
    ring_ms: (1000 * Math.log(1000)) / (-Math.log(radius) * RATE),
  };
}

function run([b0, b1, b2, a1, a2], x) {
  let u = 0;
  let v = 0;
  return x.map((t) => {
    const y = b0 * t + u;
    u = b1 * t - a1 * y + v;
    v = b2 * t - a2 * y;
    return y;
  });
}
const saw = () =>
  tones(
    range(71, (i) => [SAW * (i + 1), 0.3 / (i + 1)]),
    RATE,
  );
// The three sources are equally loud through the filter that the figure begins with.
const hiss = () => Float32Array.from(uniformNoise(RATE), (v) => 0.65 * v);
const clicks = () => Float32Array.from({ length: RATE }, (_, i) => (i % (RATE / 2) ? 0 : 8));
// The second round through the filter, so that the loop has no seam.
const loop = (n, x) => {
  const twice = new Float32Array(2 * RATE);
  twice.set(x);
  twice.set(x, RATE);
  return run(n.coefficients, twice).slice(RATE);
};

export const figure = {
  controls: [
    {
      key: "filter",
      label: "Filter",
      options: [
        ["lowpass", "Low-pass"],
        ["highpass", "High-pass"],
        ["bandpass", "Band-pass"],
        ["notch", "Notch"],
        ["peaking", "Peak"],
        ["lowshelf", "Low shelf"],
        ["highshelf", "High shelf"],
      ],
    },
    { key: "frequency_hz", label: "Frequency", log: true, show: hertz },
    { key: "q", label: "Q", log: true, show: (v) => fixed(v, 2) },
    { key: "gain_db", label: "Gain (peak and shelves)", step: 0.5, show: (v) => `${fixed(v, 1)} dB` },
  ],
  compute,
  height: (w) => (w >= 560 ? 290 : 560),
  draw({ g, p, plot, view, width, height }, s, n) {
    const [a, b] = split(width, height, [1.7, 1]);
    const left = (view.left = plot(a, {
      title: "Response (dB)",
      x: [LOW, HIGH],
      y: [-36, 36],
      log: true,
      xTicks: [50, 100, 200, 500, 1000, 2000, 5000],
      xLabel: "frequency (Hz)",
    }));
    left.line([LOW, HIGH], [0, 0], p.edge, 1, [4, 3]);
    left.line(F, n.response, p.mine, 2.5);
    left.dot(s.frequency_hz, clamp(n.here, -36, 36), p.goal, 7);
    const side = Math.min(b[2] - 50, b[3] - 58);
    const square = [b[0] + (b[2] - side - 50) / 2, b[1], side + 50, side + 58];
    const c = plot(square, {
      title: "Poles × zeros ○",
      x: [-1.3, 1.3],
      y: [-1.3, 1.3],
      xTicks: [-1, 0, 1],
      yTicks: [-1, 0, 1],
      xLabel: "real part",
    });
    const turn = range(97, (i) => (TAU * i) / 96);
    c.line(turn.map(Math.cos), turn.map(Math.sin), p.soft, 1.2);
    g.lineWidth = 2;
    for (const [re, im] of n.poles) {
      const [x, y] = [c.X(re), c.Y(im)];
      g.strokeStyle = p.mine;
      g.beginPath();
      g.moveTo(x - 5, y - 5);
      g.lineTo(x + 5, y + 5);
      g.moveTo(x - 5, y + 5);
      g.lineTo(x + 5, y - 5);
      g.stroke();
    }
    for (const [re, im] of n.zeros) {
      if (Math.abs(re) > 1.3) continue;
      g.strokeStyle = p.goal;
      g.beginPath();
      g.arc(c.X(re), c.Y(im), 5, 0, TAU);
      g.stroke();
    }
  },
  describe: (s, n) =>
    [
      `Response of a ${s.filter} filter at ${hertz(s.frequency_hz)} with Q ${fixed(s.q, 2)}:`,
      `${fixed(n.here, 1)} decibels there. Beside it the unit circle with its poles, at radius`,
      `${fixed(n.radius, 3)}, and zeros.`,
    ].join(" "),
  readout: (s, n) => [
    ["at the frequency", `${fixed(n.here, 1)} dB`],
    ["poles at radius", fixed(n.radius, 4)],
    ["rings for (−60 dB)", `${n.ring_ms < 10 ? fixed(n.ring_ms, 1) : Math.round(n.ring_ms)} ms`],
  ],
  sounds: [
    { label: "Play saw", loop: true, make: (s, n) => loop(n, saw()) },
    { label: "Play noise", loop: true, make: (s, n) => loop(n, hiss()) },
    { label: "Play clicks", loop: true, make: (s, n) => loop(n, clicks()) },
    { label: "Play saw unfiltered", loop: true, make: () => saw() },
  ],
  // Up and down is gain where the filter has one, and Q where it has none.
  pointer(x, y, type, { set, view, state }) {
    if (type === "up") return;
    const db = view.left.backY(y);
    const kind = state.filter;
    const up = SHAPED.includes(kind)
      ? { gain_db: clamp(Math.round(db * 2) / 2, -24, 24) }
      : kind === "lowpass" || kind === "highpass"
        ? { q: clamp(10 ** (db / 20), 0.2, 40) }
        : {};
    set({ frequency_hz: clamp(view.left.back(x), 30, 7500), ...up });
  },
  grabs: (x, y, view) => Boolean(view.left?.has(x, y)),
};

export const render = (context) => mount(context, figure);
