// One note, bent by hand, and the six numbers that MIDI-DDSP reads off it: mended, and as published.
const RATE = 16000;
const FPS = 250;
const L = 300;
const HOP = RATE / FPS;
const K = 60;
const BANDS = 65;
const KNOTS = 9;
const CLIP = 1000;
const FINE = 1200;
const TOP = -24;
const GAIN = 30;
const ATTACK = 10;
const NAMES = ["volume", "fluctuation", "peak position", "vibrato", "brightness", "attack noise"];

// ---- the note ----
const between = (knots, i) => {
  const x = (i / (L - 1)) * (KNOTS - 1);
  const k = Math.min(KNOTS - 2, Math.floor(x));
  return knots[k] + (knots[k + 1] - knots[k]) * (x - k);
};
const slide = (s, i) => s.glide * (i / (L - 1) - 0.5);
// A roof over the note: 0 at its peak, −swell at the far end on either side.
function roof(s, i) {
  const x = i / L;
  const p = s.peak;
  return -s.swell_db * (x < p ? (p - x) / p : p < 1 ? (x - p) / (1 - p) : 0);
}
const noiseShape = (b) => 20 - (40 * b) / (BANDS - 1);
const semitones = (hz, s) => 69 + 12 * Math.log2(hz / 440) - s.pitch;

