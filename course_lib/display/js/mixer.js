// Four players of a chorale, each with a level and a place. STEMS: see mixer_stems.py.
const RATE = 16000;
const HOP = 256;
const FRAMES = 525;
const K = 40;
const BANDS = 17;
const EVERY = 5;
const APART = [0.4, 1, 0, 0.7];
const SILENT = 8;
const VOICES = ["Violin", "Clarinet", "Saxophone", "Cello"];
const PITCHES = ["played", "straight", "just"];

let stored = null;
function unpack() {
  if (stored) return stored;
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const levels = bytes(STEMS.levels);
  const low = bytes(STEMS.pitches);
  const amplitude = (i) => (levels[i] <= 1 ? 0 : 10 ** ((levels[i] - 255) / 40));
  stored = VOICES.map((_, v) => {
    const row = (i) => (v * FRAMES + i) * (K + BANDS);
    const pitch = (j, i) => {
      const at = 2 * ((v * 3 + j) * FRAMES + i);
      return (low[at] + 256 * low[at + 1]) / 256;
    };
    const parts = range(FRAMES, (i) => range(K, (k) => amplitude(row(i) + k)));
    return {
      f0: PITCHES.map((_, j) => range(FRAMES, (i) => 440 * 2 ** ((pitch(j, i) - 69) / 12))),
      parts,
      noise: range(FRAMES, (i) => Float64Array.from({ length: BANDS }, (_, b) => amplitude(row(i) + K + b))),
      power: parts.map((p) => p.reduce((sum, a) => sum + (a * a) / 2, 0)),
    };
  });
  return stored;
}
const level10 = (power) => 10 * Math.log10(Math.max(power, 1e-12));
const gain = (db) => (db <= -30 ? 0 : 10 ** (db / 20));
const quarter = Math.PI / 4;
function compute(s) {
  const o = unpack();
  const times = range(FRAMES / EVERY, (i) => i * EVERY);
  const left = s.gains_db.map((db, v) => gain(db) * Math.sin(quarter * (1 - s.pans[v])));
  const right = s.gains_db.map((db, v) => gain(db) * Math.sin(quarter * (1 + s.pans[v])));
  const ear = (g) => times.map((i) => o.reduce((sum, voice, v) => sum + g[v] ** 2 * voice.power[i], 0));
  const ears = [ear(left), ear(right)];
  const total = ears.map((x) => x.reduce((a, b) => a + b, 0));
  return {
    left,
    right,
    late: APART.map((a) => Math.floor(a * s.apart_ms * 16 + 0.5)),
    voices_db: o.flatMap((voice, v) => times.map((i) => level10(gain(s.gains_db[v]) ** 2 * voice.power[i]))),
    left_db: ears[0].map(level10),
    right_db: ears[1].map(level10),
    balance_db: level10(total[1] + 1e-9) - level10(total[0] + 1e-9),
  };
}

// What a voice sounds like does not depend on the mixer: made once for each kind of pitch, when it is first wanted.
const made = {};
function stems(pitch) {
  return (made[pitch] ??= unpack().map((voice, v) => {
    const f0 = voice.f0[PITCHES.indexOf(pitch)];
    const frames = voice.parts.map((row, i) => {
      const kept = row.map((a, k) => ((k + 1) * f0[i] < RATE / 2 ? a : 0));
      const amplitude = kept.reduce((a, b) => a + b, 0);
      return {
        amplitude,
        shares: Float64Array.from(kept, (a) => (amplitude ? a / amplitude : 0)),
        noise: voice.noise[i],
      };
    });
    // Silent frames in front: each voice has another stretch of the one noise that there is.
    const silence = range(SILENT * v, () => ({ noise: new Float64Array(BANDS) }));
    const tone = harmonics({ f0, frames });
    const breath = hiss({ frames: [...silence, ...frames] }).subarray(SILENT * v * HOP);
    return tone.map((x, i) => x + breath[i]);
  }));
}
const LOUDER = 24;
function mixed(s, n) {
  const voices = stems(s.pitch);
  const N = FRAMES * HOP;
  const [left, right] = [n.left, n.right].map((g) => {
    const ear = new Float32Array(N);
    voices.forEach((x, v) => {
      const a = g[v] * 10 ** (LOUDER / 20);
      const late = n.late[v];
      if (a) for (let i = late; i < N; i++) ear[i] += a * x[i - late];
    });
    return ear;
  });
  let top = 0;
  for (const ear of [left, right]) for (const x of ear) top = Math.max(top, Math.abs(x));
  if (top > 3) for (const ear of [left, right]) for (let i = 0; i < N; i++) ear[i] *= 3 / top;
  left.right = right;
  return left;
}

// Two ears: the player of common.js with two channels.
player = () => {
  let ctx;
  let now;
  const fade = (v) => {
    v.level.gain.setTargetAtTime(0, ctx.currentTime, 0.01);
    v.source.stop(ctx.currentTime + 0.08);
  };
  return {
    play(samples, rate, loop, ended) {
      if (!ctx) {
        try {
          ctx = new AudioContext({ sampleRate: rate });
        } catch {
          ctx = new AudioContext();
        }
      }
      ctx.resume();
      const buffer = ctx.createBuffer(2, samples.length, rate);
      const source = ctx.createBufferSource();
      const level = ctx.createGain();
      [samples, samples.right].forEach((ear, i) =>
        buffer.copyToChannel(
          Float32Array.from(ear, (x) => clamp(x * 0.3, -1, 1)),
          i,
        ),
      );
      source.buffer = buffer;
      source.loop = loop;
      level.gain.value = 0;
      level.gain.setTargetAtTime(1, ctx.currentTime, 0.01);
      source.connect(level).connect(ctx.destination);
      const voice = { source, level, since: ctx.currentTime };
      const offset = loop && now ? (ctx.currentTime - now.since) % buffer.duration : 0;
      voice.since -= offset;
      source.start(0, offset);
      source.onended = () => {
        if (now === voice) {
          now = null;
          ended();
        }
        if (!now) ctx?.suspend();
      };
      if (now) fade(now);
      now = voice;
    },
    stop() {
      if (now) fade(now);
      now = null;
    },
    close() {
      ctx?.close();
      ctx = now = null;
    },
  };
};

