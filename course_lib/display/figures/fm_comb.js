// The comb of the loss over the ratio of an FM sound, and a ball that slides on it.
import { F0, FIELDS, HIGH, INDEX, LOW, N, POINTS, STRIDE } from "./fm_comb.py";
import { REST, STEPS } from "./kit/ball.py";
import { mount } from "./kit/figure.js";
import { spectra, transport, whole } from "./kit/mass.js";
import { RATE } from "./kit/mass.py";
import { clamp, fixed, logspace, range, TAU } from "./kit/numbers.js";

const RATIOS = logspace(LOW, HIGH, POINTS);
const VIEW = whole(N, "hann");
const NAMES = { spectral_l1: "Spectrum L1", transport: "Transport" };

const bent = (ratio, i, rate) => {
  const turns = (F0 * i) / rate;
  return TAU * turns + INDEX * Math.sin(TAU * ratio * turns);
};
const sound = (ratio) => Float64Array.from({ length: N }, (_, i) => 0.5 * Math.sin(bent(ratio, i, RATE)));
// Its change for each octave of the ratio.
const drift = (ratio) =>
  Float64Array.from({ length: N }, (_, i) => {
    const phase = (TAU * ratio * F0 * i) / RATE;
    return 0.5 * Math.cos(bent(ratio, i, RATE)) * INDEX * Math.cos(phase) * phase * Math.LN2;
  });
// [loss, change] of magnitudes and their change.
function losses(goal, loss) {
  if (loss === "transport") {
    const far = transport(goal, 2);
    return (x, dx) => far(x, dx).map((v) => (v * RATE) / N);
  }
  return (x, dx) => {
    let sum = 0;
    let change = 0;
    for (let k = 0; k < x.length; k++) {
      sum += Math.abs(x[k] - goal[k]);
      if (dx) change += Math.sign(x[k] - goal[k]) * dx[k];
    }
    return [sum / x.length, change / x.length];
  };
}
// The spectra of the grid never change; the curve only with target and loss.
let grid;
let last = {};
function landscape(target, loss) {
  const key = `${target} ${loss}`;
  if (last.key === key) return last;
  grid ??= range(POINTS, (i) => spectra(VIEW, sound(RATIOS[i]), sound(RATIOS[i]))[0]);
  const wave = sound(target);
  const far = losses(spectra(VIEW, wave, wave)[0], loss);
  const curve = grid.map((x) => far(x)[0]);
  const deep = 1e-9 * Math.max(...curve);
  const minima = curve.filter((v, i) => i && i < POINTS - 1 && v < curve[i - 1] - deep && v < curve[i + 1] - deep);
  last = { key, far, curve, minima: minima.length };
  return last;
}
export function compute({ start, target, loss }) {
  const { far, curve, minima } = landscape(target, loss);
  const path = [start];
  const heights = [];
  let u = Math.log2(start);
  let stride = STRIDE;
  let before = 0;
  for (let t = 0; t <= STEPS; t++) {
    const [value, slope] = far(...spectra(VIEW, sound(path[t]), drift(path[t]), true));
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
  return { curve, minima, path, heights, end: path.at(-1) };
}
const ball = (view, s) => view.path?.[view.at] ?? s.start;
function roll(api) {
  const end = api.numbers.path.length - 1;
  api.view.at = 0;
  api.animate(() => {
    api.view.at = Math.min(end, api.view.at + 1);
    api.redraw();
    return api.view.at < end;
  }, 25);
}
// One second; the ratios of the slider make whole hertz, a ball on its way a small seam.
const heard = (ratio) => {
  const whole = Math.round(ratio * F0) / F0;
  return Float64Array.from({ length: 16000 }, (_, i) => 0.5 * Math.sin(bent(whole, i, 16000)));
};

export const figure = {
  controls: [
    { key: "start", label: "Drop the ball at ratio", log: true, show: (v) => fixed(v, 2) },
    { key: "target", label: "Ratio of the target", options: FIELDS.target.options.map((v) => [v, String(v)]) },
    { key: "loss", label: "Loss", options: FIELDS.loss.options.map((key) => [key, NAMES[key]]) },
  ],
  compute,
  height: () => 320,
  draw({ p, plot, view, width, height }, s, n) {
    if (view.path !== n.path) {
      view.path = n.path;
      view.at = 0;
    }
    const c = (view.plot = plot([0, 0, width, height], {
      title: NAMES[s.loss],
      legend: [
        [s.loss === "transport" ? "loss (Hz)" : "loss", p.mine],
        ["ball and its way", p.goal],
      ],
      x: [LOW, HIGH],
      y: [0, Math.max(...n.curve) * 1.12],
      log: true,
      xTicks: [0.5, 1, 2, 3, 4, 5, 6, 7, 8],
      xLabel: "ratio of modulator to carrier",
    }));
    c.mark(s.target, p.soft, "target");
    c.line(RATIOS, n.curve, p.mine, 1.5);
    c.line(n.path.slice(0, view.at + 1), n.heights.slice(0, view.at + 1), p.goal, 4);
    c.dot(ball(view, s), n.heights[view.at], p.goal, 9);
  },
  describe: (s, n, view) =>
    [
      `Loss over the ratio, ${NAMES[s.loss]}, with ${n.minima} local minima; the target’s ratio is ${s.target}.`,
      `The ball is at ${fixed(ball(view, s), 2)} after ${view.at ?? 0} of ${n.path.length - 1} steps; dropped at`,
      `${fixed(s.start, 2)} it comes to rest at ${fixed(n.end, 3)}.`,
    ].join(" "),
  readout: (s, n, view) => [
    ["start", fixed(s.start, 2)],
    ["ball", fixed(ball(view, s), 3)],
    ["end", fixed(n.end, 3)],
    ["local minima", String(n.minima)],
  ],
  sounds: [
    { label: "Play target", loop: true, make: (s) => heard(s.target) },
    { label: "Play ball", loop: true, make: (s, _n, view) => heard(ball(view, s)) },
  ],
  actions: [{ label: "Let it slide", run: roll }],
  pointer(x, y, type, api) {
    if (type !== "up") api.set({ start: api.view.plot.back(x) });
    else roll(api);
  },
};

export const render = (context) => mount(context, figure);
