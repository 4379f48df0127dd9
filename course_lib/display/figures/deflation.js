// A mixture of sines, taken apart one at a time: find the strongest, fit all found so far together, subtract, look
// again.
import { BIN, FLOOR, N, SILENT, TURNS } from "./deflation.py";
import { CLEAN_DB, RATE, SHARP } from "./kit/mass.py";
import { mount } from "./kit/figure.js";
import { mass, noisy, signalToNoise, sineWave, spectra, summed, whole } from "./kit/mass.js";
import { dice } from "./kit/noise.js";
import { TAU, clamp, decibels, fixed, mean, range } from "./kit/numbers.js";

const TOP = 2000;

// Whole hertz at least three bins apart, any amplitude from 0.1 to 1, any phase.
function mixtureOf(sines, seed) {
  const roll = dice(seed);
  const true_hz = [];
  while (true_hz.length < sines) {
    const f = Math.floor(200 + 1600 * roll());
    if (true_hz.every((v) => Math.abs(v - f) >= 3 * BIN)) true_hz.push(f);
  }
  true_hz.sort((a, b) => a - b);
  return true_hz.map((f) => [f, 0.1 + 0.9 * roll(), TAU * roll()]);
}
const sinesAt = (partials, n) => {
  const out = new Float64Array(n);
  for (const [f, a, phase] of partials)
    for (let i = 0; i < n; i++) out[i] += a * Math.sin((TAU * f * i) / RATE + phase);
  return out;
};
// Least squares: the weights of some columns that add up to y, by elimination on the normal equations.
function solve(columns, y) {
  const dot = (a, b) => {
    let sum = 0;
    for (let i = 0; i < N; i++) sum += a[i] * b[i];
    return sum;
  };
  const n = columns.length;
  const rows = columns.map((a) => {
    const row = new Float64Array(n + 1);
    row[n] = dot(a, y);
    return row;
  });
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) rows[i][j] = rows[j][i] = dot(columns[i], columns[j]);
  for (let i = 0; i < n; i++) {
    const best = range(n - i, (j) => i + j).reduce((a, b) => (Math.abs(rows[b][i]) > Math.abs(rows[a][i]) ? b : a));
    [rows[i], rows[best]] = [rows[best], rows[i]];
    for (let j = i + 1; j < n; j++)
      for (let k = n, share = rows[j][i] / rows[i][i]; k >= i; k--) rows[j][k] -= share * rows[i][k];
  }
  const x = [];
  for (let i = n - 1; i >= 0; i--)
    x[i] =
      (rows[i][n] - range(n - i - 1, (j) => rows[i][i + 1 + j] * x[i + 1 + j]).reduce((a, b) => a + b, 0)) / rows[i][i];
  return x;
}
const pairs = (hz) => hz.flatMap((f) => [sineWave(f, N, RATE), sineWave(f, N, RATE, Math.cos)]);
// Amplitudes and phases of all sines at once: the weight of each one's sine and cosine.
function fitAll(hz, y) {
  const columns = pairs(hz);
  const weights = solve(columns, y);
  return {
    columns,
    weights,
    partials: hz.map((f, i) => [
      f,
      Math.hypot(weights[2 * i], weights[2 * i + 1]),
      Math.atan2(weights[2 * i + 1], weights[2 * i]),
    ]),
  };
}
// Gauss–Newton: the frequencies move as well, all together, at most half a bin a turn.
function polished(hz, y) {
  for (let turn = 0; turn < TURNS; turn++) {
    const { columns, weights } = fitAll(hz, y);
    const rates = hz.map((_, i) =>
      columns[2 * i].map(
        (v, t) => ((TAU * t) / RATE) * (weights[2 * i] * columns[2 * i + 1][t] - weights[2 * i + 1] * v),
      ),
    );
    const moves = solve([...columns, ...rates], y).slice(2 * hz.length);
    hz = hz.map((f, i) => clamp(f + clamp(moves[i], -BIN / 2, BIN / 2), BIN, RATE / 2 - BIN));
  }
  return hz;
}
const spectrumOf = (sound) => spectra(whole(N, "hann"), sound, sound)[0];
// Where half of the sharpened mass lies to the left: there transport leads a sine. From there up to the peak, and a
// parabola.
function strongest(magnitude) {
  const sums = summed(mass(magnitude, SHARP));
  let k = clamp(
    sums.findIndex((v) => v >= 0.5),
    1,
    N / 2 - 1,
  );
  while (k > 1 && magnitude[k - 1] > magnitude[k]) k--;
  while (k < N / 2 - 1 && magnitude[k + 1] > magnitude[k]) k++;
  const [a, b, c] = [k - 1, k, k + 1].map((i) => Math.log(magnitude[i] + 1e-12));
  return (k + clamp((a - c) / (2 * (a - 2 * b + c)), -0.5, 0.5)) * BIN;
}
// All the states of one mixture, from nothing taken to everything: `taken` only chooses among them.
let last = {};
function takeApart({ sines, seed, noise_db, polish }) {
  const key = [sines, seed, noise_db, polish].join();
  if (last.key === key) return last;
  const truth = mixtureOf(sines, seed);
  const y = noisy(sinesAt(truth, N), noise_db, seed);
  const states = [];
  for (let hz = [], k = 0; k <= sines; k++) {
    const found = fitAll(hz, y).partials;
    const fitted = sinesAt(found, N);
    const rest = y.map((v, i) => v - fitted[i]);
    const magnitude = spectrumOf(rest);
    states.push({ found, rest, magnitude });
    if (k < sines) hz = [...hz, strongest(magnitude)];
    if (polish && k < sines) hz = polished(hz, y);
  }
  return (last = { key, truth, y, states });
}

