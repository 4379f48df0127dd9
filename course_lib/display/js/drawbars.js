// Sixteen harmonics as drawbars: the shares sum to one, one amplitude scales the whole sound.
const N = 320;
const RATE = 16000;
const K = 16;

function compute({ levels, f0_hz, amplitude }) {
  const total = levels.reduce((a, b) => a + b, 0);
  const shares = levels.map((v) => (total > 0 ? v / total : 0));
  const wave = range(N, (i) => {
    const phase = TAU * (((f0_hz * i) % RATE) / RATE);
    return amplitude * shares.reduce((sum, a, k) => sum + a * Math.sin((k + 1) * phase), 0);
  });
  return {
    shares,
    wave,
    level_db: shares.map((a) => Math.max(-60, decibels(amplitude * a))),
    peak: Math.max(...wave.map(Math.abs)),
    total,
  };
}

const bars = (f) => range(K, (i) => +f(i + 1).toFixed(6));
const PRESETS = [
  ["Saw", bars((k) => 1 / k)],
  ["Square", bars((k) => (k % 2) / k)],
  ["Organ", bars((k) => ({ 1: 1, 2: 0.9, 3: 0.6, 4: 0.7, 6: 0.4, 8: 0.5 })[k] ?? 0)],
  ["Flute", bars((k) => ({ 1: 1, 2: 0.2, 3: 0.12, 4: 0.03 })[k] ?? 0)],
];

const figure = {
  title: "Sixteen drawbars",
  controls: [
    { key: "f0_hz", label: "Fundamental f₀", min: 40, max: 440, log: true, whole: true, show: (v) => `${v} Hz` },
    { key: "amplitude", label: "Amplitude A", min: 0, max: 1, step: 0.01 },
    { key: "harmonic", label: "Chosen drawbar", min: 1, max: K, step: 1, whole: true, show: (v) => `harmonic ${v}` },
    {
      key: "level",
      label: "Its level",
      min: 0,
      max: 1,
      step: 0.01,
      get: (s) => s.levels[s.harmonic - 1],
      put: (v, s) => ({ levels: s.levels.map((old, i) => (i === s.harmonic - 1 ? v : old)) }),
    },
  ],
  compute,
  height: (w) => (w >= 560 ? 400 : 560),
  draw({ g, p, plot, view, width, height }, s, n) {
    const top = 190;
    const b = (view.bars = plot(
      [0, 0, width, top],
      {
        title: "Drawbars",
        legend: [["drag me", p.soft]],
        x: [0.4, K + 0.6],
        y: [0, 1],
        xTicks: range(K, (i) => i + 1),
        yTicks: [0, 0.5, 1],
        xLabel: "harmonic k",
      },
      p,
    ));
    const wide = Math.min(26, (b.w / K) * 0.62);
    s.levels.forEach((v, i) => {
      const x = b.X(i + 1) - wide / 2;
      const chosen = i + 1 === s.harmonic;
      g.fillStyle = p.grid;
      g.fillRect(x, b.y0, wide, b.h);
      g.fillStyle = chosen ? p.goal : p.mine;
      g.fillRect(x, b.Y(v), wide, b.y0 + b.h - b.Y(v));
      g.fillRect(x - 2, b.Y(v) - 3, wide + 4, 6);
    });
    const [left, right] = split(width, height - top, [1, 1]).map(([x, y, w, hgt]) => [x, y + top, w, hgt]);
    const size = Math.max(0.1, n.peak) * 1.1;
    plot(
      left,
      { title: "Sound", legend: [["20 ms", p.soft]], x: [0, 20], y: [-size, size], xLabel: "time (ms)" },
      p,
    ).line(
      range(N, (i) => (1000 * i) / RATE),
      n.wave,
      p.mine,
    );
    const c = plot(
      right,
      {
        title: "Spectrum",
        legend: [["20 log A α̂", p.soft]],
        x: [0, 16.5 * s.f0_hz],
        y: [-60, 0],
        xLabel: "frequency (Hz)",
      },
      p,
    );
    n.level_db.forEach((v, i) => {
      if (v > -60) c.stem((i + 1) * s.f0_hz, v, i + 1 === s.harmonic ? p.goal : p.mine);
    });
  },
  describe: (s, n) =>
    `Sixteen drawbars over ${s.f0_hz} hertz, levels ${s.levels.map((v) => fixed(v, 2)).join(", ")}. ${n.total ? `Harmonic ${s.harmonic} has ${fixed(100 * n.shares[s.harmonic - 1], 1)} percent of the amplitude` : "All are pushed in: silence"}; below, the waveform with peak ${fixed(n.peak, 2)} and the spectrum.`,
  readout: (s, n) => [
    ["f₀", `${s.f0_hz} Hz`],
    ["harmonic", String(s.harmonic)],
    ["level", fixed(s.levels[s.harmonic - 1], 2)],
    ["share α̂", fixed(n.shares[s.harmonic - 1])],
    [
      "sum of shares",
      fixed(
        n.shares.reduce((a, b) => a + b, 0),
        2,
      ),
    ],
    ["peak", fixed(n.peak)],
  ],
  sounds: [
    {
      label: "Play",
      loop: true,
      make: (s, n) =>
        tones(
          n.shares.map((a, i) => [s.f0_hz * (i + 1), s.amplitude * a]),
          RATE,
        ),
    },
  ],
  actions: PRESETS.map(([label, levels]) => ({ label, run: (api) => api.set({ levels: [...levels] }) })),
  grabs: (x, y, view) => view.bars.has(x, y),
  pointer(x, y, type, { set, view, state }) {
    const b = view.bars;
    if (type === "down") view.dragging = b.has(x, y);
    if (!view.dragging || type === "up") return;
    const harmonic = clamp(Math.round(b.back(x)), 1, K);
    set({ harmonic, levels: state.levels.map((v, i) => (i === harmonic - 1 ? +b.backY(y).toFixed(2) : v)) });
  },
};
