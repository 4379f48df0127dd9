// The ball in a landscape: the loss over the frequency of a sine, and gradient descent on it. The figure's own file says how
// long the sound is (N, RATE), what is drawn (LOW, HIGH, POINTS) and which LOSSES there are.
const STEPS = 240;
const STRIDE = 1 / 80;
const REST = 1e-4;
const SIZES = [256, 128, 64, 32];
const NAMES = {
  waveform_l1: "Waveform L1",
  waveform_mse: "Waveform MSE",
  spectral_l1: "Spectrum L1",
  multiscale: "Multi-scale",
  transport: "Transport",
  transport_sharp: "Sharpened transport",
  lag: "Lags",
};

// Windows of the sound: [start, length] and the Hann window of each, as the library's STFT takes them (centred, hop = length / 4).
const views = () =>
  SIZES.map((size) => ({
    size,
    starts: range(1 + (4 * N) / size, (i) => (i * size) / 4 - size / 2),
    gain: 1,
    window: hannWindow(size),
    log: true,
  }));
const sine = (f) => sineWave(f, N, RATE);
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
// Autocorrelations of two sounds from their magnitudes (or of one, and their change): power is even, so one FFT carries both.
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
// 1 minus the agreement (cosine) of autocorrelations under a Gaussian window of lags; white noise sits at lag 0, which is left out.
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
function landscape(goal, loss, { window = "hann", lags = 1 } = {}) {
  const kind = loss.startsWith("waveform") ? "waveform" : loss === "lag" ? "lag" : "spectrum";
  const bins = RATE / N;
  const parts = (loss === "multiscale" ? views() : [whole(N, window)]).map((view) => {
    const seen = look[kind](view, goal, goal)[0];
    const far =
      loss === "lag"
        ? disagreement(seen, lags)
        : loss.startsWith("transport")
          ? transport(seen, loss === "transport" ? 2 : 16)
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

// The landscape does not depend on the ball: the last one is kept while it is dragged.
let last = {};
function known(key, make) {
  if (last.key !== key) {
    const { at, curve: curveOf } = make();
    const curve = curveOf();
    const deep = 1e-9 * Math.max(...curve);
    const minima = curve.filter(
      (v, i) => i > 0 && i < POINTS - 1 && v < curve[i - 1] - deep && v < curve[i + 1] - deep,
    ).length;
    last = { key, at, curve, minima };
  }
  return last;
}
function rollIn({ at, curve, minima }, start_hz, target_hz) {
  // Normalised gradient descent in octaves: one stride downhill; where the slope has turned round, half the stride.
  const path = [start_hz];
  const heights = [];
  let u = Math.log2(start_hz);
  let stride = STRIDE;
  let before = 0;
  for (let t = 0; t <= STEPS; t++) {
    const [value, slope] = at(path[t]);
    const way = -Math.sign(slope);
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
  return {
    frequencies: FREQUENCIES,
    curve,
    minima,
    path,
    heights,
    end_hz,
    error_cents: 1200 * Math.log2(end_hz / target_hz),
  };
}
const now = (view) => view.path?.[view.at] ?? 0;
function roll(api) {
  const last = api.numbers.path.length - 1;
  api.view.at = 0;
  api.animate(() => {
    api.view.at = Math.min(last, api.view.at + 1);
    api.redraw();
    return api.view.at < last;
  }, 25);
}

const ballFigure = (title, target, more, compute, xTicks, actions) => ({
  title,
  controls: [
    { key: "start_hz", label: "Drop the ball at", min: LOW, max: HIGH, log: true, show: hertz },
    { key: "target_hz", label: "Target", ...target, log: true, whole: true, show: (v) => `${v} Hz` },
    ...more,
    { key: "loss", label: "Loss", options: LOSSES.map((key) => [key, NAMES[key]]) },
  ],
  compute,
  height: () => 320,
  draw({ p, plot, view, width, height, box = [0, 0, width, height] }, s, n) {
    if (view.path !== n.path) {
      view.path = n.path;
      view.at = 0;
    }
    const high = Math.max(...n.curve);
    const c = (view.plot = plot(
      box,
      {
        title: NAMES[s.loss],
        legend: [
          [s.loss.startsWith("transport") ? "loss (Hz)" : "loss", p.mine],
          ["ball and its way", p.goal],
        ],
        x: [LOW, HIGH],
        y: [0, high * 1.12],
        log: true,
        xTicks,
        xLabel: "frequency (Hz)",
      },
      p,
    ));
    c.mark(s.target_hz, p.soft, "target");
    c.line(n.frequencies, n.curve, p.mine, 2);
    c.line(n.path.slice(0, view.at + 1), n.heights.slice(0, view.at + 1), p.goal, 4);
    c.dot(now(view), n.heights[view.at], p.goal, 9);
  },
  describe: (s, n, view) =>
    `Loss over frequency, ${NAMES[s.loss]}, with ${n.minima} local ${n.minima === 1 ? "minimum" : "minima"}; the target is ${s.target_hz} hertz. The ball is at ${hertz(now(view))} after ${view.at} of ${n.path.length - 1} steps; dropped at ${hertz(s.start_hz)} it comes to rest near ${hertz(n.end_hz)}, ${fixed(Math.abs(n.error_cents), 0)} cents too ${n.error_cents > 0 ? "high" : "low"}.`,
  readout: (s, n, view) => [
    ["start", hertz(s.start_hz)],
    ["ball", hertz(now(view))],
    ["end", hertz(n.end_hz)],
    ["error at the end", `${fixed(n.error_cents, 0)} cents`],
    ["local minima", String(n.minima)],
  ],
  // Whole hertz in the loop of one second, so that one can listen while the ball rolls.
  sounds: [
    { label: "Play target", loop: true, make: (s) => toneInNoise(s.target_hz, s.noise_db) },
    { label: "Play ball", loop: true, make: (s, n, view) => tones([[Math.round(now(view)), 1]], 16000) },
    {
      label: "Play both",
      loop: true,
      make: (s, n, view) => {
        const ball = tones([[Math.round(now(view)), 0.5]], 16000);
        return toneInNoise(s.target_hz, s.noise_db).map((v, i) => v / 2 + ball[i]);
      },
    },
  ],
  actions: [{ label: "Let it roll", run: roll }, ...(actions ?? [])],
  pointer(x, y, type, api) {
    if (type !== "up") api.set({ start_hz: api.view.plot.back(x) });
    else roll(api);
  },
});
