// Gain against loss. A sine x through a gain g should match a target of gain g* and shifted phase.
import { G_MAX, N, POINTS, RATE, TONE } from "./gain.py";
import { mount } from "./kit/figure.js";
import { TAU, clamp, fixed, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";
import { tones } from "./kit/sound.js";
import { magnitudes } from "./kit/spectrum.js";

const LOSSES = [
  ["waveform_l1", "Waveform L1"],
  ["waveform_mse", "Waveform MSE"],
  ["spectral_l1", "Spectral L1"],
];
// A loss sets the step size as well: the slope of the spectral one, a mean over mostly empty bins, is small.
const STEPS = { waveform_l1: 0.1, waveform_mse: 0.4, spectral_l1: 5 };

export function compute({ gain, phase_deg, target_gain, loss, step_size }) {
  const input = range(N, (i) => Math.sin((TAU * TONE * i) / RATE));
  const target = range(N, (i) => target_gain * Math.sin((TAU * TONE * i) / RATE + (phase_deg * Math.PI) / 180));
  // Spectra are scaled by 2 / sum of the Hann window: a sine of amplitude 1 peaks at 1.
  const spectrum = (sound) => magnitudes(sound).map((m) => (4 / N) * m);
  const [x, y] = loss === "spectral_l1" ? [spectrum(input), spectrum(target)] : [input, target];
  // Loss and its derivative at gain g; the spectrum of g·x is |g|·|X|.
  const at = (g) => {
    let value = 0;
    let slope = 0;
    for (let i = 0; i < x.length; i++)
      if (loss === "waveform_mse") {
        const r = g * x[i] - y[i];
        value += r * r;
        slope += 2 * r * x[i];
      } else {
        const size = loss === "spectral_l1" ? Math.abs(g) : g;
        const r = size * x[i] - y[i];
        value += Math.abs(r);
        slope += Math.sign(r) * x[i] * (loss === "spectral_l1" ? Math.sign(g) : 1);
      }
    return [value / x.length, slope / x.length];
  };
  const gains = range(POINTS, (i) => -G_MAX + (2 * G_MAX * i) / (POINTS - 1));
  const all = gains.map(at);
  const curve = all.map((v) => v[0]);
  const [value, gradient] = at(gain);
  // The arrow's length is in units of the steepest slope, so that it is seen with every loss.
  const steepest = Math.max(...all.map((v) => Math.abs(v[1])));
  // Of two equal minima (spectra ignore the sign) the positive one.
  const costs = curve.map((v, i) => v + (gains[i] < 0 ? 1e-9 : 0));
  const lowest = gains[costs.indexOf(Math.min(...costs))];
  return {
    input,
    target,
    gains,
    curve,
    loss: value,
    gradient,
    steepest,
    next: clamp(gain - step_size * gradient, -G_MAX, G_MAX),
    lowest,
  };
}

export const figure = {
  controls: [
    { key: "gain", label: "Gain g", step: 0.01, show: (v) => fixed(v, 2) },
    { key: "phase_deg", label: "Phase shift of the target", step: 1, show: (v) => `${Math.round(v)}°` },
    { key: "step_size", label: "Step size η", log: true, show: (v) => fixed(v, 2) },
    { key: "loss", label: "Loss", options: LOSSES, put: (v) => ({ loss: v, step_size: STEPS[v] }) },
  ],
  compute,
  height: (w) => (w >= 560 ? 290 : 470),
  draw({ p, plot, view, width, height }, s, n) {
    const [a, b] = split(width, height, [1, 1.15]);
    const time = range(N, (i) => (1000 * i) / RATE);
    const wave = plot(a, {
      title: "Sound",
      legend: [
        ["target", p.goal],
        ["g · x", p.mine],
      ],
      x: [0, 16],
      y: [-2, 2],
      xLabel: "time (ms)",
    });
    wave.line(time, n.target, p.goal, 2, [6, 3]);
    wave.line(
      time,
      n.input.map((v) => s.gain * v),
      p.mine,
    );
    const top = Math.max(...n.curve) * 1.08;
    const c = (view.curve = plot(b, {
      title: LOSSES.find(([k]) => k === s.loss)[1],
      legend: [
        ["− gradient", p.goal],
        ["○ next", p.goal],
      ],
      x: [-G_MAX, G_MAX],
      y: [0, top],
      xLabel: "gain g",
    }));
    c.mark(s.target_gain, p.soft, "g*");
    c.line(n.gains, n.curve, p.mine, 2.5);
    // Along the tangent, downhill; its length grows with the gradient.
    const run = (-0.7 * n.gradient) / n.steepest;
    c.arrow(s.gain, n.loss, c.X(s.gain + run) - c.X(s.gain), c.Y(n.loss + run * n.gradient) - c.Y(n.loss), p.goal);
    c.dot(s.gain, n.loss, p.mine);
    c.stem(n.next, 0, p.goal, true, 0);
  },
  describe(s, n) {
    const way = `descent goes to ${n.gradient > 0 ? "smaller" : "larger"} gain`;
    return [
      `Loss curve over the gain, lowest at ${fixed(n.lowest, 2)}; the target has gain`,
      `${fixed(s.target_gain, 2)} and is shifted by ${Math.round(s.phase_deg)} degrees.`,
      `The dot is at gain ${fixed(s.gain, 2)}, loss ${fixed(n.loss)};`,
      `${Math.abs(n.gradient) < 1e-9 ? "the gradient is zero: it rests" : way}.`,
    ].join(" ");
  },
  readout: (s, n) => [
    ["gain", fixed(s.gain)],
    ["loss", fixed(n.loss)],
    ["gradient", fixed(n.gradient)],
    ["next g = g − η · gradient", fixed(n.next)],
    ["lowest at g =", fixed(n.lowest, 2)],
  ],
  sounds: [
    {
      label: "Play target",
      loop: true,
      make: (s) => tones([[TONE, s.target_gain, (s.phase_deg * Math.PI) / 180]], RATE),
    },
    { label: "Play g · x", loop: true, make: (s) => tones([[TONE, s.gain]], RATE) },
  ],
  actions: [
    {
      label: "One step",
      run: (api) => {
        api.halt();
        api.set({ gain: api.numbers.next });
      },
    },
    {
      label: "Run 60 steps",
      run: (api) => {
        let left = 60;
        api.animate(() => {
          api.set({ gain: api.numbers.next });
          return --left > 0;
        });
      },
    },
  ],
  pointer(x, y, type, { set, view }) {
    if (type !== "up") set({ gain: view.curve.back(x) });
  },
};

export const render = (context) => mount(context, figure);
