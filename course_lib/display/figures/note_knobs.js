// One note, bent by hand, and the six numbers that MIDI-DDSP reads off it: mended, and as published.
import {
  ATTACK_FRAMES,
  BANDS,
  BEND_SEMITONES,
  CLIP_FRAMES,
  COARSE_BINS,
  DRAWN_DB,
  FINE,
  FINE_BINS,
  FLOOR_DB,
  FRAMES,
  FRAME_RATE,
  HARMONICS,
  HOP,
  KNOTS,
  RATE,
  TOP_DB,
  WIDEST_SEMITONES,
} from "./note_knobs.py";
import { mount } from "./kit/figure.js";
import { uniformNoise } from "./kit/noise.js";
import { TAU, between, clamp, fixed, hertz, mean, noteName, range, replaced } from "./kit/numbers.js";
import { tone } from "./kit/tone.js";

const NOISE_LOUDER = 24;
const NAMES = ["volume", "fluctuation", "peak position", "vibrato", "brightness", "attack noise"];

// ---- the note ----
const slide = (s, i) => s.glide * (i / (FRAMES - 1) - 0.5);
// A roof over the note: 0 at its peak, −swell at the far end on either side.
function roof(s, i) {
  const x = i / FRAMES;
  const p = s.peak;
  return -s.swell_db * (x < p ? (p - x) / p : p < 1 ? (x - p) / (1 - p) : 0);
}
const noiseShape = (b) => 20 - (40 * b) / (BANDS - 1);
const semitones = (hz, s) => 69 + 12 * Math.log2(hz / 440) - s.pitch;

