// Sounds of sines, and the player of a figure.
import { alone } from "./alone.js";
import { TAU, clamp } from "./numbers.js";

// One second of sines [whole Hz, amplitude, phase]: whole hertz make a loop without a seam.
export function tones(partials, rate) {
  const sine = Float64Array.from({ length: rate }, (_, i) => Math.sin((TAU * i) / rate));
  const out = new Float32Array(rate);
  for (const [f, a, phase = 0] of partials) {
    const shift = Math.round((phase / TAU) * rate);
    if (a) for (let i = 0; i < rate; i++) out[i] += a * sine[(((f * i + shift) % rate) + rate) % rate];
  }
  return out;
}

// One context a figure. The level is fixed, full scale is played at 0.3, and never normalised; fades take 30 ms.
// A sound is its samples; where they have a property `right`, they are the left ear's.
export function player() {
  let ctx;
  let now;
  const fade = (v) => {
    v.gain.gain.setTargetAtTime(0, ctx.currentTime, 0.01);
    v.source.stop(ctx.currentTime + 0.08);
  };
  const sole = alone(() => {
    const voice = now;
    if (voice) fade(voice);
    now = null;
    voice?.ended();
  });
  return {
    play(samples, rate, loop, ended) {
      sole.begin();
      if (ctx && ctx.wanted !== rate) {
        ctx.close();
        ctx = now = null;
      }
      // A context at the sound's own rate: the browser resamples once, properly, and aliasing is only ours.
      if (!ctx) {
        try {
          ctx = new AudioContext({ sampleRate: rate });
        } catch {
          ctx = new AudioContext();
        }
        ctx.wanted = rate;
      }
      ctx.resume();
      const ears = samples.right ? [samples, samples.right] : [samples];
      const buffer = ctx.createBuffer(ears.length, samples.length, rate);
      const source = ctx.createBufferSource();
      const gain = ctx.createGain();
      ears.forEach((ear, i) => {
        buffer.copyToChannel(
          Float32Array.from(ear, (v) => clamp(v * 0.3, -1, 1)),
          i,
        );
      });
      source.buffer = buffer;
      source.loop = loop;
      gain.gain.value = 0;
      gain.gain.setTargetAtTime(1, ctx.currentTime, 0.01);
      source.connect(gain).connect(ctx.destination);
      const voice = { source, gain, ended, since: ctx.currentTime };
      // A loop that replaces a loop goes on at the same place, so that the phase does not jump.
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
      sole.leave();
      ctx?.close();
      ctx = now = null;
    },
  };
}
