// Transport: two spectra as heaps of mass, and how far one must travel to become the other.
import { CLEAN_DB, RATE, SEED } from "./kit/mass.py";
import { FIELDS, HIGH, LOW, N } from "./transport.py";
import { mount } from "./kit/figure.js";
import {
  WINDOWS,
  mass,
  noisy,
  signalToNoise,
  sineWave,
  spectra,
  summed,
  toneInNoise,
  transport,
  whole,
} from "./kit/mass.js";
import { fixed, hertz, mean, range } from "./kit/numbers.js";
import { tones } from "./kit/sound.js";

const CURVES = range(N / 2 + 1, (k) => (k * RATE) / N);

export function compute({ sine_hz, target_hz, noise_db, power, window }) {
  const view = whole(N, window);
  const sine = sineWave(sine_hz, N, RATE);
  const change = sineWave(sine_hz, N, RATE, (v) => (Math.cos(v) * v) / sine_hz);
  const goal = spectra(view, noisy(sineWave(target_hz, N, RATE), noise_db, SEED), sine)[0];
  const [seen, drift] = spectra(view, sine, change, true);
  const [way, slope] = transport(goal, power)(seen, drift);
  const target_mass = mass(goal, power);
  const sine_mass = mass(seen, 2);
  return {
    target_mass: [...target_mass],
    sine_mass: [...sine_mass],
    target_sum: [...summed(target_mass)],
    sine_sum: [...summed(sine_mass)],
    transport_hz: (way * RATE) / N,
    slope: (slope * RATE) / N,
    distance_hz: Math.abs(sine_hz - target_hz),
    spectral_l1: mean(goal.map((v, k) => Math.abs(v - seen[k]))),
  };
}

export const figure = {
  controls: [
    { key: "sine_hz", label: "Sine", step: 1, show: hertz },
    { key: "target_hz", label: "Target", step: 1, show: (v) => `${v} Hz` },
    { key: "noise_db", label: "Target over noise", step: 1, show: signalToNoise },
    {
      key: "power",
      label: "Target’s magnitudes to the power of",
      options: FIELDS.power.options.map((v) => [v, String(v)]),
    },
    { key: "window", label: "Window", options: WINDOWS },
  ],
  compute,
  height: (w) => (w >= 560 ? 400 : 440),
  draw({ g, p, plot, view, width, height }, s, n) {
    const top = 0.44 * height;
    const x = [0, RATE / 2];
    const high = Math.max(...n.target_mass, ...n.sine_mass);
    const a = (view.plot = plot([0, 0, width, top], {
      title: "Mass",
      legend: [
        ["target", p.goal],
        ["sine", p.mine],
        ["● drag", p.mine],
      ],
      x,
      y: [0, high * 1.15],
    }));
    for (const [m, colour] of [
      [n.target_mass, p.goal],
      [n.sine_mass, p.mine],
    ])
      a.line(CURVES, m, colour, 2);
    a.dot(s.sine_hz, Math.max(...n.sine_mass), p.mine, 8);
    const b = plot([0, top, width, height - top], {
      title: "Summed from the left",
      legend: [["▒ between: loss", p.soft]],
      x,
      y: [0, 1.05],
      yTicks: [0, 0.25, 0.5, 0.75, 1],
      xLabel: "frequency (Hz)",
    });
    b.inside(() => {
      g.fillStyle = p.edge;
      g.beginPath();
      for (let k = 0; k <= N / 2; k++) g.lineTo(b.X(CURVES[k]), b.Y(n.target_sum[k]));
      for (let k = N / 2; k >= 0; k--) g.lineTo(b.X(CURVES[k]), b.Y(n.sine_sum[k]));
      g.fill();
    });
    b.line(CURVES, n.target_sum, p.goal, 2.5);
    b.line(CURVES, n.sine_sum, p.mine, 2.5);
    // Where descent pushes the sine: at half its mass.
    const push = -Math.sign(n.slope) * Math.min(60, 60 * Math.abs(n.slope), Math.abs(b.X(n.transport_hz) - b.X(0)));
    b.arrow(s.sine_hz, 0.5, push, 0, p.mine);
  },
  describe: (s, n) =>
    [
      `Above, the share of the sound at each frequency: the target’s mass, at ${s.target_hz} hertz with`,
      `${s.noise_db >= CLEAN_DB ? "no noise" : `noise ${fixed(s.noise_db, 0)} decibels below it`}, and a sine’s`,
      `at ${hertz(s.sine_hz)}. Below, both summed from the left; the area between them is the loss,`,
      `${fixed(n.transport_hz, 0)} hertz, where the sine is ${fixed(n.distance_hz, 0)} hertz away.`,
      `Descent moves the sine ${n.slope > 0 ? "down" : "up"}.`,
    ].join(" "),
  readout: (s, n) => [
    ["transport (loss)", `${fixed(n.transport_hz, 1)} Hz`],
    ["true distance", `${fixed(n.distance_hz, 1)} Hz`],
    ["slope", `${fixed(n.slope, 2)} Hz per Hz`],
    ["spectrum L1, to compare", fixed(n.spectral_l1, 4)],
  ],
  sounds: [
    { label: "Play target", loop: true, make: (s) => toneInNoise(s.target_hz, s.noise_db) },
    { label: "Play sine", loop: true, make: (s) => tones([[Math.round(s.sine_hz), 1]], 16000) },
  ],
  actions: [
    {
      label: "Slide downhill",
      run: (api) => {
        let stride = 120;
        let before = 0;
        api.animate(() => {
          const way = -Math.sign(api.numbers.slope);
          if (way * before < 0) stride /= 2;
          before = way;
          api.set({ sine_hz: api.state.sine_hz + way * Math.min(stride, Math.max(1, api.numbers.transport_hz)) });
          return stride > 0.1 && way !== 0 && api.state.sine_hz > LOW && api.state.sine_hz < HIGH;
        }, 60);
      },
    },
  ],
  pointer(x, y, type, { set, view }) {
    if (type !== "up") set({ sine_hz: view.plot.back(x) });
  },
};

export const render = (context) => mount(context, figure);