// ---- the six formulas ----
const windowed = range(
  FRAMES,
  (i) => 0.5 - 0.5 * Math.cos(Math.PI * Math.min(1, Math.min(i, FRAMES - 1 - i) / (0.25 * (FRAMES - 1)))),
);
// Magnitudes of bins 0 … bins − 1 of a transform of n points, over FRAMES, times ten.
function spectrum(x, n, bins) {
  const cos = range(n, (i) => Math.cos((TAU * i) / n));
  const sin = range(n, (i) => Math.sin((TAU * i) / n));
  const y = x.map((v, i) => v * windowed[i]);
  return range(bins, (k) => {
    let re = 0;
    let im = 0;
    for (let i = 0, at = 0; i < FRAMES; i++, at = (at + k) % n) {
      re += y[i] * cos[at];
      im += y[i] * sin[at];
    }
    return (10 * Math.hypot(re, im)) / FRAMES;
  });
}
// The line that fits best together with a sine of 3 to 9 Hz. About the middle, constant and cosine are even, slope and
// sine odd: two small fits instead of one.
function straight(d) {
  const t = range(FRAMES, (i) => i - (FRAMES - 1) / 2);
  const pair = (u, v) => {
    let uu = 0;
    let uv = 0;
    let vv = 0;
    let uy = 0;
    let vy = 0;
    for (let i = 0; i < FRAMES; i++) {
      uu += u[i] * u[i];
      uv += u[i] * v[i];
      vv += v[i] * v[i];
      uy += u[i] * d[i];
      vy += v[i] * d[i];
    }
    const det = uu * vv - uv * uv;
    return [(vv * uy - uv * vy) / det, (uu * vy - uv * uy) / det];
  };
  const one = t.map(() => 1);
  const slope = t.map((v) => v / FRAMES);
  let least = Infinity;
  let line = null;
  for (let k = 1; (k * FRAME_RATE) / FINE <= 9; k++) {
    if ((k * FRAME_RATE) / FINE < 3) continue;
    const cos = t.map((v) => Math.cos((TAU * k * v) / FINE));
    const sin = t.map((v) => Math.sin((TAU * k * v) / FINE));
    const [a, c] = pair(one, cos);
    const [b, e] = pair(slope, sin);
    const left = d.reduce((sum, v, i) => sum + (v - a - c * cos[i] - b * slope[i] - e * sin[i]) ** 2, 0);
    if (left < least) {
      least = left;
      line = slope.map((v) => a + b * v);
    }
  }
  return line;
}
// What is left of a deviation without its glide: as straightened_deviation of the library.
const middle = (x) => [...x].sort((a, b) => a - b)[(x.length - 1) >> 1];
function straightened(d) {
  const trusted = d.map((v) => Math.abs(v) <= WIDEST_SEMITONES);
  const some = (from, to) => d.filter((_, i) => trusted[i] && i >= from && i < to);
  const h = Math.ceil(FRAMES / 2);
  if (!trusted.includes(true)) return d.map(() => 0);
  // A rough line through the medians of both halves: neither slips nor a neighbour that still rings can turn it.
  const early = some(0, h);
  const late = some(h, FRAMES);
  const all = middle(some(0, FRAMES));
  const rough = d.map((_, i) =>
    early.length && late.length
      ? (middle(early) + middle(late)) / 2 + ((middle(late) - middle(early)) / (FRAMES / 2)) * (i - (FRAMES - 1) / 2)
      : all,
  );
  const off = d.map((v, i) => Math.abs(v - rough[i]));
  const near = off.map((v, i) => trusted[i] && v <= 0.4);
  const first = near.indexOf(true);
  const last = near.lastIndexOf(true);
  const here = off.map((v, i) => trusted[i] && v <= 1.5 && first >= 0 && i >= first && i <= last);
  const filled = d.map((v, i) => (here[i] ? v : rough[i]));
  const line = straight(filled);
  return filled.map((v, i) => (here[i] ? v - line[i] : 0));
}
export function compute(s) {
  const deviation = range(
    FRAMES,
    (i) => slide(s, i) + between(s.bend, i / (FRAMES - 1)) + s.vibrato * Math.sin((TAU * s.rate_hz * i) / FRAME_RATE),
  );
  const f0 = deviation.map((d) => 440 * 2 ** ((s.pitch + d - 69) / 12));
  const level_db = range(FRAMES, (i) =>
    clamp(s.level_db + roof(s, i) + between(s.drawn_db, i / (FRAMES - 1)), FLOOR_DB, TOP_DB),
  );
  const noise_db = range(FRAMES, (i) => Math.max(s.attack_db - 1.5 * Math.max(0, i - ATTACK_FRAMES + 1), FLOOR_DB));
  const share = range(HARMONICS, (k) => 10 ** ((s.tilt * Math.log2(k + 1)) / 20));
  const sums = [];
  const heights = [];
  share.forEach((v, k) => {
    sums.push(v + (sums[k - 1] ?? 0));
    heights.push((k + 1) * v + (heights[k - 1] ?? 0));
  });
  const counts = f0.map((f) => {
    let n = HARMONICS;
    while (n > 1 && n * f >= RATE / 2) n--;
    return n;
  });

  // More than two semitones off counts as a slip of the tracker. Turned round, as in the formula: note less played.
  const d = deviation.map((v) => (Math.abs(v) > WIDEST_SEMITONES ? 0 : -v));
  const centre = mean(d);
  const about = d.map((v) => v - centre);
  const original_spectrum = spectrum(about, CLIP_FRAMES, CLIP_FRAMES / 2 + 1);
  const mended_spectrum = spectrum(straightened(deviation.map((v) => -v)), FINE, FINE_BINS);
  const highest = original_spectrum.indexOf(Math.max(...original_spectrum));
  const rate = (highest * FRAME_RATE) / CLIP_FRAMES;
  const lively = mended_spectrum.filter((_, k) => (k * FRAME_RATE) / FINE >= 3 && (k * FRAME_RATE) / FINE <= 9);
  const centroid = mean(counts.map((n) => heights[n - 1] / sums[n - 1]));
  const six = (floor, vibrato) => {
    const a = level_db.map((v) => Math.max(v, floor));
    const m = mean(a);
    const attack = noise_db.slice(0, ATTACK_FRAMES);
    return [
      m / 60 + 1.5,
      (Math.sqrt(mean(a.map((v) => (v - m) ** 2))) * 2.5) / 60,
      level_db.indexOf(Math.max(...level_db)) / FRAMES,
      vibrato,
      centroid / 12,
      mean(attack.map((v) => mean(range(BANDS, (b) => Math.max(v + noiseShape(b), floor))))) / 40 + 2.625,
    ];
  };
  return {
    f0,
    level_db,
    noise_db,
    highest_hz: rate,
    centroid_hz: mean(counts.map((n, i) => (f0[i] * heights[n - 1]) / sums[n - 1])),
    original_spectrum: original_spectrum.slice(0, COARSE_BINS),
    mended_spectrum,
    mended: six(-140, Math.max(...lively)),
    original: six(-80, rate >= 3 && rate <= 9 ? original_spectrum[highest] : 0),
  };
}

