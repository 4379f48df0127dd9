// Harmonics that climb over Nyquist fold back into the sound, unless they are masked.
import { FLOOR, K, N } from "./nyquist.py";
import { mount } from "./kit/figure.js";
import { TAU, decibels, range } from "./kit/numbers.js";
import { tones } from "./kit/sound.js";
import { magnitudes } from "./kit/spectrum.js";

export function compute({ f0_hz, sample_rate, mask }) {
  const partials = range(K, (i) => f0_hz * (i + 1));
  const nyquist = sample_rate / 2;
  const raw = partials.map((f, i) => (mask && f >= nyquist ? 0 : 1 / (i + 1)));
  const total = raw.reduce((a, b) => a + b, 0);
  const shares = raw.map((v) => (total > 0 ? v / total : 0));
  const sound = range(N, (i) =>
    partials.reduce((sum, f, k) => sum + shares[k] * Math.sin(TAU * (((f * i) % sample_rate) / sample_rate)), 0),
  );
  return {
    partials,
    folded: partials.map((f) => Math.abs(f - sample_rate * Math.round(f / sample_rate))),
    shares,
    above: partials.filter((f) => f >= nyquist).length,
    spectrum_db: magnitudes(sound).map((m) => Math.max(FLOOR, decibels((4 / N) * m))),
  };
}
// The heard ones: what folds onto 0 Hz or onto Nyquist exactly is a sine sampled at its zeros.
const aliases = (s, n) =>
  n.partials.flatMap((f, i) =>
    f >= s.sample_rate / 2 && n.shares[i] > 0 && n.folded[i] % (s.sample_rate / 2)
      ? [[f, n.folded[i], n.shares[i], i + 1]]
      : [],
  );

export const figure = {
  controls: [
    { key: "f0_hz", label: "Fundamental f₀", log: true, show: (v) => `${v} Hz` },
    {
      key: "mask",
      label: "Harmonics at or above Nyquist",
      options: [
        [true, "masked"],
        [false, "left in"],
      ],
    },
    {
      key: "sample_rate",
      label: "Sample rate",
      options: [
        [8000, "8 kHz"],
        [16000, "16 kHz"],
      ],
    },
  ],
  compute,
  height: () => 320,
  draw({ g, p, plot, view, width, height }, s, n) {
    const half = s.sample_rate / 2;
    const c = (view.plot = plot([0, 0, width, height], {
      title: "Spectrum (dB)",
      legend: [
        ["● harmonic", p.mine],
        ["○ folded", p.goal],
      ],
      x: [0, s.sample_rate],
      y: [FLOOR, 0],
      xLabel: "frequency (Hz)",
    }));
    // Above Nyquist there is no spectrum: only the places from which partials fold.
    g.fillStyle = p.grid;
    g.fillRect(c.X(half), c.y0, c.w / 2, c.h);
    c.mark(half, p.soft, "Nyquist");
    c.line(
      n.spectrum_db.map((_, k) => (k * s.sample_rate) / N),
      n.spectrum_db,
      p.soft,
      1,
    );
    n.partials.forEach((f, i) => {
      if (f < half && n.shares[i]) c.stem(f, decibels(n.shares[i]), p.mine);
    });
    c.inside(() => {
      aliases(s, n).forEach(([f, to, share], i) => {
        const y = c.Y(decibels(share));
        g.strokeStyle = p.goal;
        g.lineWidth = 1;
        g.setLineDash([2, 4]);
        g.beginPath();
        g.moveTo(c.X(f), c.Y(FLOOR));
        g.lineTo(c.X(f), y);
        g.stroke();
        // The way of the loudest, over the mirror.
        if (i === 0 && f < s.sample_rate) {
          g.setLineDash([]);
          g.beginPath();
          g.moveTo(c.X(f), y);
          g.quadraticCurveTo(c.X(half), y - 90, c.X(to), y);
          g.stroke();
        }
        c.stem(to, decibels(share), p.goal, true);
      });
    });
  },
  describe(s, n) {
    const folded = aliases(s, n);
    const [from, to, , k] = folded[0] ?? [];
    const fold = folded.length ? `they fold, harmonic ${k} from ${from} down to ${to} hertz` : "they fold to nothing";
    return [
      `Spectrum of ${K} harmonics of ${s.f0_hz} hertz at a sample rate of ${s.sample_rate} hertz.`,
      `${n.above} of them lie at or above Nyquist, ${s.sample_rate / 2} hertz;`,
      `${s.mask || !n.above ? "none is heard" : fold}.`,
    ].join(" ");
  },
  readout(s, n) {
    const folded = aliases(s, n);
    return [
      ["f₀", `${s.f0_hz} Hz`],
      ["Nyquist", `${s.sample_rate / 2} Hz`],
      ["harmonics above", `${n.above} of ${K}`],
      ["folded", String(folded.length)],
      ["loudest alias", folded.length ? `k = ${folded[0][3]}: ${folded[0][0]} → ${folded[0][1]} Hz` : "none"],
    ];
  },
  sounds: [
    {
      label: "Play",
      loop: true,
      rate: (s) => s.sample_rate,
      make: (s, n) =>
        tones(
          n.partials.map((f, i) => [f, n.shares[i]]),
          s.sample_rate,
        ),
    },
  ],
  actions: [
    {
      label: "Sweep f₀ upwards",
      run: (api) => {
        let f = 100;
        api.set({ f0_hz: f });
        api.animate(() => {
          f *= 2 ** (1 / 24);
          api.set({ f0_hz: f });
          return f < 1900;
        }, 90);
      },
    },
  ],
  pointer(x, y, type, { set, view }) {
    if (type !== "up") set({ f0_hz: view.plot.back(x) });
  },
};

export const render = (context) => mount(context, figure);
