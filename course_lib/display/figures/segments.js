// An envelope in four segments: its sound, and what each segment moves: the gradient, frame by frame.
import { FRAMES, FRAME_RATE, ONSET_MS, SEGMENTS, TONE } from "./segments.py";
import { mount } from "./kit/figure.js";
import { clamp, fixed, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";
import { tones } from "./kit/sound.js";

const RATE = 16000;

export function compute({ attack_ms, decay_ms, sustain, release_ms, note_ms }) {
  const [a, d, r, note] = [attack_ms, decay_ms, release_ms, note_ms].map((ms) => ms / 1000);
  const inside = (x) => (x > 0 && x < 1 ? 1 : 0);
  const rows = range(FRAMES, (i) => {
    const t = i / FRAME_RATE - ONSET_MS / 1000;
    const held = Math.min(t, note);
    const [up, down, out] = [held / a, (held - a) / d, (t - note) / r];
    const rise = clamp(up, 0, 1);
    const fall = 1 - (1 - sustain) * clamp(down, 0, 1);
    const rest = 1 - clamp(out, 0, 1);
    return {
      envelope: rise * fall * rest,
      // Each times its own length: d clamp(t / a) / da · a = −t / a while it rises.
      attack: (-inside(up) * up * fall + rise * (1 - sustain) * inside(down) * (a / d)) * rest,
      decay: rise * (1 - sustain) * inside(down) * down * rest,
      sustain: sustain * rise * clamp(down, 0, 1) * rest,
      release: rise * fall * inside(out) * out,
    };
  });
  const of = (key) => rows.map((row) => row[key]);
  const envelope = of("envelope");
  return {
    envelope,
    ...Object.fromEntries(SEGMENTS.map((key) => [key, of(key)])),
    peak: Math.max(...envelope),
  };
}

const NEVER = 1e-9;
const moved = (n) => SEGMENTS.filter((key) => n[key].some((v) => Math.abs(v) > NEVER));

export const figure = {
  controls: [
    { key: "attack_ms", label: "Attack", log: true, show: (v) => `${v} ms` },
    { key: "decay_ms", label: "Decay", log: true, show: (v) => `${v} ms` },
    { key: "sustain", label: "Sustain", step: 0.01, show: (v) => fixed(v, 2) },
    { key: "release_ms", label: "Release", log: true, show: (v) => `${v} ms` },
    { key: "note_ms", label: "Note lasts", step: 10, show: (v) => `${v} ms` },
  ],
  compute,
  height: (w) => (w >= 560 ? 300 : 460),
  draw({ p, plot, view, width, height }, s, n) {
    const [one, two] = split(width, height, [1, 1]);
    const time = range(FRAMES, (i) => i / FRAME_RATE);
    const e = (view.e = plot(one, {
      title: "Envelope",
      legend: [["● drag", p.goal]],
      x: [0, 2],
      y: [0, 1.1],
      yTicks: [0, 0.5, 1],
      xLabel: "time (s)",
    }));
    e.line(time, n.envelope, p.mine);
    const end = (ONSET_MS + s.note_ms) / 1000;
    e.mark(end, p.soft, "release");
    e.dot((ONSET_MS + s.attack_ms) / 1000, s.attack_ms <= s.note_ms ? 1 : n.peak, p.goal, 7);
    const colours = [p.mine, p.goal, p.soft, p.ink];
    const c = plot(two, {
      title: "Gradients",
      legend: SEGMENTS.map((key, i) => [key, colours[i]]),
      x: [0, 2],
      y: [-1.1, 1.1],
      yTicks: [-1, 0, 1],
      xLabel: "time (s)",
    });
    for (const [i, key] of SEGMENTS.entries()) c.line(time, n[key], colours[i], 1.8, [[], [6, 3], [], [2, 3]][i]);
  },
  describe: (s, n) =>
    [
      `An envelope that rises in ${s.attack_ms} milliseconds, falls to ${fixed(s.sustain, 2)} in ${s.decay_ms},`,
      `and from ${s.note_ms} milliseconds on falls to nothing in ${s.release_ms}; its peak is ${fixed(n.peak, 2)}.`,
      `Segments that move it: ${moved(n).join(", ")}.`,
    ].join(" "),
  readout: (s, n) => [
    ["rises for", `${Math.min(s.attack_ms, s.note_ms)} ms`],
    ["peak", fixed(n.peak, 2)],
    ["has a gradient", moved(n).join(", ")],
  ],
  sounds: [
    {
      label: "Play",
      rate: () => RATE,
      make(_, n) {
        const tone = tones([[TONE, 1]], RATE);
        return range((RATE * FRAMES) / FRAME_RATE, (i) => {
          const at = (i * FRAME_RATE) / RATE;
          const left = Math.min(Math.floor(at), FRAMES - 1);
          const right = Math.min(left + 1, FRAMES - 1);
          const level = n.envelope[left] + (at - left) * (n.envelope[right] - n.envelope[left]);
          return level * tone[i % tone.length];
        });
      },
    },
  ],
  pointer(x, y, type, { set, view }) {
    if (type === "down") view.held = view.e.has(x, y);
    if (!view.held || type === "up") return;
    set({ attack_ms: Math.round(1000 * view.e.back(x) - ONSET_MS) });
  },
};

export const render = (context) => mount(context, figure);
