// Sounds of sines, and the player of a figure.
import { alone } from "./alone.js";
import { FADE_S } from "./levels.js";
import { TAU } from "./numbers.js";

// One second of sines [whole Hz, amplitude, phase]: whole hertz make a loop without a seam.
export function tones(partials, rate) {
  const sine = Float64Array.from({ length: rate }, (_, i) => Math.sin((TAU * i) / rate));
  const out = new Float32Array(rate);
  for (const [f, a, phase = 0] of partials) {
    if (!a) continue;
    const step = ((f % rate) + rate) % rate;
    let at = ((Math.round((phase / TAU) * rate) % rate) + rate) % rate;
    for (let i = 0; i < rate; i++) {
      out[i] += a * sine[at];
      at += step;
      if (at >= rate) at -= rate;
    }
  }
  return out;
}

// One context a figure. It plays what it is given, as it is: what turns a sound up or down stands in levels.js.
export function player() {
  let ctx;
  let now;
  // Linear, so that a loop that replaces another one at the same place keeps its level.
  const ramp = ({ gain: { gain } }, to) => {
    gain.cancelScheduledValues(ctx.currentTime);
    gain.setValueAtTime(gain.value, ctx.currentTime);
    gain.linearRampToValueAtTime(to, ctx.currentTime + FADE_S);
  };
  const fade = (v) => {
    ramp(v, 0);
    v.source.stop(ctx.currentTime + 2 * FADE_S);
  };
  const sole = alone(() => {
    const voice = now;
    if (voice) fade(voice);
    now = null;
    voice?.ended();
  });
  return {
    play({ ears, rate }, loop, ended) {
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
      const buffer = ctx.createBuffer(ears.length, ears[0].length, rate);
      const source = ctx.createBufferSource();
      const gain = ctx.createGain();
      ears.forEach((ear, i) => {
        buffer.copyToChannel(ear, i);
      });
      source.buffer = buffer;
      source.loop = loop;
      source.connect(gain).connect(ctx.destination);
      const voice = { source, gain, ended, since: ctx.currentTime };
      // A sound that is played once has its own beginning; a loop begins anywhere.
      gain.gain.value = loop ? 0 : 1;
      if (loop) ramp(voice, 1);
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
    // Seconds since the beginning of what sounds, or null.
    get seconds() {
      return now ? (ctx.currentTime - now.since) % now.source.buffer.duration : null;
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
