// A few notes on a piano roll, and what a network is told about them in every frame.
import { FPS, FRAMES, HIGH, LATEST, LONGEST, LOW, RATE, SHORTEST } from "./note_roll.py";
import { element } from "./kit/controls.js";
import { mount } from "./kit/figure.js";
import { TAU, clamp, fixed, noteName, range, replaced } from "./kit/numbers.js";

const SCALE = [];
for (let m = LOW; m <= HIGH; m++) if ([0, 2, 4, 5, 7, 9, 11].includes(m % 12)) SCALE.push(m);
// Halves go to the even side, as in Python.
const nearest = (x) => {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
};

export function compute(s) {
  const order = s.onsets.map((_, i) => i).sort((a, b) => s.onsets[a] - s.onsets[b] || a - b);
  const starts = order.map((i) => nearest(s.onsets[i] * FPS));
  const pitch = range(FRAMES, () => 0);
  const onset = range(FRAMES, () => 0);
  const offset = range(FRAMES, () => 0);
  const position = range(FRAMES, () => 0);
  const owner = range(FRAMES, () => -1);
  order.forEach((i, n) => {
    const start = starts[n];
    const end = Math.min(Math.max(nearest((s.onsets[i] + s.lengths[i]) * FPS), start + 1), starts[n + 1] ?? Infinity);
    for (let t = start; t < Math.min(end, FRAMES); t++) {
      pitch[t] = s.pitches[i];
      position[t] = (t - start + 1) / (end - start);
      owner[t] = n;
    }
    if (end > start && start < FRAMES) {
      onset[start] = 1;
      if (end <= FRAMES) offset[end - 1] = 1;
    }
  });
  return { pitch, onset, offset, position, owner };
}

// Eight harmonics, 10 ms to set in and to die away.
function sound(s, n) {
  const hop = RATE / FPS;
  const out = new Float32Array(FRAMES * hop);
  let phase = 0;
  let level = 0;
  let hz = 0;
  for (let t = 0; t < out.length; t++) {
    const m = n.pitch[Math.floor(t / hop)];
    const fresh = n.onset[Math.floor(t / hop)] && t % hop === 0;
    if (m) hz = 440 * 2 ** ((m - 69) / 12);
    if (fresh) level *= 0.2;
    level += ((m ? 0.5 : 0) - level) / 80;
    phase = (phase + (TAU * hz) / RATE) % TAU;
    let sum = 0;
    for (let k = 1; k <= 8; k++) sum += Math.sin(k * phase) / k / k;
    out[t] = level * sum;
  }
  return out;
}

