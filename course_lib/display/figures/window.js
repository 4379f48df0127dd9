// A window over a sound: the slice under it, the spectrum of the slice, and where it stands in the spectrogram.
import {
  CLICK,
  CLICKS,
  CLIPS_12,
  COLUMNS,
  DRAWN_HZ,
  FLOOR_DB,
  KNOTS,
  N,
  RATE,
  ROWS,
  TONE,
  TONES_HZ,
  TOP_HZ,
} from "./window.py";
import { element } from "./kit/controls.js";
import { bytes } from "./kit/data.js";
import { mount } from "./kit/figure.js";
import { TAU, clamp, decibels, fixed, hertz, range, replaced } from "./kit/numbers.js";
import { fft, hannWindow } from "./kit/spectrum.js";

// ---- the sound ----
const makers = {
  puzzle() {
    const sine = (f, i) => Math.sin((TAU * ((f * i) % RATE)) / RATE);
    const out = Float64Array.from({ length: N }, (_, i) => TONE * (sine(TONES_HZ[0], i) + sine(TONES_HZ[1], i)));
    for (const i of CLICKS) out[i] += CLICK;
    return out;
  },
  drawn: ({ wave }) =>
    Float64Array.from({ length: N }, (_, i) => {
      const place = (((DRAWN_HZ * i) % RATE) / RATE) * KNOTS;
      const k = Math.floor(place);
      return wave[k] + (place - k) * (wave[(k + 1) % KNOTS] - wave[k]);
    }),
};
function recorded(name) {
  const b = bytes(CLIPS_12[name]);
  return Float64Array.from({ length: N }, (_, i) => {
    const j = 3 * (i >> 1);
    return ((i & 1 ? ((b[j + 1] & 15) << 8) | b[j + 2] : (b[j] << 4) | (b[j + 1] >> 4)) - 2048) / 2047;
  });
}
const sounds = {};
function soundOf(s) {
  const key = s.sound === "drawn" ? `drawn ${s.wave}` : s.sound;
  if (sounds.key !== key) Object.assign(sounds, { key, sound: makers[s.sound]?.(s) ?? recorded(s.sound) });
  return sounds.sound;
}

// ---- its spectra ----
// What lies under a window around a sample; beyond its ends the sound is silent.
const under = (sound, centre, window) => window.map((w, i) => w * (sound[centre - window.length / 2 + i] ?? 0));
// Amplitudes of the frequencies in two slices, up to the top of the picture: a sine of amplitude 1 peaks at 1. The
// spectrum of a real sound is even, so that one complex transform carries two of them.
function amplitudes(one, two, scale) {
  const re = Float64Array.from(one);
  const im = Float64Array.from(two);
  const n = one.length;
  fft(re, im);
  const part = (sign) => (_, k) => {
    const m = (n - k) % n;
    return (scale / 2) * Math.hypot(re[k] + sign * re[m], im[k] - sign * im[m]);
  };
  const bins = { length: (n * TOP_HZ) / RATE + 1 };
  return [Float64Array.from(bins, part(1)), Float64Array.from(bins, part(-1))];
}
const level = (a) => Math.max(FLOOR_DB, decibels(a));
function pictureOf(sound, window, scale) {
  const hop = N / COLUMNS;
  const bins = (window.length * TOP_HZ) / RATE;
  const edge = (r) => Math.floor((r * bins) / ROWS + 0.5);
  const column = (c) => under(sound, c * hop + hop / 2, window);
  const pairs = range(COLUMNS / 2, (c) => amplitudes(column(2 * c), column(2 * c + 1), scale));
  return pairs.flat().flatMap((all) =>
    range(ROWS, (r) => {
      let most = all[edge(r)];
      for (let k = edge(r) + 1; k < edge(r + 1); k++) most = Math.max(most, all[k]);
      return level(most);
    }),
  );
}
// The spectrogram does not depend on where the slice is: the last one is kept while it is dragged.
const last = {};
export function compute(s) {
  const size = 2 ** s.size_log2;
  const sound = soundOf(s);
  const window = s.window === "hann" ? hannWindow(size) : new Float64Array(size).fill(1);
  const scale = 2 / window.reduce((a, v) => a + v, 0);
  const key = [sounds.key, size, s.window].join();
  if (last.key !== key) Object.assign(last, { key, picture: pictureOf(sound, window, scale) });
  const slice = under(sound, Math.floor(s.at_s * RATE + 0.5), window);
  return {
    slice: Array.from(slice),
    spectrum: Array.from(amplitudes(slice, slice, scale)[0]),
    picture_db: last.picture,
    heard: { sound, window },
  };
}