const level = (v) => Math.max(FLOOR, decibels(v));
const power = (x) => mean(x.map((v) => v * v));
export function compute(s) {
  const { truth, y, states } = takeApart(s);
  const { found, rest, magnitude } = states[Math.min(s.taken, s.sines)];
  const true_hz = truth.map((v) => v[0]);
  const found_hz = found.map((v) => v[0]);
  const nearest = found_hz.map((f) => true_hz.reduce((a, b) => (Math.abs(b - f) < Math.abs(a - f) ? b : a)));
  return {
    true_hz,
    true_db: truth.map((v) => level(v[1])),
    found_hz,
    found_db: found.map((v) => level(v[1])),
    error_cents: found_hz.map((f, i) => 1200 * Math.log2(f / nearest[i])),
    mixture_db: [...spectrumOf(y)].map(level),
    residual_spectrum_db: [...magnitude].map(level),
    residual_db: Math.max(SILENT, 10 * Math.log10(power(rest) / power(y) + 1e-15)),
  };
}

// One second: the mixture goes on after the analysed 64 ms, and so does what was found.
function heard(s, part) {
  const { truth, states } = takeApart(s);
  const found = states[Math.min(s.taken, s.sines)].found;
  const whole = part === "found" ? new Float64Array(RATE) : noisy(sinesAt(truth, RATE), s.noise_db, s.seed);
  const taken = part === "mixture" ? whole.map(() => 0) : sinesAt(found, RATE);
  return whole.map((v, i) => (part === "found" ? taken[i] : v - taken[i]) * Math.min(1, (RATE - i) / 400));
}
const inCents = (v) => `${fixed(v, 2) > 0 ? "+" : ""}${fixed(v, 2)} cents`;
const count = (s) => Math.min(s.taken, s.sines);

export const figure = {
  controls: [
    { key: "taken", label: "Taken out", step: 1, show: (v, s) => `${count(s)} of ${s.sines}` },
    { key: "sines", label: "Sines in the mixture", step: 1, show: String },
    { key: "seed", label: "Mixture", step: 1, show: (v) => `no. ${v}` },
    { key: "noise_db", label: "Mixture over noise", step: 1, show: signalToNoise },
    {
      key: "polish",
      label: "After each sine, move all the frequencies",
      options: [
        [false, "leave them"],
        [true, "polish jointly"],
      ],
    },
  ],
  compute,
  height: () => 340,
  draw({ g, p, plot, width, height }, s, n) {
    const bins = range(TOP / BIN + 1, (k) => k * BIN);
    const c = plot([0, 0, width, height], {
      title: width < 420 ? "dB" : "Spectrum (dB)",
      legend: [
        ["mixture", p.soft],
        ["rest", p.goal],
        ["● found", p.mine],
        ["○ true", p.soft],
      ],
      x: [0, TOP],
      y: [FLOOR, 12],
      xLabel: "frequency (Hz)",
    });
    c.line(bins, n.mixture_db.slice(0, bins.length), p.soft, 1.5);
    c.line(bins, n.residual_spectrum_db.slice(0, bins.length), p.goal, 2.5);
    c.inside(() => {
      n.found_hz.forEach((f, i) => {
        c.stem(f, n.found_db[i], p.mine);
      });
      n.true_hz.forEach((f, i) => {
        g.strokeStyle = p.soft;
        g.lineWidth = 1.5;
        g.beginPath();
        g.arc(c.X(f), c.Y(n.true_db[i]), 8, 0, TAU);
        g.stroke();
      });
    });
  },
  describe(s, n) {
    const found = n.found_hz.map((f, i) => `${fixed(f, 1)} hertz, off by ${inCents(n.error_cents[i])}`);
    return [
      `Spectrum of a mixture of ${s.sines} sines,`,
      `${s.noise_db >= CLEAN_DB ? "without noise" : `${fixed(s.noise_db, 0)} decibels above the noise`}, and of`,
      `what remains after ${count(s)} of them have been taken out: ${fixed(n.residual_db, 0)} decibels.`,
      found.length ? `Found: ${found.join("; ")}.` : "Nothing is found yet.",
      `True: ${n.true_hz.join(", ")} hertz.`,
    ].join(" ");
  },
  readout: (s, n) => [
    ["what remains", n.residual_db <= SILENT ? `below ${fixed(SILENT, 0)} dB` : `${fixed(n.residual_db, 1)} dB`],
    ...n.found_hz.map((f, i) => [`${i + 1}.`, `${fixed(f, 1)} Hz (${inCents(n.error_cents[i])})`]),
  ],
  sounds: [
    { label: "Play mixture", rate: () => RATE, make: (s) => heard(s, "mixture") },
    { label: "Play found", rate: () => RATE, make: (s) => heard(s, "found") },
    { label: "Play what remains", rate: () => RATE, make: (s) => heard(s, "rest") },
  ],
  actions: [
    {
      label: "Take the next",
      run: (api) => {
        api.halt();
        api.set({ taken: Math.min(count(api.state) + 1, api.state.sines) });
      },
    },
    {
      label: "One after the other",
      run: (api) => {
        api.set({ taken: 0 });
        api.animate(() => {
          const more = api.state.taken < api.state.sines;
          if (more) api.set({ taken: api.state.taken + 1 });
          return more;
        }, 700);
      },
    },
    {
      label: "Another mixture",
      run: (api) => {
        api.halt();
        api.set({ seed: (api.state.seed % 20) + 1 });
      },
    },
  ],
};

export const render = (context) => mount(context, figure);
