// Descent on the cutoff of a low-pass, through its frequency response, in octaves.
import { BINS, HIGH, LEAST_HZ, LOW, MOST_HZ, ORDER, POINTS } from "./cutoff.py";
import { mount } from "./kit/figure.js";
import { clamp, fixed, hertz, logspace, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";
import { tones } from "./kit/sound.js";

const F = logspace(LEAST_HZ, MOST_HZ, BINS);
const SAW = 110;
const response = (cutoff, f) => 1 / Math.sqrt(1 + (f / cutoff) ** (2 * ORDER));

export function compute({ cutoff_hz, target_hz, step_size }) {
  const goal = F.map((f) => response(target_hz, f));
  // Mean squared difference of the magnitudes and its derivative per octave of cutoff.
  const at = (cutoff) => {
    let loss = 0;
    let slope = 0;
    F.forEach((f, i) => {
      const H = response(cutoff, f);
      const r = H - goal[i];
      loss += r * r;
      slope += 2 * r * ORDER * (f / cutoff) ** (2 * ORDER) * H ** 3 * Math.LN2;
    });
    return [loss / F.length, slope / F.length];
  };
  const cutoffs = logspace(LOW, HIGH, POINTS);
  const all = cutoffs.map(at);
  const [loss, gradient] = at(cutoff_hz);
  const steepest = Math.max(...all.map((v) => Math.abs(v[1])));
  return {
    frequencies: F,
    response: F.map((f) => response(cutoff_hz, f)),
    goal,
    cutoffs,
    curve: all.map((v) => v[0]),
    loss,
    gradient,
    steepest,
    next_hz: clamp(cutoff_hz * 2 ** ((-step_size * gradient) / steepest), LOW, HIGH),
    off_octaves: Math.log2(cutoff_hz / target_hz),
  };
}

// A saw of 72 harmonics at 110 Hz, each harmonic scaled by the response.
const saw = (cutoff) =>
  tones(
    range(72, (i) => [SAW * (i + 1), (2 / Math.PI / (i + 1)) * (cutoff ? response(cutoff, SAW * (i + 1)) : 1)]),
    16000,
  );
const TICKS = [50, 100, 200, 500, 1000, 2000, 5000];

export const figure = {
  controls: [
    { key: "cutoff_hz", label: "Cutoff", log: true, show: hertz },
    { key: "target_hz", label: "Target’s cutoff", log: true, show: hertz },
    { key: "step_size", label: "Step size", step: 0.05, show: (v) => `${fixed(v, 2)} oct` },
  ],
  compute,
  height: (w) => (w >= 560 ? 290 : 470),
  draw({ g, p, plot, view, width, height }, s, n) {
    const [a, b] = split(width, height, [1, 1]);
    const left = (view.left = plot(a, {
      title: "Response",
      legend: [
        ["target", p.goal],
        ["now", p.mine],
      ],
      x: [LEAST_HZ, MOST_HZ],
      y: [0, 1.1],
      log: true,
      xTicks: TICKS,
      xLabel: "frequency (Hz)",
    }));
    // The difference that the loss measures.
    left.inside(() => {
      g.fillStyle = p.grid;
      g.beginPath();
      for (let i = 0; i < F.length; i++) g.lineTo(left.X(F[i]), left.Y(n.goal[i]));
      for (let i = F.length - 1; i >= 0; i--) g.lineTo(left.X(F[i]), left.Y(n.response[i]));
      g.fill();
    });
    left.line(F, n.goal, p.goal, 2, [6, 3]);
    left.line(F, n.response, p.mine, 2.5);
    left.dot(s.cutoff_hz, Math.SQRT1_2, p.mine, 6);
    const top = Math.max(...n.curve) * 1.08;
    const c = (view.curve = plot(b, {
      title: "Loss",
      legend: [
        ["− gradient", p.goal],
        ["○ next", p.goal],
      ],
      x: [LOW, HIGH],
      y: [0, top],
      log: true,
      xTicks: TICKS,
      xLabel: "cutoff (Hz)",
    }));
    c.mark(s.target_hz, p.soft, "target");
    c.line(n.cutoffs, n.curve, p.mine, 2.5);
    const run = (-1.2 * n.gradient) / n.steepest;
    c.arrow(
      s.cutoff_hz,
      n.loss,
      c.X(s.cutoff_hz * 2 ** run) - c.X(s.cutoff_hz),
      c.Y(n.loss + run * n.gradient) - c.Y(n.loss),
      p.goal,
    );
    c.dot(s.cutoff_hz, n.loss, p.mine);
    c.stem(n.next_hz, 0, p.goal, true);
  },
  describe(s, n) {
    const way = `descent moves the cutoff ${n.gradient > 0 ? "down" : "up"}`;
    return [
      `Low-pass responses: the target’s cutoff is ${hertz(s.target_hz)}, the present one ${hertz(s.cutoff_hz)},`,
      `${fixed(Math.abs(n.off_octaves), 2)} octaves ${n.off_octaves > 0 ? "above" : "below"} it.`,
      `Beside it, the loss over the cutoff with the dot at ${fixed(n.loss, 4)};`,
      `${Math.abs(n.gradient) < 1e-5 ? "the gradient is zero: it rests" : way}.`,
    ].join(" ");
  },
  readout: (s, n) => [
    ["cutoff", hertz(s.cutoff_hz)],
    ["loss", fixed(n.loss, 5)],
    ["gradient per octave", fixed(n.gradient, 4)],
    ["next", hertz(n.next_hz)],
    ["off by", `${fixed(n.off_octaves, 2)} oct`],
  ],
  sounds: [
    { label: "Play target", loop: true, make: (s) => saw(s.target_hz) },
    { label: "Play filtered", loop: true, make: (s) => saw(s.cutoff_hz) },
    { label: "Play unfiltered", loop: true, make: () => saw(0) },
  ],
  actions: [
    {
      label: "One step",
      run: (api) => {
        api.halt();
        api.set({ cutoff_hz: api.numbers.next_hz });
      },
    },
    {
      label: "Run 40 steps",
      run: (api) => {
        let left = 40;
        api.animate(() => {
          api.set({ cutoff_hz: api.numbers.next_hz });
          return --left > 0;
        }, 90);
      },
    },
  ],
  pointer(x, y, type, { set, view }) {
    if (type !== "up") set({ cutoff_hz: (view.left.has(x, y) ? view.left : view.curve).back(x) });
  },
};

export const render = (context) => mount(context, figure);