// ---- the picture ----
const NAMES = { voice: "A voice", guitar: "A guitar", drum: "A drum", puzzle: "The puzzle", drawn: "Your own wave" };
const length = (s) => `${fixed((1000 * 2 ** s.size_log2) / RATE, 0)} ms`;
const loudest = (n) => n.spectrum.indexOf(Math.max(...n.spectrum));
const bin = (s) => RATE / 2 ** s.size_log2;
const channels = (colour) => [1, 3, 5].map((i) => Number.parseInt(colour.slice(i, i + 2), 16));

// Levels as colours, from paper through blue to ink, drawn once and kept.
function image(view, picture, p) {
  if (view.picture === picture && view.paper === p.bg) return view.image;
  const stops = [p.bg, p.mine, p.ink].map(channels);
  const canvas = document.createElement("canvas");
  canvas.width = COLUMNS;
  canvas.height = ROWS;
  const g = canvas.getContext("2d");
  const pixels = g.createImageData(COLUMNS, ROWS);
  picture.forEach((db, m) => {
    const shade = 2 * clamp((db + 75) / 65, 0, 1);
    const i = Math.min(1, Math.floor(shade));
    const at = 4 * ((ROWS - 1 - (m % ROWS)) * COLUMNS + Math.floor(m / ROWS));
    for (const c of [0, 1, 2]) pixels.data[at + c] = stops[i][c] + (shade - i) * (stops[i + 1][c] - stops[i][c]);
    pixels.data[at + 3] = 255;
  });
  g.putImageData(pixels, 0, 0);
  Object.assign(view, { picture, paper: p.bg, image: canvas });
  return canvas;
}
// The stretch of time under the window.
function shade(g, c, s, p) {
  const half = 2 ** s.size_log2 / RATE / 2;
  c.inside(() => {
    g.globalAlpha = 0.16;
    g.fillStyle = p.goal;
    g.fillRect(c.X(s.at_s - half), c.y0, c.X(s.at_s + half) - c.X(s.at_s - half), c.h);
    g.globalAlpha = 1;
  });
  c.mark(s.at_s, p.goal);
}
function drawWhole(view, { g, p, plot }, s, n, box) {
  const end = N / RATE;
  const c = plot(box, { title: NAMES[s.sound], legend: [["window: drag me", p.goal]], x: [0, end], y: [-1, 1] });
  view.whole = c;
  // One line a pixel, from the lowest to the highest sample in it.
  c.inside(() => {
    g.fillStyle = p.mine;
    const wide = N / c.w;
    for (let x = 0; x < c.w; x++) {
      const part = n.heard.sound.subarray(Math.floor(x * wide), Math.floor((x + 1) * wide) + 1);
      const [low, high] = [Math.min(...part), Math.max(...part)];
      g.fillRect(c.x0 + x, c.Y(high), 1, Math.max(1, c.Y(low) - c.Y(high)));
    }
  });
  shade(g, c, s, p);
}
function drawPeriod(view, { p, plot }, s, box) {
  const x = [0, KNOTS];
  const c = plot(box, { title: "One period", legend: [["draw here", p.goal]], x, y: [-1, 1], xTicks: [] });
  view.period = c;
  c.line(
    range(KNOTS + 1, (k) => k),
    [...s.wave, s.wave[0]],
    p.mine,
    2.5,
  );
  for (let k = 0; k < KNOTS; k++) c.dot(k, s.wave[k], k === s.point - 1 ? p.goal : p.mine, 5);
}
export const figure = {
  controls: [
    { key: "at_s", label: "Where the window is", step: 0.002, show: (v) => `${fixed(v, 3)} s` },
    { key: "size_log2", label: "Window length", step: 1, show: (v, s) => `${2 ** v} samples, ${length(s)}` },
    { key: "point", label: "Your wave: point", step: 1, show: (v) => `${v} of ${KNOTS}` },
    {
      ...element("wave", (s) => s.point - 1),
      label: "Your wave: its height",
      step: 0.05,
      put: (v, s) => ({ wave: replaced(s.wave, s.point - 1, v), sound: "drawn" }),
    },
    { key: "sound", label: "Sound", options: Object.entries(NAMES) },
    {
      key: "window",
      label: "Edges of the window",
      options: [
        ["hann", "Soft (Hann)"],
        ["hard", "Hard (none)"],
      ],
    },
    {
      key: "scale",
      label: "Axis of the spectrum",
      options: [
        ["db", "Decibels"],
        ["amplitude", "Amplitude"],
      ],
    },
  ],
  compute,
  height: (w) => (w >= 560 ? 560 : 760),
  draw({ g, p, plot, view, width, height }, s, n) {
    const wide = width >= 560;
    const half = wide ? width / 2 : width;
    const tall = wide ? 205 : 180;
    view.period = null;
    const tools = { g, p, plot };
    const shared = s.sound === "drawn" ? half : width;
    drawWhole(view, tools, s, n, [0, 0, wide ? shared : width, 130]);
    let top = 130;
    if (s.sound === "drawn") {
      drawPeriod(view, tools, s, wide ? [half, 0, half, 130] : [0, 130, width, 130]);
      if (!wide) top = 260;
    }

    const size = n.slice.length;
    const centre = Math.floor(s.at_s * RATE + 0.5);
    const raw = range(size, (i) => n.heard.sound[centre - size / 2 + i] ?? 0);
    const most = Math.max(0.02, ...raw.map(Math.abs));
    const time = range(size, (i) => (1000 * (i - size / 2)) / RATE);
    const a = plot([0, top, half, tall], {
      title: "Slice",
      legend: [
        ["× window", p.mine],
        ["window", p.goal],
      ],
      x: [time[0], -time[0]],
      y: [-1.1 * most, 1.1 * most],
      xLabel: "time from its middle (ms)",
    });
    a.line(time, raw, p.edge, 1.5);
    for (const sign of [1, -1])
      a.line(
        time,
        Array.from(n.heard.window, (w) => sign * w * most),
        p.goal,
        1.5,
        [4, 3],
      );
    a.line(time, n.slice, p.mine);
    if (!wide) top += tall;
    const db = s.scale === "db";
    const loud = Math.max(1e-4, ...n.spectrum);
    const b = plot([wide ? half : 0, top, half, tall], {
      title: db ? "Spectrum of the slice (dB)" : "Spectrum of the slice (amplitude)",
      x: [0, TOP_HZ / 1000],
      y: db ? [FLOOR_DB, 0] : [0, 1.1 * loud],
      yTicks: db ? [-100, -80, -60, -40, -20, 0] : undefined,
      xLabel: "frequency (kHz)",
    });
    const kilohertz = n.spectrum.map((_, k) => (k * bin(s)) / 1000);
    b.line(kilohertz, db ? n.spectrum.map(level) : n.spectrum, p.mine, size > 512 ? 1.2 : 2);

    top += tall;
    const c = plot([0, top, width, height - top], {
      title: "Spectrogram: all slices side by side",
      x: [0, N / RATE],
      y: [0, TOP_HZ],
      xLabel: "time (s); upwards: frequency (Hz)",
    });
    view.picture_plot = c;
    g.imageSmoothingEnabled = false;
    g.drawImage(image(view, n.picture_db, p), c.x0 + 1, c.y0, c.w, c.h);
    shade(g, c, s, p);
  },
  describe: (s, n) =>
    [
      `${NAMES[s.sound]}, under a window of ${length(s)} with ${s.window === "hann" ? "soft" : "hard"} edges at`,
      `${fixed(s.at_s, 3)} seconds. The spectrum of this slice has points ${hertz(bin(s))} apart and is highest at`,
      `${hertz(loudest(n) * bin(s))}; below, the spectrogram, with the place of the slice.`,
    ].join(" "),
  readout: (s, n) => [
    ["window at", `${fixed(s.at_s, 3)} s`],
    ["length", length(s)],
    ["points of the spectrum", `${hertz(bin(s))} apart`],
    ["highest at", hertz(loudest(n) * bin(s))],
    ["level there", `${fixed(level(Math.max(...n.spectrum)), 0)} dB`],
  ],
  sounds: [
    { label: "Play the whole", loop: true, make: (s, n) => n.heard.sound },
    {
      label: "Play the slice",
      loop: true,
      // Alone, with silence around it.
      make(s, n) {
        const out = new Float64Array(RATE / 2);
        out.set(n.slice, (out.length - n.slice.length) / 2);
        return out;
      },
    },
  ],
  grabs: (x, y, view) => Boolean(view.period?.has(x, y)),
  pointer(x, y, type, { set, view, state }) {
    if (type === "down") {
      view.held = [view.period, view.whole, view.picture_plot].find((area) => area?.has(x, y));
      view.drawing = view.held && view.held === view.period;
    }
    if (type === "up" || !view.held) return;
    if (!view.drawing) {
      set({ at_s: view.held.back(x) });
      return;
    }
    const k = Math.round(view.held.back(x)) % KNOTS;
    set({ point: k + 1, wave: replaced(state.wave, k, +view.held.backY(y).toFixed(2)) });
  },
};

export const render = (context) => mount(context, figure);
