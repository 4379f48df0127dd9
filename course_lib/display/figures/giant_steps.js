// Every harmonic as a giant step times a baby step: few sines are formed, the rest is multiplication.
import { F0, MOST, N, RATE } from "./giant_steps.py";
import { mount } from "./kit/figure.js";
import { TAU, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";
import { tones } from "./kit/sound.js";

const giantsOf = (K, h) => Math.max(0, Math.ceil((K - h) / (2 * h + 1)));
const stepsOf = (K, h) => Math.min(h, K) + giantsOf(K, h);
// Powers 0 … n of the unit phasor (c, s), by angle addition.
function powers([c, s], n) {
  const out = [[1, 0]];
  for (let i = 0; i < n; i++) out.push([out[i][0] * c - out[i][1] * s, out[i][0] * s + out[i][1] * c]);
  return out;
}
export function compute({ n_harmonics: K, half: h, harmonic }) {
  const Q = 2 * h + 1;
  const P = giantsOf(K, h);
  const k = Math.min(harmonic, K);
  const p = Math.floor((k + h) / Q);
  const raw = range(K, (i) => 1 / (i + 1));
  const total = raw.reduce((a, b) => a + b, 0);
  const shares = raw.map((v) => v / total);
  const wave = range(N, (i) => {
    const phase = TAU * (((F0 * i) % RATE) / RATE);
    const babies = powers([Math.cos(phase), Math.sin(phase)], h);
    const giants = powers([Math.cos(Q * phase), Math.sin(Q * phase)], P);
    let sum = 0;
    giants.forEach(([gc, gs], m) => {
      for (let q = -h; q <= h; q++) {
        const share = shares[Q * m + q - 1] ?? 0;
        const [bc, bs] = babies[Math.abs(q)];
        sum += share * (gs * bc + gc * Math.sign(q) * bs);
      }
    });
    return sum;
  });
  const curve = range(MOST, (i) => stepsOf(K, i + 1));
  const fewest = Math.min(...curve);
  return {
    babies: Math.min(h, K),
    giants: P,
    steps: stepsOf(K, h),
    k,
    p,
    q: k - Q * p,
    curve,
    fewest,
    best: curve.indexOf(fewest) + 1,
    shares,
    wave,
  };
}
const factors = (s, n) => `z^${n.k} = z^(${2 * s.half + 1}·${n.p}) · z^${n.q}`.replace("^-", "^−");

export const figure = {
  controls: [
    { key: "n_harmonics", label: "Harmonics K", step: 1, show: (v) => String(v) },
    { key: "half", label: "Baby steps h", step: 1, show: (v) => `${v}, so Q = ${2 * v + 1}` },
    { key: "harmonic", label: "Chosen harmonic k", step: 1, show: (v, s) => String(Math.min(v, s.n_harmonics)) },
  ],
  compute,
  height: (w) => (w >= 560 ? 420 : 640),
  draw({ g, p, plot, view, width, height }, s, n) {
    const h = s.half;
    const Q = 2 * h + 1;
    const tall = height - 150;
    const [left, right] = split(width, tall, [3, 2]);
    const c = (view.grid = plot(left, {
      title: "k = Q·p + q",
      legend: [
        ["harmonic", p.mine],
        ["chosen", p.goal],
      ],
      x: [-h - 0.5, h + 0.5],
      y: [n.giants + 0.5, -0.5],
      xTicks: range(Q, (i) => i - h),
      yTicks: range(n.giants + 1, (i) => i).filter((i) => n.giants < 9 || i % 4 === 0),
      xLabel: "baby step q",
    }));
    const wide = c.w / Q;
    const high = c.h / (n.giants + 1);
    const small = Math.min(wide, high) < 15;
    c.inside(() => {
      for (let k = 1; k <= s.n_harmonics; k++) {
        const row = Math.floor((k + h) / Q);
        const x = c.X(k - Q * row) - wide / 2;
        const y = c.Y(row) - high / 2;
        g.fillStyle = k === n.k ? p.goal : p.mine;
        g.fillRect(x + 1, y + 1, wide - 2, high - 2);
        if (small || wide < 22) continue;
        g.fillStyle = p.bg;
        g.textAlign = "center";
        g.font = "11px system-ui, sans-serif";
        g.fillText(String(k), x + wide / 2, y + high / 2);
      }
    });
    const top = Math.max(10, ...n.curve);
    const t = plot(right, {
      title: "Steps",
      legend: [["h + giants", p.mine]],
      x: [0, MOST + 1],
      y: [0, top],
      xLabel: "baby steps h",
    });
    n.curve.forEach((v, i) => {
      t.stem(i + 1, v, i + 1 === h ? p.goal : p.mine, false, 0);
    });
    const size = Math.max(0.1, ...n.wave.map(Math.abs)) * 1.1;
    plot([0, tall, width, 150], {
      title: "Their sum",
      legend: [["20 ms", p.soft]],
      x: [0, 20],
      y: [-size, size],
      xLabel: "time (ms)",
    }).line(
      range(N, (i) => (1000 * i) / RATE),
      n.wave,
      p.mine,
    );
  },
  describe: (s, n) =>
    [
      `${s.n_harmonics} harmonics in a grid of ${n.giants} giant steps of ${2 * s.half + 1} and baby steps from`,
      `minus ${s.half} to ${s.half}. Harmonic ${n.k} is giant step ${n.p} and baby step ${n.q}.`,
      `${n.steps} steps are formed where ${s.n_harmonics} sines would be;`,
      `the fewest possible are ${n.fewest}, with ${n.best} baby steps.`,
      "Below, the waveform of the sum.",
    ].join(" "),
  readout: (s, n) => [
    ["chosen", factors(s, n)],
    ["formed", `${n.babies} + ${n.giants} = ${n.steps}`],
    ["instead of", String(s.n_harmonics)],
    ["fewest", `${n.fewest} at h = ${n.best}`],
  ],
  sounds: [
    {
      label: "Play",
      loop: true,
      make: (s, n) =>
        tones(
          n.shares.map((a, i) => [F0 * (i + 1), a]).filter(([f]) => f < RATE / 2),
          RATE,
        ),
    },
  ],
  actions: [{ label: "Fewest steps", run: (api) => api.set({ half: api.numbers.best }) }],
  pointer(x, y, type, { set, view, state }) {
    if (type === "up" || !view.grid.has(x, y)) return;
    const Q = 2 * state.half + 1;
    const k = Q * Math.round(view.grid.backY(y)) + Math.round(view.grid.back(x));
    if (k >= 1 && k <= state.n_harmonics) set({ harmonic: k });
  },
};

export const render = (context) => mount(context, figure);
