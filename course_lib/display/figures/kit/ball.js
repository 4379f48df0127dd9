// The ball in a landscape: gradient descent on the loss over the frequency of a sine.
import { FIELDS, HIGH, LOW, POINTS } from "../<kind>.py";
import { REST, STEPS, STRIDE } from "./ball.py";
import { FREQUENCIES } from "./landscape.js";
import { toneInNoise } from "./mass.js";
import { clamp, fixed, hertz } from "./numbers.js";
import { tones } from "./sound.js";

const NAMES = {
  waveform_l1: "Waveform L1",
  waveform_mse: "Waveform MSE",
  spectral_l1: "Spectrum L1",
  multiscale: "Multi-scale",
  transport: "Transport",
  transport_sharp: "Sharpened transport",
  lag: "Lags",
};

// The landscape does not depend on the ball: the last one is kept while it is dragged.
let last = {};
export function known(key, make) {
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
export function rollIn({ at, curve, minima }, start_hz, target_hz) {
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
export const ballAt = (view) => view.path?.[view.at] ?? 0;
function roll(api) {
  const last = api.numbers.path.length - 1;
  api.view.at = 0;
  api.animate(() => {
    api.view.at = Math.min(last, api.view.at + 1);
    api.redraw();
    return api.view.at < last;
  }, 25);
}

export const ballFigure = ({ more = [], compute, xTicks, actions = [] }) => ({
  controls: [
    { key: "start_hz", label: "Drop the ball at", log: true, show: hertz },
    { key: "target_hz", label: "Target", log: true, show: (v) => `${v} Hz` },
    ...more,
    { key: "loss", label: "Loss", options: FIELDS.loss.options.map((key) => [key, NAMES[key]]) },
  ],
  compute,
  height: () => 320,
  draw({ p, plot, view, width, height, box = [0, 0, width, height] }, s, n) {
    if (view.path !== n.path) {
      view.path = n.path;
      view.at = 0;
    }
    const high = Math.max(...n.curve);
    const c = (view.plot = plot(box, {
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
    }));
    c.mark(s.target_hz, p.soft, "target");
    c.line(n.frequencies, n.curve, p.mine, 2);
    c.line(n.path.slice(0, view.at + 1), n.heights.slice(0, view.at + 1), p.goal, 4);
    c.dot(ballAt(view), n.heights[view.at], p.goal, 9);
  },
  describe: (s, n, view) =>
    [
      `Loss over frequency, ${NAMES[s.loss]}, with ${n.minima} local ${n.minima === 1 ? "minimum" : "minima"};`,
      `the target is ${s.target_hz} hertz. The ball is at ${hertz(ballAt(view))} after ${view.at} of`,
      `${n.path.length - 1} steps; dropped at ${hertz(s.start_hz)} it comes to rest near ${hertz(n.end_hz)},`,
      `${fixed(Math.abs(n.error_cents), 0)} cents too ${n.error_cents > 0 ? "high" : "low"}.`,
    ].join(" "),
  readout: (s, n, view) => [
    ["start", hertz(s.start_hz)],
    ["ball", hertz(ballAt(view))],
    ["end", hertz(n.end_hz)],
    ["error at the end", `${fixed(n.error_cents, 0)} cents`],
    ["local minima", String(n.minima)],
  ],
  // Whole hertz in the loop of one second, so that one can listen while the ball rolls.
  sounds: [
    { label: "Play target", loop: true, make: (s) => toneInNoise(s.target_hz, s.noise_db) },
    { label: "Play ball", loop: true, make: (s, n, view) => tones([[Math.round(ballAt(view)), 1]], 16000) },
    {
      label: "Play both",
      loop: true,
      make: (s, n, view) => {
        const ball = tones([[Math.round(ballAt(view)), 1]], 16000);
        return toneInNoise(s.target_hz, s.noise_db).map((v, i) => v + ball[i]);
      },
    },
  ],
  actions: [{ label: "Let it roll", run: roll }, ...actions],
  pointer(x, y, type, api) {
    if (type !== "up") api.set({ start_hz: api.view.plot.back(x) });
    else roll(api);
  },
});
