// A recorded fit: step through it, hear the sound of each step and see its spectrogram beside the target's.
import { BANDS, CURVE, GAP_S, RECORDS } from "./history.py";
import { mount } from "./kit/figure.js";
import { fixed, mean, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";
import { decoded } from "./kit/recordings.js";
import { LOUD_TO_SOFT_DB, loudest, picture } from "./kit/spectrogram.js";

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

// The sounds were stored at the level they are played at; their own level is `gain_db` below.
const own = (x, s) => x.map((v) => v / 10 ** (s.gain_db / 20));
// Every step in turn, then the target; `GAP_S` of silence after each.
const stride = (s, view) => view.sounds[0].length + Math.round(GAP_S * s.rate);
function inTurn(s, view) {
  const out = new Float32Array(view.sounds.length * stride(s, view));
  const n = Math.round(0.01 * s.rate);
  view.sounds.forEach((x, i) => {
    const faded = x.map((v, t) => v * Math.min(1, t / n, (x.length - 1 - t) / n));
    out.set(own(faded, s), i * stride(s, view));
  });
  return out;
}
const spectrumHeight = (w) => (w >= 560 ? 220 : 420);
const sound = (label, at, more) => ({
  label,
  rate: (s) => s.rate,
  louder: (s) => s.gain_db,
  make: (s, n, view) => own(view.sounds[at(s)], s),
  loop: true,
  phrase: true,
  during(seconds, { view, state, redraw }) {
    view.heard = seconds === null ? null : { at: at(state), seconds };
    redraw();
  },
  ...more,
});

export const figure = {
  load: async (s, view) => {
    view.sounds = await Promise.all(s.sounds.map((text) => decoded(text, s.rate)));
    view.pictures = view.top_db = null;
  },
  controls: [{ key: "record", label: "Step of the fit", step: 1, show: (v, s) => `step ${s.steps[v]}` }],
  compute,
  height: (w) => spectrumHeight(w) + (w >= 560 ? 230 : 420),
  draw({ g, p, plot, view, width, height }, s, n) {
    const upper = spectrumHeight(width);
    const [a, b] = split(width, upper - 8, [1, 1.2]);
    const last = Math.max(s.steps[RECORDS - 1], 1);
    const c = (view.curve = plot(a, {
      title: "Loss",
      x: [0, last],
      y: [0, Math.max(...s.curve, ...s.losses, 1e-6) * 1.08],
      xLabel: "step",
    }));
    c.line(
      range(CURVE, (i) => (i * last) / (CURVE - 1)),
      s.curve,
      p.mine,
    );
    s.steps.forEach((step, i) => {
      c.dot(step, s.losses[i], p.mine, i === s.record ? 7 : 4);
    });
    const high = Math.max(...s.target_db, ...s.spectra_db);
    const khz = s.rate / 2000;
    const bands = range(BANDS, (i) => ((i + 0.5) / BANDS) * khz);
    const d = plot(b, {
      title: "Mean spectrum (dB)",
      legend: [
        ["target", p.goal],
        ["fit", p.mine],
      ],
      x: [0, khz],
      y: [Math.max(-100, high - 90), high + 5],
      xLabel: "frequency (kHz)",
    });
    d.line(bands, s.target_db, p.goal, 2, [6, 3]);
    d.line(bands, n.spectrum, p.mine);
    const boxes = split(width, height - upper, [1, 1]);
    const length = view.sounds ? view.sounds[0].length / s.rate : 1;
    [s.record, RECORDS].forEach((at, i) => {
      const [x, y, w, tall] = boxes[i];
      const box = [x, y + upper, w, tall];
      const title = `${at === RECORDS ? "Target" : `Fit at step ${n.step}`} (kHz)`;
      const e = plot(box, {
        title,
        x: [s.begin_s, s.begin_s + length],
        y: [0, khz],
        xLabel: "time (s)",
        yText: (v) => `${v}`,
      });
      if (!view.sounds) return;
      // All on one scale, from the loudest place of the target.
      const top = (view.top_db ??= loudest(view.sounds[RECORDS]));
      view.pictures ??= [];
      g.drawImage((view.pictures[at] ??= picture(view.sounds[at], top)), e.x0, e.y0, e.w, e.h);
      if (view.heard?.at === at) e.mark(s.begin_s + view.heard.seconds, "#ffffff");
    });
  },
  describe: (s, n) =>
    [
      "Loss over the steps of a fit, the mean spectra of the fit and of its target, and below them the spectrograms of",
      `this step and of the target over ${LOUD_TO_SOFT_DB} decibels.`,
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
    sound("Target", () => RECORDS),
    sound("This step", (s) => s.record),
    sound("Every step, then the target", () => 0, {
      loop: false,
      make: (s, n, view) => inTurn(s, view),
      during(seconds, { view, state, set, redraw }) {
        const length = stride(state, view) / state.rate;
        const at = seconds === null ? null : Math.min(RECORDS, Math.floor(seconds / length));
        const inside = seconds === null ? 0 : seconds - at * length;
        const sounding = at !== null && inside < length - GAP_S;
        view.heard = sounding ? { at, seconds: inside } : null;
        if (at !== null && at < RECORDS && at !== state.record) set({ record: at });
        else redraw();
      },
    }),
  ],
  pointer(x, y, type, { set, view, state }) {
    if (type === "up") return;
    const at = view.curve.back(x);
    const near = state.steps.map((v) => Math.abs(v - at));
    set({ record: near.indexOf(Math.min(...near)) });
  },
};

export const render = (context) => mount(context, figure);