const chosen = (s) => s.chosen - 1;
export const figure = {
  controls: [
    { key: "chosen", label: "Note", step: 1, show: (v) => `${v} of 6` },
    { ...element("pitches", chosen), label: "Its pitch", step: 1, show: noteName },
    { ...element("onsets", chosen), label: "Its onset", step: 0.02, show: (v) => `${fixed(v, 2)} s` },
    { ...element("lengths", chosen), label: "Its length", step: 0.02, show: (v) => `${fixed(v, 2)} s` },
  ],
  compute,
  height: () => 470,
  draw({ g, p, plot, view, width }, s, n) {
    const time = [0, FRAMES / FPS];
    const xs = range(FRAMES, (i) => i / FPS);
    const a = (view.roll = plot([0, 0, width, 215], {
      title: "Score (drag the notes, or their right ends)",
      x: time,
      y: [LOW - 1, HIGH + 1],
      yTicks: SCALE.filter((_, i) => i % 2 === 0),
      yText: noteName,
    }));
    a.inside(() => {
      s.onsets.forEach((t, i) => {
        g.fillStyle = i === chosen(s) ? p.goal : p.mine;
        g.globalAlpha = 0.75;
        g.fillRect(a.X(t), a.Y(s.pitches[i] + 0.5), Math.max(3, a.X(t + s.lengths[i]) - a.X(t) - 1), a.Y(0) - a.Y(1));
        g.globalAlpha = 1;
      });
    });
    const b = plot([0, 215, width, 125], {
      title: "Pitch",
      legend: [["0 in rests", p.soft]],
      x: time,
      y: [LOW - 4, HIGH + 1],
      yTicks: [LOW + 3, 67, 74],
      yText: noteName,
    });
    b.line(
      xs,
      n.pitch.map((m) => m || LOW - 3),
      p.mine,
    );
    const c = plot([0, 340, width, 130], {
      title: "Position",
      legend: [
        ["onset", p.goal],
        ["offset", p.soft],
      ],
      x: time,
      y: [0, 1.05],
      yTicks: [0, 0.5, 1],
      xLabel: "time (s)",
    });
    c.line(xs, n.position, p.mine, 1.5);
    n.onset.forEach((v, i) => {
      if (v) c.stem(i / FPS, 1, p.goal);
    });
    n.offset.forEach((v, i) => {
      if (v) c.stem(i / FPS, 0.6, p.soft);
    });
  },
  describe: (s, n) =>
    [
      `Six notes on a piano roll over three seconds; note ${s.chosen} is ${noteName(s.pitches[s.chosen - 1])}`,
      `at ${fixed(s.onsets[s.chosen - 1], 2)} seconds. ${n.owner.filter((v) => v >= 0).length} of ${FRAMES}`,
      "frames belong to a note.",
    ].join(" "),
  readout(s, n) {
    const i = chosen(s);
    const mine = [...s.onsets.keys()].sort((a, b) => s.onsets[a] - s.onsets[b] || a - b).indexOf(i);
    const frames = n.owner.filter((v) => v === mine).length;
    return [
      ["note", `${noteName(s.pitches[i])}, MIDI ${s.pitches[i]}`],
      ["onset", `${fixed(s.onsets[i], 2)} s`],
      ["its frames", `${frames}`],
      ["by its length", `${nearest(s.lengths[i] * FPS)}`],
      ["frames at rest", `${n.owner.filter((v) => v < 0).length}`],
    ];
  },
  sounds: [{ label: "Play", make: (s, n) => sound(s, n) }],
  actions: [
    {
      label: "Legato",
      run: (api) => {
        const order = api.state.onsets.map((_, i) => i).sort((a, b) => api.state.onsets[a] - api.state.onsets[b]);
        api.set({
          lengths: api.state.lengths.map((old, i) => {
            const next = order[order.indexOf(i) + 1];
            return next === undefined ? old : clamp(api.state.onsets[next] - api.state.onsets[i], SHORTEST, LONGEST);
          }),
        });
      },
    },
    { label: "Staccato", run: (api) => api.set({ lengths: api.state.lengths.map(() => 0.1) }) },
  ],
  pointer(x, y, type, { set, view, state }) {
    const a = view.roll;
    if (type === "down") {
      const t = a.back(x);
      const m = a.backY(y);
      let best = -1;
      let least = 3.5;
      state.onsets.forEach((on, i) => {
        const off = 0.2 * Math.abs(m - state.pitches[i]) + 12 * Math.max(0, on - t, t - on - state.lengths[i]);
        if (off < least) {
          least = off;
          best = i;
        }
      });
      // The right end of a note stretches it, the rest moves it.
      const end = best < 0 ? 0 : state.onsets[best] + state.lengths[best];
      view.held =
        best < 0
          ? null
          : {
              i: best,
              from: t - state.onsets[best],
              above: m - state.pitches[best],
              end: t - end,
              stretch: t > end - Math.min(0.06, state.lengths[best] / 3),
            };
      if (best >= 0) set({ chosen: best + 1 });
      return;
    }
    if (type === "up" || !view.held) {
      view.held = null;
      return;
    }
    const { i, from, above, end, stretch } = view.held;
    const snap = (v, low, high) => clamp(Math.round(v * 50) / 50, low, high);
    if (stretch) {
      set({ lengths: replaced(state.lengths, i, snap(a.back(x) - end - state.onsets[i], SHORTEST, LONGEST)) });
      return;
    }
    set({
      onsets: replaced(state.onsets, i, snap(a.back(x) - from, 0, LATEST)),
      pitches: replaced(state.pitches, i, clamp(Math.round(a.backY(y) - above), LOW, HIGH)),
    });
  },
  grabs: (x, y, view) => Boolean(view.roll?.has(x, y)),
};

export const render = (context) => mount(context, figure);