// ---- the sound ----
function played(s, n) {
  const amplitudes = range(FRAMES, (i) => {
    const a = 10 ** (n.level_db[i] / 20);
    const raw = range(HARMONICS, (k) => ((k + 1) * n.f0[i] < RATE / 2 ? 10 ** ((s.tilt * Math.log2(k + 1)) / 20) : 0));
    const sum = raw.reduce((x, y) => x + y, 0);
    return raw.map((v) => (a * v) / sum);
  });
  return tone(n.f0, amplitudes);
}
// The noise has one colour all along, only its level changes: one filter, fed with a noise that fades.
function hiss(n) {
  const N = FRAMES * HOP;
  const half = BANDS - 1;
  const size = 2 * half;
  const level = n.noise_db.map((v) => 10 ** (v / 20));
  const out = new Float64Array(N);
  const taps = range(size, (i) => {
    const d = i - half;
    const sum = range(
      BANDS,
      (b) =>
        (b && b < half ? 2 : 1) * 10 ** (noiseShape(b) / 20) * Math.cos((Math.PI * ((b * Math.abs(d)) % size)) / half),
    ).reduce((x, y) => x + y, 0);
    return (sum / size) * (0.5 + 0.5 * Math.cos((Math.PI * d) / half));
  });
  const white = uniformNoise(N).map((v, m) => {
    const i = Math.floor(m / HOP);
    const next = level[Math.min(i + 1, FRAMES - 1)];
    return Math.sqrt(3) * v * (level[i] + ((next - level[i]) * (m % HOP)) / HOP);
  });
  for (let m = 0; m < N; m++)
    for (let t = 0; t < size; t++) {
      const at = m - t + half;
      if (at >= 0 && at < N) out[m] += taps[t] * white[at];
    }
  return out;
}
// A little silence first, so that no fade softens the attack.
function heard(sound) {
  const lead = 320;
  const end = sound.length;
  const out = new Float32Array(lead + end);
  for (let i = 0; i < end; i++) out[lead + i] = sound[i] * Math.min(1, i / 16, (end - i) / 480);
  return out;
}

