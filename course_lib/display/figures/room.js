// A room of a few numbers: noise that dies away, its treble sooner than its bass, some time after the direct sound.
import { BLOCK, DRY, FLOOR, LEAD, RATE, SPLIT_HZ, TAPS } from "./room.py";
import { convolve } from "./kit/convolve.js";
import { mount } from "./kit/figure.js";
import { dice } from "./kit/noise.js";
import { TAU, decibels, fixed, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";

let bands;
// White noise and its part below the split (one pole), drawn once: every room of this figure is made of it.
function noiseBands() {
  if (bands) return bands;
  const low = new Float64Array(TAPS);
  const high = new Float64Array(TAPS);
  const share = 1 - Math.exp((-TAU * SPLIT_HZ) / RATE);
  const roll = dice(1);
  let kept = 0;
  for (let i = 0; i < TAPS; i++) {
    const v = 2 * roll() - 1;
    kept += share * (v - kept);
    low[i] = kept;
    high[i] = v - kept;
  }
  return (bands = { low, high });
}
// The response without the direct sound: tap 0 is 0, the energy of all taps is wet_db.
function responseOf(s) {
  const { low, high } = noiseBands();
  const out = new Float64Array(TAPS);
  const first = 1 + Math.round((s.predelay_ms / 1000) * RATE);
  const slow = Math.exp((-3 * Math.LN10) / (s.rt60_s * RATE));
  const fast = Math.exp((-3 * Math.LN10) / (s.rt60_s * s.treble * RATE));
  let a = 1;
  let b = 1;
  let energy = 0;
  for (let i = 0; i < TAPS - first; i++) {
    const v = a * low[i] + b * high[i];
    out[first + i] = v;
    energy += v * v;
    a *= slow;
    b *= fast;
  }
  const level = 10 ** (s.wet_db / 20) / Math.sqrt(energy);
  for (let i = first; i < TAPS; i++) out[i] *= level;
  return out;
}
// How much of the energy is still to come at each tap, dB.
function stillToCome(taps) {
  const out = new Float64Array(taps.length);
  let sum = 0;
  for (let i = taps.length - 1; i >= 0; i--) out[i] = sum += taps[i] * taps[i];
  return out.map((v) => 10 * Math.log10(Math.max(v / sum, 1e-15)));
}
export function compute(s) {
  const taps = responseOf(s);
  const decay = stillToCome(taps);
  const peaks = new Float64Array(TAPS / BLOCK);
  for (let i = 0; i < TAPS; i++)
    peaks[Math.floor(i / BLOCK)] = Math.max(peaks[Math.floor(i / BLOCK)], Math.abs(taps[i]));
  // The line through −5 … −35 dB, by least squares.
  let n = 0;
  let t = 0;
  let y = 0;
  let tt = 0;
  let ty = 0;
  for (let i = 0; i < TAPS; i++)
    if (decay[i] <= -5 && decay[i] >= -35) {
      const x = i / RATE;
      n++;
      t += x;
      y += decay[i];
      tt += x * x;
      ty += x * decay[i];
    }
  const slope = (ty - (t * y) / n) / (tt - (t * t) / n);
  return {
    peaks_db: [...peaks].map((v) => Math.max(FLOOR, decibels(v))),
    decay_db: range(TAPS / BLOCK, (i) => Math.max(FLOOR, decay[i * BLOCK])),
    measured_rt60_s: -60 / slope,
    line_at_start_db: (y - slope * t) / n,
  };
}

function drySound(s) {
  const { low, high } = noiseBands();
  return Float64Array.from({ length: DRY }, (_, n) => {
    const i = n - LEAD; // the clap begins at once, so silence stands before it
    const t = i / RATE;
    if (t < 0) return 0;
    if (s.sound === "clap") return (low[i] + high[i]) * Math.exp(-t / 0.004);
    const fade = Math.min(1, t / 0.005, (DRY - n) / 800);
    let sum = 0;
    for (let k = 1; k <= 8; k++) sum += (Math.sin(TAU * 330 * k * t) * Math.exp(-t * (4 + 2 * k))) / k;
    return 0.5 * fade * sum;
  });
}
function inRoom(s, direct) {
  const wet = responseOf(s);
  if (direct) wet[0] = 1;
  return convolve(drySound(s), wet, DRY + TAPS);
}
const seconds = (v) => `${fixed(v, 2)} s`;

export const figure = {
  controls: [
    {
      key: "sound",
      label: "Sound",
      options: [
        ["clap", "a clap"],
        ["note", "a plucked note"],
      ],
    },
    { key: "rt60_s", label: "Decay time of the bass", log: true, show: seconds },
    { key: "treble", label: "Treble lasts", show: (v) => `${fixed(100 * v, 0)} % as long` },
    { key: "predelay_ms", label: "Room comes after", step: 1, show: (v) => `${fixed(v, 0)} ms` },
    { key: "wet_db", label: "Room against dry", step: 0.5, show: (v) => `${fixed(v, 1)} dB` },
  ],
  compute,
  height: (width) => (width >= 560 ? 270 : 460),
  draw({ g, p, plot, width, height }, s, n) {
    const [left, right] = split(width, height, [1, 1]);
    const end = [0.5, 1, 2].find((v) => v >= Math.min(2, 1.1 * s.rt60_s + s.predelay_ms / 1000));
    const at = range(n.decay_db.length, (i) => (i * BLOCK) / RATE);
    const axes = { x: [0, end], y: [FLOOR, 5], xLabel: "time (s)" };
    const c = plot(left, {
      ...axes,
      title: "Response (dB)",
      legend: [
        ["direct", p.goal],
        ["room", p.mine],
      ],
    });
    c.inside(() => {
      g.fillStyle = p.mine;
      n.peaks_db.forEach((v, i) => {
        if (v > FLOOR) g.fillRect(c.X(at[i]), c.Y(v), Math.max(1, c.X(at[1]) - c.X(0) - 0.5), c.Y(FLOOR) - c.Y(v));
      });
    });
    c.stem(0, 0, p.goal);
    const d = plot(right, { ...axes, title: "Room still to come (dB)" });
    d.line(at, n.decay_db, p.mine, 2.5);
    d.line(
      [0, end],
      [0, end].map((t) => n.line_at_start_db - (60 * t) / n.measured_rt60_s),
      p.soft,
      1.5,
      [5, 4],
    );
    if (n.measured_rt60_s < 0.97 * end) d.mark(n.measured_rt60_s, p.goal, "measured");
  },
  describe: (s, n) =>
    [
      "Response of a room to a click in decibels over time, and how much of its energy is still to come.",
      `The direct sound, then, ${fixed(s.predelay_ms, 0)} milliseconds later, a room ${fixed(-s.wet_db, 1)}`,
      `decibels below it whose bass falls by 60 decibels in ${fixed(s.rt60_s, 2)} seconds and whose treble`,
      `lasts ${fixed(100 * s.treble, 0)} percent as long. Measured between −5 and −35 decibels:`,
      `${fixed(n.measured_rt60_s, 2)} seconds.`,
    ].join(" "),
  readout: (s, n) => [
    ["RT60 measured", seconds(n.measured_rt60_s)],
    ["bass", seconds(s.rt60_s)],
    ["treble", seconds(s.rt60_s * s.treble)],
  ],
  sounds: [
    { label: "Play dry", make: (s) => drySound(s) },
    { label: "Play in the room", make: (s) => inRoom(s, true) },
    { label: "Play the room alone", make: (s) => inRoom(s, false) },
  ],
};

export const render = (context) => mount(context, figure);
