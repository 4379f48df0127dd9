// The losses of the course over the frequency of a sine. The figure says how long the sound is (N samples) and what is
// drawn (POINTS frequencies from LOW to HIGH, Hz).
import { HIGH, LOW, N, POINTS } from "../<kind>.py";
import { SHARP, SIZES } from "./ball.py";
import { RATE } from "./mass.py";
import { sineWave, spectra, transport, whole } from "./mass.js";
import { logspace, range } from "./numbers.js";
import { fft, hannWindow } from "./spectrum.js";

// Windows of the sound: where they start, and their Hann window, as the library's STFT takes them: centred, and with a
// hop of a quarter of their length.
const views = () =>
  SIZES.map((size) => ({
    size,
    starts: range(1 + (4 * N) / size, (i) => (i * size) / 4 - size / 2),
    gain: 1,
    window: hannWindow(size),
    log: true,
  }));
export const FREQUENCIES = logspace(LOW, HIGH, POINTS);
export const sine = (f) => sineWave(f, N, RATE);
const slope = (f) => sineWave(f, N, RATE, (v) => Math.cos(v) * v * Math.LN2);
// Distance of samples or magnitudes x from the goal y, and its change where x changes by dx.
function distance(y, squared, log) {
  const logY = log && y.map((v) => Math.log(v + 1e-5));
  return (x, dx) => {
    let sum = 0;
    let change = 0;
    for (let i = 0; i < x.length; i++) {
      const r = x[i] - y[i];
      sum += squared ? r * r : Math.abs(r);
      if (dx) change += (squared ? 2 * r : Math.sign(r)) * dx[i];
      if (!log) continue;
      const q = Math.log(x[i] + 1e-5) - logY[i];
      sum += Math.abs(q);
      if (dx) change += (Math.sign(q) * dx[i]) / (x[i] + 1e-5);
    }
    return [sum / x.length, change / x.length];
  };
}
// Autocorrelations of two sounds from their magnitudes (or of one, and their change): power is even, so one FFT carries
// both.
function lagged([x, second], derivative) {
  const n = 2 * (x.length - 1);
  const re = new Float64Array(n);
  const im = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    const m = Math.min(k, n - k);
    re[k] = x[m] * x[m];
    im[k] = derivative ? 2 * x[m] * second[m] : second[m] * second[m];
  }
  fft(re, im);
  return [re.slice(0, x.length), im.slice(0, x.length)];
}
// 1 minus the agreement (cosine) of autocorrelations under a Gaussian window of lags; white noise sits at lag 0, which
// is left out.
function disagreement(goal, lags) {
  const weight = goal.map((_, i) => (i ? Math.exp(-((i / lags) ** 2)) : 0));
  const size = Math.sqrt(goal.reduce((a, v, i) => a + weight[i] * v * v, 0));
  return (x, dx) => {
    let own = 0;
    let dot = 0;
    let growth = 0;
    let change = 0;
    for (let i = 1; i < x.length; i++) {
      own += weight[i] * x[i] * x[i];
      dot += weight[i] * x[i] * goal[i];
      if (!dx) continue;
      growth += weight[i] * x[i] * dx[i];
      change += weight[i] * dx[i] * goal[i];
    }
    const scale = Math.sqrt(own) * size;
    return [1 - dot / scale, ((dot * growth) / own - change) / scale];
  };
}
// What a sine at f looks like to each kind of loss, and what it looks like on the whole grid: the latter is kept.
const grids = {};
const look = {
  waveform: (view, one, two) => [one, two],
  spectrum: (view, one, two, derivative) => spectra(view, one, two, derivative),
  lag: (view, one, two, derivative) => lagged(spectra(view, one, two, derivative), derivative),
};
function grid(key, make) {
  return (grids[key] ??= range(Math.ceil(POINTS / 2), (i) =>
    make(sine(FREQUENCIES[2 * i]), sine(FREQUENCIES[2 * i + 1] ?? LOW)),
  )
    .flat()
    .slice(0, POINTS));
}
// The landscape around a goal: its curve, and at(f) = [loss, derivative per octave].
export function landscape(goal, loss, { window = "hann", lags = 1 } = {}) {
  const kind = loss.startsWith("waveform") ? "waveform" : loss === "lag" ? "lag" : "spectrum";
  const bins = RATE / N;
  const parts = (loss === "multiscale" ? views() : [whole(N, window)]).map((view) => {
    const seen = look[kind](view, goal, goal)[0];
    const far =
      loss === "lag"
        ? disagreement(seen, lags)
        : loss.startsWith("transport")
          ? transport(seen, loss === "transport" ? 2 : SHARP)
          : distance(seen, loss === "waveform_mse", view.log);
    return { view, far, key: [kind, view.size, window, !!view.log].join() };
  });
  const add = (all) =>
    all.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]).map((v) => (loss.startsWith("transport") ? v * bins : v));
  return {
    at: (f) => add(parts.map(({ view, far }) => far(...look[kind](view, sine(f), slope(f), true)))),
    curve: () => {
      const all = parts.map(({ view, far, key }) =>
        grid(key, (one, two) => look[kind](view, one, two)).map((x) => far(x)),
      );
      return range(POINTS, (i) => add(all.map((part) => part[i]))[0]);
    },
  };
}