// ---- the picture ----
const scale = (v) => fixed(v, 2);
const seconds = range(FRAMES, (i) => i / FRAME_RATE);
function bars({ g, p }, box, n) {
  const [x0, y0, w] = box;
  const row = 26;
  const left = x0 + 102;
  const wide = w - 188;
  const X = (v) => left + ((clamp(v, -0.25, 1.25) + 0.25) / 1.5) * wide;
  g.textAlign = "left";
  g.textBaseline = "middle";
  let from = x0 + 4;
  for (const [text, colour] of [
    ["Six knobs", p.ink],
    ["mended", p.mine],
    ["as published", p.goal],
  ]) {
    g.font = `${colour === p.ink ? "600 " : ""}13px system-ui, sans-serif`;
    g.fillStyle = colour;
    g.fillText(text, from, y0 + 9);
    from += g.measureText(text).width + 12;
  }
  g.font = "13px system-ui, sans-serif";
  for (const t of [0, 0.5, 1]) {
    g.strokeStyle = t === 0.5 ? p.grid : p.edge;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(X(t), y0 + 24);
    g.lineTo(X(t), y0 + 28 + 6 * row);
    g.stroke();
    g.fillStyle = p.soft;
    g.textAlign = "center";
    g.fillText(String(t), X(t), y0 + 38 + 6 * row);
  }
  NAMES.forEach((name, j) => {
    const y = y0 + 28 + j * row;
    const a = n.mended[j];
    const b = n.original[j];
    const apart = Math.abs(a - b) > 0.005;
    g.textAlign = "right";
    g.fillStyle = p.ink;
    g.fillText(name, left - 8, y + 11);
    g.fillStyle = p.mine;
    g.fillRect(Math.min(X(0), X(a)), y + 3, Math.max(1.5, Math.abs(X(a) - X(0))), 9);
    g.fillStyle = p.goal;
    g.fillRect(Math.min(X(0), X(b)), y + 14, Math.max(1.5, Math.abs(X(b) - X(0))), 5);
    g.textAlign = "left";
    g.fillStyle = p.mine;
    g.fillText(scale(a), left + wide + 6, y + 11);
    if (apart) {
      g.fillStyle = p.goal;
      g.fillText(scale(b), left + wide + 46, y + 11);
    }
  });
}
const signed = (v, unit, digits = 0) => `${fixed(v, digits)} ${unit}`;
export const figure = {
  controls: [
    { key: "pitch", label: "Note", step: 1, show: noteName },
    { key: "vibrato", label: "Vibrato (semitones)", step: 0.01, show: (v) => `± ${fixed(v, 2)}` },
    { key: "rate_hz", label: "Vibrato rate", step: 0.1, show: (v) => signed(v, "Hz", 1) },
    { key: "glide", label: "Glide (semitones)", step: 0.05, show: (v) => fixed(v, 2) },
    { key: "level_db", label: "Level", step: 1, show: (v) => signed(v, "dB") },
    { key: "swell_db", label: "Swell", step: 1, show: (v) => signed(v, "dB") },
    { key: "peak", label: "Place of the peak", step: 0.01, show: (v) => fixed(v, 2) },
    { key: "tilt", label: "Tilt (dB an octave)", step: 0.25, show: (v) => fixed(v, 1) },
    { key: "attack_db", label: "Attack noise", step: 1, show: (v) => signed(v, "dB") },
  ],
  compute,
  height: (w) => (w >= 560 ? 580 : 880),
  draw({ g, p, plot, view, width }, s, n) {
    const wide = width >= 560;
    const h = wide ? 185 : 165;
    const half = wide ? width / 2 : width;
    const at = (i) => (wide ? [(i % 2) * half, Math.floor(i / 2) * h, half, h] : [0, i * h, width, h]);
    const time = [0, FRAMES / FRAME_RATE];
    const played = n.f0.map((f) => semitones(f, s));
    const most = Math.max(2.5, 1.1 * Math.max(...played.map(Math.abs)));
    const a = (view.bend = plot(at(0), {
      title: "Pitch (semitones off)",
      legend: [["draw here", p.soft]],
      x: time,
      y: [-most, most],
      xLabel: "time (s)",
    }));
    for (const edge of [-2, 2]) a.line(time, [edge, edge], p.soft, 1, [4, 4]);
    a.line(seconds, played, p.mine);
    const b = (view.drawn_db = plot(at(wide ? 2 : 1), {
      title: "Level (dB)",
      legend: [
        ["draw here", p.soft],
        ["noise", p.goal],
      ],
      x: time,
      y: [FLOOR_DB, 0],
      yTicks: [-120, -80, -40, 0],
      xLabel: "time (s)",
    }));
    b.line(time, [-80, -80], p.soft, 1, [4, 4]);
    b.line(seconds, n.noise_db, p.goal, 1.5);
    b.line(seconds, n.level_db, p.mine);
    const peak = Math.max(0.5, 1.1 * Math.max(...n.original_spectrum, ...n.mended_spectrum));
    const c = plot(at(wide ? 1 : 2), {
      title: "Its waver",
      legend: [
        ["mended", p.mine],
        ["as published", p.goal],
      ],
      x: [0, 12],
      y: [0, peak],
      xTicks: [0, 3, 6, 9, 12],
      xLabel: "rate (Hz)",
    });
    g.globalAlpha = 0.12;
    g.fillStyle = p.mine;
    g.fillRect(c.X(3), c.y0, c.X(9) - c.X(3), c.h);
    g.globalAlpha = 1;
    c.line(
      range(COARSE_BINS, (k) => (k * FRAME_RATE) / CLIP_FRAMES),
      n.original_spectrum,
      p.goal,
      2,
      [5, 4],
    );
    c.line(
      range(FINE_BINS, (k) => (k * FRAME_RATE) / FINE),
      n.mended_spectrum,
      p.mine,
    );
    const d = (view.tilt = plot(at(3), {
      title: "Harmonics (dB)",
      legend: [["drag", p.soft]],
      x: [0, HARMONICS + 1],
      y: [-80, 3],
      yTicks: [-80, -60, -40, -20, 0],
      xTicks: [1, 12, 24, 36, 48, 60],
      xLabel: "harmonic number",
    }));
    const count = Math.min(HARMONICS, Math.ceil(RATE / 2 / n.f0[0]) - 1);
    d.inside(() => {
      g.fillStyle = p.mine;
      for (let k = 1; k <= count; k++) {
        const y = d.Y(Math.max(-80, s.tilt * Math.log2(k)));
        const half = d.w / HARMONICS / 3;
        g.fillRect(d.X(k) - half, y, 2 * half, d.Y(-80) - y);
      }
    });
    d.mark(12 * n.mended[4], p.goal, `centroid ${fixed(12 * n.mended[4], 1)}`);
    bars({ g, p }, [0, (wide ? 2 : 4) * h + 6, width, 200], n);
  },
  describe(s, n) {
    const six = NAMES.map((name, j) => {
      const apart = Math.abs(n.mended[j] - n.original[j]) > 0.005;
      return `${name} ${scale(n.mended[j])}${apart ? ` (as published ${scale(n.original[j])})` : ""}`;
    });
    return [
      `A note on ${noteName(s.pitch)} with a vibrato of ±${fixed(s.vibrato, 2)} semitones at`,
      `${fixed(s.rate_hz, 1)} hertz over a glide of ${fixed(s.glide, 2)} semitones, at most`,
      `${fixed(Math.max(...n.level_db), 0)} decibels.`,
      `${six.join(", ")}.`,
    ].join(" ");
  },
  readout: (s, n) => [
    ["highest bin of the waver, as published", signed(n.highest_hz, "Hz", 2)],
    ["3.75 × depth", scale(3.75 * s.vibrato)],
    ["mean pitch", `${fixed(mean(n.f0.map((f) => semitones(f, s))), 3)} semitones`],
    ["mean level", signed(mean(n.level_db), "dB", 1)],
    ["centroid", `harmonic ${fixed(12 * n.mended[4], 1)}, ${hertz(n.centroid_hz)}`],
  ],
  sounds: [
    {
      label: "Play",
      make: (s, n) => {
        const noise = hiss(n);
        return heard(played(s, n).map((v, i) => v + noise[i]));
      },
    },
    {
      label: `Noise alone, ${NOISE_LOUDER} dB louder than in the note`,
      louder: () => NOISE_LOUDER,
      make: (s, n) => heard(hiss(n)),
    },
  ],
  actions: [
    {
      label: "Glide over a vibrato",
      run: (api) => api.set({ bend: range(KNOTS, () => 0), vibrato: 0.1, rate_hz: 5.5, glide: 1 }),
    },
    { label: "Soft attack", run: (api) => api.set({ attack_db: -100 }) },
    {
      label: "Flat note",
      run: (api) =>
        api.set({ bend: range(KNOTS, () => 0), drawn_db: range(KNOTS, () => 0), vibrato: 0, glide: 0, swell_db: 0 }),
    },
    {
      label: "Undo the drawing",
      run: (api) => api.set({ bend: range(KNOTS, () => 0), drawn_db: range(KNOTS, () => 0) }),
    },
  ],
  pointer(x, y, type, { set, view, state }) {
    if (type === "down") view.held = ["bend", "drawn_db", "tilt"].find((key) => view[key].has(x, y)) ?? null;
    const key = view.held;
    if (type === "up" || !key) {
      if (type === "up") view.held = null;
      return;
    }
    const area = view[key];
    const v = area.backY(y);
    if (key === "tilt") {
      const k = Math.max(2, area.back(x));
      set({ tilt: v / Math.log2(k) });
      return;
    }
    // What is drawn comes on top of what the sliders give, so that both can be changed.
    const k = clamp(Math.round((area.back(x) * FRAME_RATE * (KNOTS - 1)) / FRAMES), 0, KNOTS - 1);
    const i = (k / (KNOTS - 1)) * (FRAMES - 1);
    const value =
      key === "bend"
        ? clamp(v - slide(state, i), -BEND_SEMITONES, BEND_SEMITONES)
        : clamp(v - state.level_db - roof(state, i), -DRAWN_DB, DRAWN_DB);
    set({ [key]: replaced(state[key], k, value) });
  },
  grabs: (x, y, view) => ["bend", "drawn_db", "tilt"].some((key) => view[key]?.has(x, y)),
};

export const render = (context) => mount(context, figure);
