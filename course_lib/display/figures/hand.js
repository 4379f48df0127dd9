// The turning hand: its height is a sine, its shadow a cosine.
import { SHOWN_MS } from "./hand.py";
import { mount } from "./kit/figure.js";
import { TAU, fixed, range } from "./kit/numbers.js";
import { tones } from "./kit/sound.js";

export function compute({ at_ms, frequency_hz, amplitude, sample_rate }) {
  const turns = (frequency_hz * at_ms) / 1000;
  return {
    samples: range(
      (SHOWN_MS * sample_rate) / 1000,
      (n) => amplitude * Math.sin((TAU * frequency_hz * n) / sample_rate),
    ),
    turns,
    height: amplitude * Math.sin(TAU * turns),
    shadow: amplitude * Math.cos(TAU * turns),
    step_rad: (TAU * frequency_hz) / sample_rate,
  };
}

function turn(api) {
  if (api.state.at_ms >= SHOWN_MS) api.set({ at_ms: 0 });
  api.animate(() => {
    api.set({ at_ms: Math.min(SHOWN_MS, api.state.at_ms + 0.04) });
    return api.state.at_ms < SHOWN_MS;
  }, 30);
}

function drawCircle(g, c, s, n, p) {
  const r = c.X(s.amplitude) - c.X(0);
  const [x, y] = [c.X(0), c.Y(0)];
  g.strokeStyle = p.edge;
  g.lineWidth = 1.5;
  g.beginPath();
  g.arc(x, y, r, 0, TAU);
  g.stroke();
  // Where the hand stands at the samples of one turn, or of all turns so far.
  for (let i = 0; i < n.samples.length && (1000 * i) / s.sample_rate <= s.at_ms; i++) {
    if (1000 * i < s.sample_rate * (s.at_ms - 1000 / s.frequency_hz)) continue;
    c.dot(s.amplitude * Math.cos(n.step_rad * i), s.amplitude * Math.sin(n.step_rad * i), p.soft, 4);
  }
  g.strokeStyle = p.goal;
  g.lineWidth = 2;
  g.beginPath();
  g.arc(x, y, Math.min(r, 22), 0, -TAU * (n.turns % 1), true);
  g.stroke();
  c.line([n.shadow, n.shadow], [0, n.height], p.soft, 1.5, [4, 3]);
  c.line([0, n.shadow], [0, 0], p.soft, 4);
  c.line([0, n.shadow], [0, n.height], p.mine, 3);
  c.dot(n.shadow, n.height, p.mine);
}

export const figure = {
  controls: [
    { key: "at_ms", label: "Time", step: 0.02, show: (v) => `${fixed(v, 2)} ms` },
    { key: "frequency_hz", label: "Frequency", log: true, show: (v) => `${v} Hz` },
    { key: "amplitude", label: "Length of the hand", step: 0.01 },
    {
      key: "sample_rate",
      label: "Sample rate",
      options: [
        [8000, "8,000 a second"],
        [16000, "16,000 a second"],
      ],
    },
  ],
  compute,
  height: (w) => (w >= 560 ? 300 : 500),
  draw({ g, p, plot, view, width }, s, n) {
    const wide = width >= 560;
    const y = [-1, 1];
    const yTicks = [-1, 0, 1];
    const circle = plot([0, 0, 292, 300], {
      title: "The hand",
      x: y,
      y,
      xTicks: yTicks,
      yTicks,
      xLabel: "shadow: A cos φ",
    });
    drawCircle(g, circle, s, n, p);
    const box = wide ? [292, 0, width - 292, 300] : [0, 300, width, 200];
    const wave = plot(box, { title: "Its height: A sin φ", x: [0, SHOWN_MS], y, yTicks, xLabel: "time (ms)" });
    view.wave = wave;
    const fine = range(400, (i) => (SHOWN_MS * i) / 399);
    wave.line(
      fine,
      fine.map((t) => s.amplitude * Math.sin((TAU * s.frequency_hz * t) / 1000)),
      p.grid,
      2,
    );
    const past = fine.filter((t) => t <= s.at_ms);
    wave.line(
      [...past, s.at_ms],
      [...past, s.at_ms].map((t) => s.amplitude * Math.sin((TAU * s.frequency_hz * t) / 1000)),
      p.mine,
      2.5,
    );
    for (const [i, v] of n.samples.entries()) wave.dot((1000 * i) / s.sample_rate, v, p.soft, 3.5);
    if (wide) {
      g.strokeStyle = p.goal;
      g.lineWidth = 1.5;
      g.setLineDash([4, 3]);
      g.beginPath();
      g.moveTo(circle.X(n.shadow), circle.Y(n.height));
      g.lineTo(wave.X(s.at_ms), wave.Y(n.height));
      g.stroke();
      g.setLineDash([]);
    }
    wave.dot(s.at_ms, n.height, p.mine);
  },
  describe: (s, n) =>
    [
      `A hand of length ${fixed(s.amplitude, 2)} turns ${s.frequency_hz} times a second. After ${fixed(s.at_ms, 2)}`,
      `milliseconds it has made ${fixed(n.turns, 2)} turns; its height is ${fixed(n.height, 2)}, its shadow`,
      `${fixed(n.shadow, 2)}. From sample to sample it turns by ${fixed(n.step_rad)} radians.`,
    ].join(" "),
  readout: (s, n) => [
    ["turns", fixed(n.turns, 2)],
    ["φ", `${fixed(TAU * n.turns, 2)} rad`],
    ["A e^(iφ)", `${fixed(n.shadow, 2)} ${n.height < -0.005 ? "−" : "+"} ${fixed(Math.abs(n.height), 2)} i`],
    ["frequency", `${s.frequency_hz} Hz`],
    ["a sample", `${fixed(n.step_rad)} rad`],
  ],
  sounds: [{ label: "Play", loop: true, make: (s) => tones([[s.frequency_hz, s.amplitude]], 16000) }],
  actions: [{ label: "Let it turn, slowly", run: turn }],
  pointer(x, y, type, { set, view }) {
    if (type !== "up" && view.wave.has(x, y)) set({ at_ms: view.wave.back(x) });
  },
};

export const render = (context) => mount(context, figure);