// ---- the six formulas ----
const windowed = range(
  L,
  (i) => 0.5 - 0.5 * Math.cos(Math.PI * Math.min(1, Math.min(i, L - 1 - i) / (0.25 * (L - 1)))),
);
// Magnitudes of bins 0 … bins − 1 of a transform of n points, over L, times ten.
function spectrum(x, n, bins) {
  const cos = range(n, (i) => Math.cos((TAU * i) / n));
  const sin = range(n, (i) => Math.sin((TAU * i) / n));
  const y = x.map((v, i) => v * windowed[i]);
  return range(bins, (k) => {
    let re = 0;
    let im = 0;
    for (let i = 0, at = 0; i < L; i++, at = (at + k) % n) {
      re += y[i] * cos[at];
      im += y[i] * sin[at];
    }
    return (10 * Math.hypot(re, im)) / L;
  });
}
// The line that fits best together with a sine of 3 to 9 Hz. About the middle, constant and cosine are even, slope and
// sine odd: two small fits instead of one.
function straight(d) {
  const t = range(L, (i) => i - (L - 1) / 2);
  const pair = (u, v) => {
    let uu = 0;
    let uv = 0;
    let vv = 0;
    let uy = 0;
    let vy = 0;
    for (let i = 0; i < L; i++) {
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
  const slope = t.map((v) => v / L);
  let least = Infinity;
  let line = null;
  for (let k = 1; (k * FPS) / FINE <= 9; k++) {
    if ((k * FPS) / FINE < 3) continue;
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
  const trusted = d.map((v) => Math.abs(v) <= 2);
  const some = (from, to) => d.filter((_, i) => trusted[i] && i >= from && i < to);
  const h = Math.ceil(L / 2);
  if (!trusted.includes(true)) return d.map(() => 0);
  // A rough line through the medians of both halves: neither slips nor a neighbour that still rings can turn it.
  const early = some(0, h);
  const late = some(h, L);
  const all = middle(some(0, L));
  const rough = d.map((_, i) =>
    early.length && late.length
      ? (middle(early) + middle(late)) / 2 + ((middle(late) - middle(early)) / (L / 2)) * (i - (L - 1) / 2)
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
function compute(s) {
  const deviation = range(
    L,
    (i) => slide(s, i) + between(s.bend, i) + s.vibrato * Math.sin((TAU * s.rate_hz * i) / FPS),
  );
  const f0 = deviation.map((d) => 440 * 2 ** ((s.pitch + d - 69) / 12));
  const level_db = range(L, (i) => clamp(s.level_db + roof(s, i) + between(s.drawn_db, i), -130, TOP));
  const noise_db = range(L, (i) => Math.max(s.attack_db - 1.5 * Math.max(0, i - ATTACK + 1), -130));
  const share = range(K, (k) => 10 ** ((s.tilt * Math.log2(k + 1)) / 20));
  const sums = [];
  const heights = [];
  share.forEach((v, k) => {
    sums.push(v + (sums[k - 1] ?? 0));
    heights.push((k + 1) * v + (heights[k - 1] ?? 0));
  });
  const counts = f0.map((f) => {
    let n = K;
    while (n > 1 && n * f >= RATE / 2) n--;
    return n;
  });

  // What is more than two semitones off counts as a slip of the tracker; turned, as the formula has it: note less played.
  const d = deviation.map((v) => (Math.abs(v) > 2 ? 0 : -v));
  const centre = mean(d);
  const about = d.map((v) => v - centre);
  const original_spectrum = spectrum(about, CLIP, CLIP / 2 + 1);
  const mended_spectrum = spectrum(straightened(deviation.map((v) => -v)), FINE, 58);
  const highest = original_spectrum.indexOf(Math.max(...original_spectrum));
  const rate = (highest * FPS) / CLIP;
  const lively = mended_spectrum.filter((_, k) => (k * FPS) / FINE >= 3 && (k * FPS) / FINE <= 9);
  const centroid = mean(counts.map((n) => heights[n - 1] / sums[n - 1]));
  const six = (floor, vibrato) => {
    const a = level_db.map((v) => Math.max(v, floor));
    const m = mean(a);
    const attack = noise_db.slice(0, ATTACK);
    return [
      m / 60 + 1.5,
      (Math.sqrt(mean(a.map((v) => (v - m) ** 2))) * 2.5) / 60,
      level_db.indexOf(Math.max(...level_db)) / L,
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
    original_spectrum: original_spectrum.slice(0, 49),
    mended_spectrum,
    mended: six(-140, Math.max(...lively)),
    original: six(-80, rate >= 3 && rate <= 9 ? original_spectrum[highest] : 0),
  };
}

// ---- the sound ----
function harmonics(s, n) {
  const out = new Float64Array(L * HOP);
  const frames = range(L, (i) => {
    const a = 10 ** (n.level_db[i] / 20);
    const raw = range(K, (k) => ((k + 1) * n.f0[i] < RATE / 2 ? 10 ** ((s.tilt * Math.log2(k + 1)) / 20) : 0));
    const sum = raw.reduce((x, y) => x + y, 0);
    return raw.map((v) => (a * v) / sum);
  });
  let phase = 0;
  for (let i = 0; i < L; i++) {
    const j = Math.min(i + 1, L - 1);
    const step = frames[j].map((v, k) => (v - frames[i][k]) / HOP);
    for (let t = 0; t < HOP; t++) {
      // sin(kφ) from sin((k−1)φ) and sin((k−2)φ)
      const two = 2 * Math.cos(phase);
      let last = 0;
      let now = Math.sin(phase);
      let sum = 0;
      for (let k = 0; k < K; k++) {
        sum += (frames[i][k] + step[k] * t) * now;
        const next = two * now - last;
        last = now;
        now = next;
      }
      out[i * HOP + t] = sum;
      phase = (phase + (TAU / RATE) * (n.f0[i] + ((n.f0[j] - n.f0[i]) * t) / HOP)) % TAU;
    }
  }
  return out;
}
// The noise has one colour all along, only its level changes: one filter, fed with a noise that fades.
function hiss(n) {
  const N = L * HOP;
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
  let seed = 1;
  const white = Float64Array.from({ length: N }, (_, m) => {
    seed = (seed * 48271) % 2147483647;
    const i = Math.floor(m / HOP);
    const next = level[Math.min(i + 1, L - 1)];
    return Math.sqrt(3) * ((2 * seed) / 2147483647 - 1) * (level[i] + ((next - level[i]) * (m % HOP)) / HOP);
  });
  for (let m = 0; m < N; m++)
    for (let t = 0; t < size; t++) {
      const at = m - t + half;
      if (at >= 0 && at < N) out[m] += taps[t] * white[at];
    }
  return out;
}
// A little silence first, so that the page's own fade does not soften the attack.
function heard(sound, db) {
  const lead = 800;
  const end = sound.length;
  const gain = 10 ** (db / 20);
  const out = new Float32Array(lead + end);
  for (let i = 0; i < end; i++) out[lead + i] = gain * sound[i] * Math.min(1, i / 16, (end - i) / 480);
  return out;
}

// ---- the picture ----
const scale = (v) => fixed(v, 2);
const seconds = range(L, (i) => i / FPS);
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
const NOTE = "C C♯ D E♭ E F F♯ G A♭ A B♭ B".split(" ");
const noteName = (m) => `${NOTE[m % 12]}${Math.floor(m / 12) - 1}`;
const signed = (v, unit, digits = 0) => `${fixed(v, digits)} ${unit}`;
const figure = {
  title: "Six knobs on one note",
  controls: [
    { key: "pitch", label: "Note", min: 40, max: 76, step: 1, whole: true, show: noteName },
    { key: "vibrato", label: "Vibrato (semitones)", min: 0, max: 1, step: 0.01, show: (v) => `± ${fixed(v, 2)}` },
    { key: "rate_hz", label: "Vibrato rate", min: 1, max: 12, step: 0.1, show: (v) => signed(v, "Hz", 1) },
    { key: "glide", label: "Glide (semitones)", min: -3, max: 3, step: 0.05, show: (v) => fixed(v, 2) },
    { key: "level_db", label: "Level", min: -100, max: TOP, step: 1, show: (v) => signed(v, "dB") },
    { key: "swell_db", label: "Swell", min: 0, max: 60, step: 1, show: (v) => signed(v, "dB") },
    { key: "peak", label: "Place of the peak", min: 0, max: 1, step: 0.01, show: (v) => fixed(v, 2) },
    { key: "tilt", label: "Tilt (dB an octave)", min: -18, max: 0, step: 0.25, show: (v) => fixed(v, 1) },
    { key: "attack_db", label: "Attack noise", min: -115, max: -60, step: 1, show: (v) => signed(v, "dB") },
  ],
  compute,
  height: (w) => (w >= 560 ? 580 : 880),
  draw({ g, p, plot, view, width }, s, n) {
    const wide = width >= 560;
    const h = wide ? 185 : 165;
    const half = wide ? width / 2 : width;
    const at = (i) => (wide ? [(i % 2) * half, Math.floor(i / 2) * h, half, h] : [0, i * h, width, h]);
    const time = [0, L / FPS];
    const played = n.f0.map((f) => semitones(f, s));
    const most = Math.max(2.5, 1.1 * Math.max(...played.map(Math.abs)));
    const a = (view.bend = plot(
      at(0),
      {
        title: "Pitch (semitones off)",
        legend: [["draw here", p.soft]],
        x: time,
        y: [-most, most],
        xLabel: "time (s)",
      },
      p,
    ));
    for (const edge of [-2, 2]) a.line(time, [edge, edge], p.soft, 1, [4, 4]);
    a.line(seconds, played, p.mine);
    const b = (view.drawn_db = plot(
      at(wide ? 2 : 1),
      {
        title: "Level (dB)",
        legend: [
          ["draw here", p.soft],
          ["noise", p.goal],
        ],
        x: time,
        y: [-130, 0],
        yTicks: [-120, -80, -40, 0],
        xLabel: "time (s)",
      },
      p,
    ));
    b.line(time, [-80, -80], p.soft, 1, [4, 4]);
    b.line(seconds, n.noise_db, p.goal, 1.5);
    b.line(seconds, n.level_db, p.mine);
    const peak = Math.max(0.5, 1.1 * Math.max(...n.original_spectrum, ...n.mended_spectrum));
    const c = plot(
      at(wide ? 1 : 2),
      {
        title: "Its waver",
        legend: [
          ["mended", p.mine],
          ["as published", p.goal],
        ],
        x: [0, 12],
        y: [0, peak],
        xTicks: [0, 3, 6, 9, 12],
        xLabel: "rate (Hz)",
      },
      p,
    );
    g.globalAlpha = 0.12;
    g.fillStyle = p.mine;
    g.fillRect(c.X(3), c.y0, c.X(9) - c.X(3), c.h);
    g.globalAlpha = 1;
    c.line(
      range(49, (k) => (k * FPS) / CLIP),
      n.original_spectrum,
      p.goal,
      2,
      [5, 4],
    );
    c.line(
      range(58, (k) => (k * FPS) / FINE),
      n.mended_spectrum,
      p.mine,
    );
    const d = (view.tilt = plot(
      at(3),
      {
        title: "Harmonics (dB)",
        legend: [["drag", p.soft]],
        x: [0, K + 1],
        y: [-80, 3],
        yTicks: [-80, -60, -40, -20, 0],
        xTicks: [1, 12, 24, 36, 48, 60],
        xLabel: "harmonic number",
      },
      p,
    ));
    const count = Math.min(K, Math.ceil(RATE / 2 / n.f0[0]) - 1);
    d.inside(() => {
      g.fillStyle = p.mine;
      for (let k = 1; k <= count; k++) {
        const y = d.Y(Math.max(-80, s.tilt * Math.log2(k)));
        const half = d.w / K / 3;
        g.fillRect(d.X(k) - half, y, 2 * half, d.Y(-80) - y);
      }
    });
    d.mark(12 * n.mended[4], p.goal, `centroid ${fixed(12 * n.mended[4], 1)}`);
    bars({ g, p }, [0, (wide ? 2 : 4) * h + 6, width, 200], n);
  },
  describe: (s, n) =>
    `A note on ${noteName(s.pitch)} with a vibrato of ±${fixed(s.vibrato, 2)} semitones at ${fixed(s.rate_hz, 1)} hertz over a glide of ${fixed(s.glide, 2)} semitones, at most ${fixed(Math.max(...n.level_db), 0)} decibels. ${NAMES.map((name, j) => `${name} ${scale(n.mended[j])}${Math.abs(n.mended[j] - n.original[j]) > 0.005 ? ` (as published ${scale(n.original[j])})` : ""}`).join(", ")}.`,
  readout: (s, n) => [
    ["highest bin of the waver, as published", signed(n.highest_hz, "Hz", 2)],
    ["3.75 × depth", scale(3.75 * s.vibrato)],
    ["mean pitch", `${fixed(mean(n.f0.map((f) => semitones(f, s))), 3)} semitones`],
    ["mean level", signed(mean(n.level_db), "dB", 1)],
    ["centroid", `harmonic ${fixed(12 * n.mended[4], 1)}, ${hertz(n.centroid_hz)}`],
  ],
  sounds: [
    {
      label: `Play, ${GAIN} dB louder`,
      make: (s, n) => {
        const noise = hiss(n);
        return heard(
          harmonics(s, n).map((v, i) => v + noise[i]),
          GAIN,
        );
      },
    },
    { label: "Noise alone, 44 dB louder", make: (s, n) => heard(hiss(n), 44) },
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
    const k = clamp(Math.round((area.back(x) * FPS * (KNOTS - 1)) / L), 0, KNOTS - 1);
    const i = (k / (KNOTS - 1)) * (L - 1);
    const value =
      key === "bend" ? clamp(v - slide(state, i), -3, 3) : clamp(v - state.level_db - roof(state, i), -40, 40);
    set({ [key]: state[key].map((old, j) => (j === k ? value : old)) });
  },
  grabs: (x, y, view) => ["bend", "drawn_db", "tilt"].some((key) => view[key]?.has(x, y)),
};
