// The ball in the landscape: the loss over the frequency of a sine, and gradient descent on it.
const N = 256, RATE = 8000, LOW = 150, HIGH = 1200, POINTS = 385, STEPS = 240, STRIDE = 1 / 80, REST = 1e-4;
const LOSSES = [["waveform_l1", "Waveform L1"], ["waveform_mse", "Waveform MSE"], ["spectral_l1", "Spectrum L1"], ["multiscale", "Multi-scale"]];
const SIZES = [256, 128, 64, 32];

// Windows of the sound: [start, length] and the Hann window of each, as the library's STFT takes them (centred, hop = length / 4).
function views(loss) {
  if (loss === "spectral_l1") return [{ size: N, starts: [0], gain: 4 / N, window: hannWindow(N) }];
  return SIZES.map((size) => ({ size, starts: range(1 + (4 * N) / size, (i) => (i * size) / 4 - size / 2), gain: 1, window: hannWindow(size), log: true }));
}
// Two sounds travel through one FFT, as real and imaginary part. Returns the magnitudes of the first and, of the second, the
// magnitudes too or, where it is the derivative of the first, the derivative of the magnitudes.
function spectra({ size, starts, gain, window }, one, two, derivative) {
  const bins = size / 2 + 1, first = new Float64Array(starts.length * bins), second = new Float64Array(first.length);
  const re = new Float64Array(size), im = new Float64Array(size);
  starts.forEach((start, w) => {
    for (let i = 0; i < size; i++) {
      const scale = start + i >= 0 && start + i < N ? window[i] * gain : 0;
      re[i] = scale && scale * one[start + i];
      im[i] = scale && scale * two[start + i];
    }
    fft(re, im);
    for (let k = 0, o = w * bins; k < bins; k++, o++) {
      const m = (size - k) % size, a = (re[k] + re[m]) / 2, b = (im[k] - im[m]) / 2, c = (im[k] + im[m]) / 2, d = (re[m] - re[k]) / 2;
      const length = Math.sqrt(a * a + b * b);
      first[o] = length;
      second[o] = !derivative ? Math.sqrt(c * c + d * d) : length > 0 ? (a * c + b * d) / length : 0;
    }
  });
  return [first, second];
}
// The landscape of a target: curve(frequencies), and at(f) = [loss, derivative per octave].
function landscape(target_hz, loss) {
  const fill = (f, shape) => Float64Array.from({ length: N }, (_, i) => shape((TAU * f * i) / RATE));
  const sine = (f) => fill(f, Math.sin), slope = (f) => fill(f, (v) => Math.cos(v) * v * Math.LN2);
  const goal = sine(target_hz), waves = loss.startsWith("waveform"), squared = loss === "waveform_mse";
  const looks = waves ? [] : views(loss).map((v) => {
    const mag = spectra(v, goal, goal)[0];
    return { v, mag, log: v.log && mag.map((x) => Math.log(x + 1e-5)) };
  });
  // Distance of samples or magnitudes x from the goal y, and its change where x changes by dx.
  const distance = (x, y, logY, dx) => {
    let sum = 0, change = 0;
    for (let i = 0; i < x.length; i++) {
      const r = x[i] - y[i];
      sum += squared ? r * r : Math.abs(r);
      if (dx) change += (squared ? 2 * r : Math.sign(r)) * dx[i];
      if (!logY) continue;
      const q = Math.log(x[i] + 1e-5) - logY[i];
      sum += Math.abs(q);
      if (dx) change += (Math.sign(q) * dx[i]) / (x[i] + 1e-5);
    }
    return [sum / x.length, change / x.length];
  };
  const add = (parts) => parts.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
  return {
    at: (f) => (waves ? distance(sine(f), goal, null, slope(f)) : add(looks.map(({ v, mag, log }) => {
      const [x, dx] = spectra(v, sine(f), slope(f), true);
      return distance(x, mag, log, dx);
    }))),
    curve(frequencies) {
      if (waves) return frequencies.map((f) => distance(sine(f), goal)[0]);
      const out = [];
      for (let i = 0; i < frequencies.length; i += 2) {
        const pair = [sine(frequencies[i]), sine(frequencies[i + 1] ?? LOW)], both = looks.map(({ v, mag, log }) => spectra(v, ...pair).map((x) => distance(x, mag, log)));
        out.push(add(both.map((s) => s[0]))[0], add(both.map((s) => s[1]))[0]);
      }
      return out.slice(0, frequencies.length);
    },
  };
}

