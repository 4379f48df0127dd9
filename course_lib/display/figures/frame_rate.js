// An amplitude envelope known only at frames: how it is joined decides whether one hears the frames.
import { FLOOR, N, RATE, TONE, TOP } from "./frame_rate.py";
import { mount } from "./kit/figure.js";
import { TAU, decibels, fixed, mean, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";
import { tones } from "./kit/sound.js";
import { magnitudes } from "./kit/spectrum.js";

export function compute({ frame_rate_hz, method, swell_hz }) {
  const swell = (t) => 0.5 - 0.5 * Math.cos(TAU * swell_hz * t);
  const frames = range(frame_rate_hz, (i) => swell(i / frame_rate_hz));
  const envelope = range(N, (i) => {
    const at = i * frame_rate_hz;
    const left = Math.floor(at / N);
    const way = (at - left * N) / N;
    const part = method === "hold" ? 0 : method === "linear" ? way : 0.5 - 0.5 * Math.cos(Math.PI * way);
    return frames[left] + part * (frames[Math.min(left + 1, frame_rate_hz - 1)] - frames[left]);
  });
  const truth = range(N, (i) => swell(i / N));
  const spectrum = magnitudes(envelope.map((v, i) => v * Math.sin(TAU * (((TONE * i) % RATE) / RATE))))
    .slice(0, TOP + 1)
    .map((m) => (4 / N) * m);
  // Beyond the swell's own side-bands (and the window's width) all that sounds is the frames.
  const extra = Math.max(...spectrum.filter((_, f) => Math.abs(f - TONE) > swell_hz + 3));
  return {
    frames,
    envelope,
    truth,
    spectrum_db: spectrum.map((m) => Math.max(FLOOR, decibels(m))),
    jump: Math.max(...envelope.slice(1).map((v, i) => Math.abs(v - envelope[i]))),
    error: Math.sqrt(mean(envelope.map((v, i) => (v - truth[i]) ** 2))),
    zipper_db: decibels(extra / Math.max(...spectrum)),
  };
}

export const figure = {
  controls: [
    { key: "frame_rate_hz", label: "Frame rate", log: true, show: (v) => `${v} frames/s` },
    { key: "swell_hz", label: "Swells per second", step: 1, show: String },
    {
      key: "method",
      label: "Between frames",
      options: [
        ["hold", "hold"],
        ["linear", "linear"],
        ["hann", "Hann"],
      ],
    },
  ],
  compute,
  height: (w) => (w >= 560 ? 300 : 500),
  draw({ g, p, plot, view, width, height }, s, n) {
    const [a, b] = split(width, height, [1, 1]);
    const shown = N / 2;
    const time = range(shown, (i) => i / N);
    const e = (view.e = plot(a, {
      title: "Envelope",
      legend: [
        ["wanted", p.goal],
        ["got", p.mine],
        ["● drag", p.goal],
      ],
      x: [0, 0.5],
      y: [0, 1.1],
      yTicks: [0, 0.5, 1],
      xLabel: "time (s)",
    }));
    e.line(time, n.truth, p.goal, 2, [6, 3]);
    e.line(time, n.envelope, p.mine);
    e.inside(() =>
      n.frames.forEach((v, i) => {
        g.fillStyle = p.mine;
        g.beginPath();
        g.arc(e.X(i / s.frame_rate_hz), e.Y(v), 3, 0, TAU);
        g.fill();
      }),
    );
    // The frame after the first is a handle: where it sits is the frame rate.
    e.dot(1 / s.frame_rate_hz, n.frames[1], p.goal, 7);
    const c = (view.c = plot(b, {
      title: "Spectrum (dB)",
      legend: [["tone 440 Hz", p.soft]],
      x: [0, TOP],
      y: [FLOOR, 0],
      xLabel: "frequency (Hz)",
    }));
    c.line(
      n.spectrum_db.map((_, f) => f),
      n.spectrum_db,
      p.mine,
      1.5,
    );
    c.mark(TONE + s.frame_rate_hz, p.goal, "tone + frame rate");
  },
  describe: (s, n) =>
    [
      `An envelope of ${s.swell_hz} swells a second, known at ${s.frame_rate_hz} frames a second and joined by`,
      `${s.method}; its worst jump between two samples is ${fixed(n.jump, 4)}.`,
      `In the spectrum of the 440 hertz tone the loudest trace of the frames lies ${fixed(-n.zipper_db, 0)}`,
      "decibels below the tone.",
    ].join(" "),
  readout: (s, n) => [
    ["worst jump", fixed(n.jump, 4)],
    ["error (rms)", fixed(n.error, 4)],
    ["trace of the frames", `${fixed(n.zipper_db, 1)} dB`],
  ],
  sounds: [
    {
      label: "Play",
      loop: true,
      rate: () => RATE,
      make: (s, n) => tones([[TONE, 1]], RATE).map((v, i) => v * n.envelope[i]),
    },
    {
      label: "Play wanted",
      loop: true,
      rate: () => RATE,
      make: (s, n) => tones([[TONE, 1]], RATE).map((v, i) => v * n.truth[i]),
    },
  ],
  // In the spectrum the first trace of the frames lies one frame rate beside the tone: it can be dragged as well.
  pointer(x, y, type, { set, view }) {
    if (type === "down") view.held = [view.e, view.c].find((q) => q.has(x, y));
    if (!view.held || type === "up") return;
    const at = view.held.back(x);
    set({ frame_rate_hz: view.held === view.e ? 1 / Math.max(0.004, at) : Math.abs(at - TONE) });
  },
};

export const render = (context) => mount(context, figure);
