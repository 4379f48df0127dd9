// Filtered noise from frames, as the library's: HOP samples a frame.
import { HOP } from "../<kind>.py";
import { uniformNoise } from "./noise.js";
import { fft } from "./spectrum.js";

// Pieces of one noise, faded from frame to frame, each through the zero-phase response of its frame's `noise`.
// The responses are short: the sum itself takes a third of the time of a transform there and back.
export function hiss(n) {
  const N = n.frames.length * HOP;
  const out = new Float64Array(N);
  const half = n.frames[0].noise.length - 1;
  const white = uniformNoise(N).map((v) => Math.sqrt(3) * v); // of power 1
  const re = new Float64Array(2 * half);
  const im = new Float64Array(2 * half);
  const taps = new Float64Array(2 * half - 1);
  for (let i = 0; i < n.frames.length; i++) {
    // Response: the magnitudes' transform, real and even, under a Hann window about time 0.
    const m = n.frames[i].noise;
    im.fill(0);
    for (let k = 0; k <= half; k++) re[k] = re[(2 * half - k) % (2 * half)] = m[k];
    fft(re, im);
    let any = 0;
    for (let k = -half + 1; k < half; k++) {
      taps[k + half - 1] =
        (re[(k + 2 * half) % (2 * half)] / (2 * half)) * (0.5 + 0.5 * Math.cos((Math.PI * k) / half));
      any += Math.abs(taps[k + half - 1]);
    }
    if (!any) continue;
    const c = i * HOP;
    const last = i === n.frames.length - 1;
    for (let t = Math.max(-HOP, -c); t < HOP; t++) {
      const x = white[c + t] * (t < 0 ? 1 + t / HOP : last ? 1 : 1 - t / HOP);
      const first = c + t - half + 1;
      const to = Math.min(taps.length, N - first);
      for (let k = Math.max(0, -first); k < to; k++) out[first + k] += x * taps[k];
    }
  }
  return Float32Array.from(out);
}
