// A recorded fit: drag through its steps, see the loss fall and the mean spectrum approach the target's.
import { BANDS, RECORDS } from "./history.py";
import { mount } from "./kit/figure.js";
import { clamp, fixed, mean, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";
import { tones } from "./kit/sound.js";

const BUZZ = 110;

export function compute({ record, steps, losses, spectra_db, target_db }) {
  const spectrum = spectra_db.slice(record * BANDS, (record + 1) * BANDS);
  return {
    step: steps[record],
    loss: losses[record],
    spectrum,
    off_db: mean(spectrum.map((v, i) => Math.abs(v - target_db[i]))),
    fall: losses[record] / Math.max(losses[0], 1e-9),
  };
}

// A buzz whose harmonics have the levels of a spectrum; the target's add up to full scale, the rest keeps its distance.
function buzz(spectrum, s) {
  const amplitude = (levels, hz) => 10 ** (levels[clamp(Math.floor((hz / s.max_hz) * BANDS), 0, BANDS - 1)] / 20);
  const ks = range(Math.floor(Math.min(s.max_hz, 7999) / BUZZ), (i) => BUZZ * (i + 1));
  const sum = (levels) => ks.reduce((a, hz) => a + amplitude(levels, hz), 0);
  const scale = 1 / Math.max(sum(s.target_db), sum(spectrum) / 3);
  return tones(
    ks.map((hz) => [hz, scale * amplitude(spectrum, hz)]),
    16000,
  );
}

export const figure = {
  controls: [{ key: "record", label: "Record", step: 1, show: (v, s) => `step ${s.steps[v]}` }],
  compute,
  height: (w) => (w >= 560 ? 280 : 460),
  draw({ p, plot, view, width, height }, s, n) {
    const [a, b] = split(width, height, [1, 1.4]);
    const top = Math.max(...s.losses, 1e-6) * 1.08;
    const last = Math.max(s.steps[RECORDS - 1], 1);
    const c = (view.curve = plot(a, { title: "Loss", x: [0, last], y: [0, top], xLabel: "step" }));
    c.line(s.steps, s.losses, p.mine, 2.5);
    c.dot(n.step, n.loss, p.mine);
    const high = Math.max(...s.target_db, ...s.spectra_db);
    const hz = range(BANDS, (i) => ((i + 0.5) / BANDS) * s.max_hz);
    const d = plot(b, {
      title: "Mean spectrum (dB)",
      legend: [
        ["target", p.goal],
        ["fit", p.mine],
      ],
      x: [0, s.max_hz],
      y: [Math.max(-100, high - 90), high + 5],
      xLabel: "frequency (Hz)",
    });
    d.line(hz, s.target_db, p.goal, 2, [6, 3]);
    d.line(hz, n.spectrum, p.mine);
  },
  describe: (s, n) =>
    [
      "Loss over the steps of a fit and, beside it, the mean spectra of the fit and of its target.",
      `At step ${n.step} the loss is ${fixed(n.loss)} and the spectra differ by ${fixed(n.off_db, 1)} decibels`,
      "on average.",
    ].join(" "),
  readout: (s, n) => [
    ["step", String(n.step)],
    ["loss", fixed(n.loss)],
    ["of the first", `${Math.round(100 * n.fall)} %`],
    ["spectra differ by", `${fixed(n.off_db, 1)} dB`],
  ],
  sounds: [
    { label: "Buzz with the target’s spectrum", loop: true, make: (s) => buzz(s.target_db, s) },
    { label: "Buzz with this step’s spectrum", loop: true, make: (s, n) => buzz(n.spectrum, s) },
  ],
  actions: [
    {
      label: "Run",
      run: (api) => {
        let next = 0;
        api.animate(() => {
          api.set({ record: next });
          return ++next < RECORDS;
        }, 250);
      },
    },
  ],
  pointer(x, y, type, { set, view, state }) {
    if (type === "up") return;
    const at = view.curve.back(x);
    const near = state.steps.map((v) => Math.abs(v - at));
    set({ record: near.indexOf(Math.min(...near)) });
  },
};

export const render = (context) => mount(context, figure);