const put = (key, v) => (x, s) => ({ [key]: s[key].map((old, i) => (i === v ? x : old)) });
const side = (pan) => (Math.abs(pan) < 0.005 ? "middle" : `${fixed(Math.abs(pan), 2)} ${pan < 0 ? "left" : "right"}`);
const loud = (db) => (db <= -30 ? "silent" : `${fixed(db, 1)} dB`);
const everywhere = (x) => [x, x, x, x];
const figure = {
  title: "A mixer for four",
  controls: [
    ...VOICES.flatMap((name, v) => [
      {
        key: `gain ${v}`,
        label: `${name}, level`,
        min: -30,
        max: 6,
        step: 0.5,
        get: (s) => s.gains_db[v],
        put: put("gains_db", v),
        show: loud,
      },
      {
        key: `pan ${v}`,
        label: `${name}, place`,
        min: -1,
        max: 1,
        step: 0.05,
        get: (s) => s.pans[v],
        put: put("pans", v),
        show: side,
      },
    ]),
    { key: "apart_ms", label: "Onsets apart", min: 0, max: 60, step: 1, whole: true, show: (v) => `${v} ms` },
    {
      key: "pitch",
      label: "Pitch",
      options: [
        ["played", "as played"],
        ["straight", "straight, tempered"],
        ["just", "straight, pure"],
      ],
    },
  ],
  compute,
  height: (w) => (w >= 560 ? 280 : 500),
  draw({ g, p, plot, view, width }, s, n) {
    const [stage, levels] = split(width, width >= 560 ? 280 : 500, [2, 3]);
    const xs = range(FRAMES / EVERY, (i) => (i * EVERY * HOP) / RATE);
    const a = (view.stage = plot(
      stage,
      {
        title: "Stage",
        x: [-1.1, 1.1],
        y: [-32, 8],
        xTicks: [-1, 0, 1],
        yTicks: [-30, -20, -10, 0],
        xLabel: "left … right",
        yText: (t) => (t === -30 ? "off" : tickText(t)),
      },
      p,
    ));
    VOICES.forEach((name, v) => {
      const x = s.pans[v];
      const y = s.gains_db[v];
      a.dot(x, y, v === view.held ? p.goal : p.mine, 11);
      g.fillStyle = p.bg;
      g.font = "600 12px system-ui, sans-serif";
      g.textAlign = "center";
      g.textBaseline = "middle";
      g.fillText(name.slice(0, 2), a.X(x), a.Y(y) + 0.5);
    });
    const b = plot(
      levels,
      {
        title: "Level (dB)",
        legend: [
          ["left", p.mine],
          ["right", p.goal],
          ["voices", p.soft],
        ],
        x: [0, (FRAMES * HOP) / RATE],
        y: [-80, -10],
        yTicks: [-80, -60, -40, -20],
        xLabel: "time (s)",
      },
      p,
    );
    const cut = (x) => x.map((v) => Math.max(v, -80));
    VOICES.forEach((_, v) => b.line(xs, cut(n.voices_db.slice(v * xs.length, (v + 1) * xs.length)), p.soft, 0.8));
    b.line(xs, cut(n.right_db), p.goal, 1.8);
    b.line(xs, cut(n.left_db), p.mine, 1.8);
  },
  describe: (s, n) =>
    `A stage with four players. ${VOICES.map((name, v) => `${name}: ${loud(s.gains_db[v])}, ${side(s.pans[v])}`).join("; ")}. The right ear hears ${fixed(n.balance_db, 1)} decibels more than the left; onsets are up to ${s.apart_ms} milliseconds apart.`,
  readout: (s, n) => [
    ["right − left", `${fixed(n.balance_db, 1)} dB`],
    ...(s.apart_ms
      ? [["latest", `${VOICES[1]}, ${fixed((1000 * n.late[1]) / RATE, 0)} ms`]]
      : [["onsets", "together"]]),
  ],
  sounds: [{ label: `Play, ${LOUDER} dB louder`, loop: true, make: mixed }],
  actions: [
    { label: "All in one place", run: (api) => api.set({ pans: everywhere(0) }) },
    { label: "Spread", run: (api) => api.set({ pans: [-0.8, -0.25, 0.3, 0.75] }) },
    { label: "All even", run: (api) => api.set({ gains_db: everywhere(0) }) },
    ...VOICES.map((name, v) => ({
      label: `${name} alone`,
      run: (api) => api.set({ gains_db: range(4, (i) => (i === v ? 0 : -30)) }),
    })),
  ],
  pointer(x, y, type, { set, state, view, redraw }) {
    const a = view.stage;
    if (type === "down") {
      const away = VOICES.map((_, v) => Math.hypot(x - a.X(state.pans[v]), y - a.Y(state.gains_db[v])));
      const near = Math.min(...away);
      view.held = near < 30 ? away.indexOf(near) : null;
    }
    if (type === "up") {
      view.held = null;
      redraw();
    } else if (view.held != null)
      set({
        ...put("pans", view.held)(clamp(Math.round(a.back(x) * 20) / 20, -1, 1), state),
        ...put("gains_db", view.held)(clamp(Math.round(a.backY(y) * 2) / 2, -30, 6), state),
      });
  },
  grabs: (x, y, view) => Boolean(view.stage?.has(x, y)),
};
