// The oscillator: frequency becomes phase, phase becomes sound. 20 ms of both.
import { N, RATE } from "./oscillator.py";
import { mount } from "./kit/figure.js";
import { TAU, fixed, range } from "./kit/numbers.js";
import { tones } from "./kit/sound.js";

export function compute({ frequency_hz, amplitude, phase_deg }) {
  const start = (phase_deg * Math.PI) / 180;
  const step = (TAU * frequency_hz) / RATE;
  // Whole hertz: the turns are counted exactly, then wrapped to [−π, π).
  const wrap = (x) => x - TAU * Math.floor((x + Math.PI) / TAU);
  const phase = range(N, (i) => wrap(TAU * (((frequency_hz * i) % RATE) / RATE) + start));
  return { phase, wave: phase.map((v) => amplitude * Math.sin(v)), step, period_ms: 1000 / frequency_hz };
}

export const figure = {
  controls: [
    { key: "frequency_hz", label: "Frequency", log: true, show: (v) => `${v} Hz` },
    { key: "amplitude", label: "Amplitude", step: 0.01 },
    { key: "phase_deg", label: "Phase at the start", step: 1, show: (v) => `${Math.round(v)}°`.replace("-", "−") },
  ],
  compute,
  height: () => 380,
  draw({ p, plot, view, width, height }, s, n) {
    const time = range(N, (i) => (1000 * i) / RATE);
    const x = [0, 20];
    const wave = (view.wave = plot([0, 0, width, height * 0.52], {
      title: "Sound",
      legend: [
        ["A sin φ", p.mine],
        ["drag me", p.soft],
      ],
      x,
      y: [-1, 1],
      yTicks: [-1, 0, 1],
    }));
    wave.line(time, n.wave, p.mine, 2.5);
    const ramp = plot([0, height * 0.52, width, height * 0.48], {
      title: "Phase",
      legend: [["φ, wrapped (rad)", p.goal]],
      x,
      y: [-Math.PI, Math.PI],
      yTicks: [-Math.PI, 0, Math.PI],
      yText: (v) => (v ? (v < 0 ? "−π" : "π") : "0"),
      xLabel: "time (ms)",
    });
    ramp.line(time, n.phase, p.goal);
    wave.dot(0, n.wave[0], p.mine, 5);
    ramp.dot(0, n.phase[0], p.goal, 5);
  },
  describe: (s, n) =>
    [
      `20 milliseconds of a sine of ${s.frequency_hz} hertz, amplitude ${fixed(s.amplitude, 2)}, starting at`,
      `${Math.round(s.phase_deg)} degrees; below, its phase climbs ${fixed(n.step)} radians a sample and wraps`,
      `every ${fixed(n.period_ms, 2)} milliseconds.`,
    ].join(" "),
  readout: (s, n) => [
    ["frequency", `${s.frequency_hz} Hz`],
    ["amplitude", fixed(s.amplitude, 2)],
    ["period", `${fixed(n.period_ms, 2)} ms`],
    ["phase per sample", `${fixed(n.step, 4)} rad`],
    ["first sample", fixed(n.wave[0])],
  ],
  sounds: [
    {
      label: "Play",
      loop: true,
      make: (s) => tones([[s.frequency_hz, s.amplitude, (s.phase_deg * Math.PI) / 180]], RATE),
    },
  ],
  // Up and down is the amplitude, sideways shifts the wave in time: the phase.
  grabs: (x, y, view) => view.wave.has(x, y),
  pointer(x, y, type, { set, view, state }) {
    const t = view.wave.back(x) / 1000;
    if (type === "down") view.from = { t, phase: state.phase_deg, tall: view.wave.has(x, y) };
    if (type === "up") return;
    const turned = view.from.phase - 360 * state.frequency_hz * (t - view.from.t);
    set({
      amplitude: view.from.tall ? +Math.abs(view.wave.backY(y)).toFixed(2) : state.amplitude,
      phase_deg: Math.round(turned - 360 * Math.floor((turned + 180) / 360)),
    });
  },
};

export const render = (context) => mount(context, figure);
