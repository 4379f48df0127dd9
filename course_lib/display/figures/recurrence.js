// Each harmonic from the two before it, and what becomes of it when the cosine has few bits.
import { mount } from "./kit/figure.js";
import { TAU, clamp, fixed, range } from "./kit/numbers.js";
import { F0, N, RATE } from "./recurrence.py";

const MOST = 1.4;
const rounded = (x, bits) => {
  const step = 2 ** (1 - bits);
  return Math.floor(x / step + 0.5) * step;
};
function chain(phase, twice) {
  let [before, now] = [0, Math.sin(phase)];
  return range(N, () => {
    const made = now;
    [before, now] = [now, twice * now - before];
    return made;
  });
}
export function compute({ degrees, harmonic: k, bits }) {
  const phase = (degrees * Math.PI) / 180;
  const twice = rounded(2 * Math.cos(phase), bits);
  const made = chain(phase, twice);
  const right = range(N, (i) => Math.sin(phase * (i + 1)));
  const hand = (i) => [Math.cos(phase * i), Math.sin(phase * i)];
  return {
    twice,
    made,
    right,
    worst: Math.max(...made.map((v, i) => Math.abs(v - right[i]))),
    hands: [k - 1, k, k + 1].map(hand),
    middle: hand(k).map((v) => Math.cos(phase) * v),
  };
}
// A second of sound, every harmonic 1/k as loud as the first, by the same chain.
function sound({ bits }) {
  return Float32Array.from({ length: RATE }, (_, n) => {
    const phase = TAU * (((F0 * n) % RATE) / RATE);
    return chain(phase, rounded(2 * Math.cos(phase), bits)).reduce((sum, v, i) => sum + v / (i + 1), 0);
  });
}
const small = (x) => (x < 0.001 ? x.toExponential(0).replace("-", "−") : fixed(x, 3));

export const figure = {
  controls: [
    { key: "degrees", label: "Angle φ", step: 1, show: (v) => `${v}°` },
    { key: "harmonic", label: "Chosen harmonic k", step: 1, show: String },
    { key: "bits", label: "Bits of 2 cos φ", step: 1, show: String },
  ],
  compute,
  height: (w) => (w >= 560 ? 300 : 540),
  draw({ g, p, plot, view, width }, s, n) {
    const wide = width >= 560;
    const y = [-1.15, 1.15];
    const yTicks = [-1, 0, 1];
    const circle = plot([0, 0, 292, 300], { title: "kφ and its neighbours", x: y, y, xTicks: yTicks, yTicks });
    const around = range(121, (i) => (TAU * i) / 120);
    circle.line(around.map(Math.cos), around.map(Math.sin), p.grid, 2);
    const [before, now, next] = n.hands;
    circle.line([before[0], next[0]], [before[1], next[1]], p.soft, 1.5, [4, 3]);
    for (const [[x, h], colour] of [
      [before, p.soft],
      [next, p.goal],
      [now, p.mine],
    ]) {
      circle.line([0, x], [0, h], colour, 2);
      circle.dot(x, h, colour, 6);
    }
    circle.dot(...n.middle, p.ink, 4);
    const box = wide ? [292, 0, width - 292, 300] : [0, 300, width, 240];
    const rows = (view.rows = plot(box, {
      title: "Heights",
      legend: [
        ["made", p.mine],
        ["sin kφ", p.soft],
      ],
      x: [0, N + 1],
      y: [-MOST, MOST],
      yTicks,
      xLabel: "harmonic k",
    }));
    n.made.forEach((v, i) => {
      rows.stem(i + 1, clamp(v, -MOST, MOST), i + 1 === s.harmonic ? p.goal : p.mine, false, 0);
    });
    n.right.forEach((v, i) => {
      rows.dot(i + 1, v, p.soft, 3);
    });
  },
  describe: (s, n) =>
    [
      `Hands at ${s.harmonic - 1}, ${s.harmonic} and ${s.harmonic + 1} times ${s.degrees} degrees on a circle:`,
      "the middle between the outer two lies on the one between them.",
      `Beside it the heights of ${N} harmonics, each made from the two before it with a cosine of ${s.bits} bits.`,
      `The largest error is ${small(n.worst)}.`,
    ].join(" "),
  readout: (s, n) => [
    ["2 cos φ", fixed(n.twice, 6)],
    [`sin ${s.harmonic}φ, made`, fixed(n.made[s.harmonic - 1], 4)],
    ["as it is", fixed(n.right[s.harmonic - 1], 4)],
    ["largest error", small(n.worst)],
  ],
  sounds: [{ label: "Play 40 harmonics", loop: true, make: sound }],
  pointer(x, y, type, { set, view }) {
    if (type === "up" || !view.rows?.has(x, y)) return;
    set({ harmonic: Math.round(view.rows.back(x)) });
  },
};

export const render = (context) => mount(context, figure);