// The curve depends only on target and loss: the last one is kept while the ball is dragged.
let last = {};
function compute({ target_hz, start_hz, loss }) {
  const key = `${target_hz} ${loss}`;
  if (last.key !== key) {
    const { at, curve: curveOf } = landscape(target_hz, loss), frequencies = logspace(LOW, HIGH, POINTS), curve = curveOf(frequencies);
    const deep = 1e-9 * Math.max(...curve);
    const minima = curve.filter((v, i) => i > 0 && i < POINTS - 1 && v < curve[i - 1] - deep && v < curve[i + 1] - deep).length;
    last = { key, at, frequencies, curve, minima };
  }
  // Normalised gradient descent in octaves: one stride downhill; where the slope has turned round, half the stride.
  const { at, frequencies, curve, minima } = last, path = [start_hz], heights = [];
  let u = Math.log2(start_hz), stride = STRIDE, before = 0;
  for (let t = 0; t <= STEPS; t++) {
    const [value, slope] = at(path[t]), way = -Math.sign(slope);
    heights.push(value);
    if (way * before < 0) stride /= 2;
    if (t === STEPS || stride < REST || way === 0) break;
    before = way;
    const next = clamp(u + way * stride, Math.log2(LOW), Math.log2(HIGH));
    if (next === u) break;
    u = next;
    path.push(2 ** u);
  }
  const end_hz = path.at(-1);
  return { frequencies, curve, minima, path, heights, end_hz, error_cents: 1200 * Math.log2(end_hz / target_hz) };
}
const now = (view) => view.path?.[view.at] ?? 0;

const figure = {
  title: "The ball in the landscape",
  controls: [
    { key: "start_hz", label: "Drop the ball at", min: LOW, max: HIGH, log: true, show: hertz },
    { key: "target_hz", label: "Target", min: 200, max: 900, log: true, whole: true, show: (v) => `${v} Hz` },
    { key: "loss", label: "Loss", options: LOSSES },
  ],
  compute,
  height: () => 320,
  draw({ p, plot, view, width, height }, s, n) {
    if (view.path !== n.path) { view.path = n.path; view.at = 0; }
    const high = Math.max(...n.curve), c = (view.plot = plot([0, 0, width, height], {
      title: LOSSES.find(([k]) => k === s.loss)[1], legend: [["loss", p.mine], ["ball and its way", p.goal]],
      x: [LOW, HIGH], y: [0, high * 1.12], log: true, xTicks: [150, 200, 300, 400, 500, 600, 800, 1000, 1200], xLabel: "frequency (Hz)",
    }, p));
    c.mark(s.target_hz, p.soft, "target");
    c.line(n.frequencies, n.curve, p.mine, 2);
    c.line(n.path.slice(0, view.at + 1), n.heights.slice(0, view.at + 1), p.goal, 4);
    c.dot(now(view), n.heights[view.at], p.goal, 9);
  },
  describe: (s, n, view) => `Loss over frequency, ${LOSSES.find(([k]) => k === s.loss)[1]}, with ${n.minima} local minima; the target is ${s.target_hz} hertz. The ball is at ${hertz(now(view))} after ${view.at} of ${n.path.length - 1} steps; dropped at ${hertz(s.start_hz)} it comes to rest near ${hertz(n.end_hz)}, ${fixed(Math.abs(n.error_cents), 0)} cents too ${n.error_cents > 0 ? "high" : "low"}.`,
  readout: (s, n, view) => [["start", hertz(s.start_hz)], ["ball", hertz(now(view))], ["end", hertz(n.end_hz)], ["error at the end", `${fixed(n.error_cents, 0)} cents`], ["local minima", String(n.minima)]],
  // Whole hertz in the loop of one second, so that one can listen while the ball rolls.
  sounds: [
    { label: "Play target", loop: true, make: (s) => tones([[s.target_hz, 1]], 16000) },
    { label: "Play ball", loop: true, make: (s, n, view) => tones([[Math.round(now(view)), 1]], 16000) },
    { label: "Play both", loop: true, make: (s, n, view) => tones([[s.target_hz, 0.5], [Math.round(now(view)), 0.5]], 16000) },
  ],
  actions: [{ label: "Let it roll", run: roll }],
  pointer(x, y, type, api) {
    if (type !== "up") api.set({ start_hz: api.view.plot.back(x) });
    else roll(api);
  },
};
function roll(api) {
  const last = api.numbers.path.length - 1;
  api.view.at = 0;
  api.animate(() => { api.view.at = Math.min(last, api.view.at + 1); api.redraw(); return api.view.at < last; }, 25);
}
