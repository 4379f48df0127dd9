// Filtered noise from frames, as the library's: HOP samples a frame.
import { HOP } from "../<kind>.py";
import { uniformNoise } from "./noise.js";
import { fft } from "./spectrum.js";

// Pieces of one noise, faded from frame to frame, each through the zero-phase response of its frame's `noise`.
export function hiss(n) {
  const N = n.frames.length * HOP;
  const out = new Float32Array(N);
  const half = n.frames[0].noise.length - 1;
  let size = 1;
  while (size < 2 * (HOP + half)) size *= 2;
  const white = uniformNoise(N).map((v) => Math.sqrt(3) * v); // of power 1
  for (let i = 0; i < n.frames.length; i++) {
    // Response: the magnitudes' transform, real and even, under a Hann window about time 0.
    const re = new Float64Array(2 * half);
    const im = new Float64Array(2 * half);
    const m = n.frames[i].noise;
    for (let k = 0; k <= half; k++) re[k] = re[(2 * half - k) % (2 * half)] = m[k];
    fft(re, im);
    const hr = new Float64Array(size);
    const hi = new Float64Array(size);
    const xr = new Float64Array(size);
    const xi = new Float64Array(size);
    for (let k = -half + 1; k < half; k++)
      hr[(k + size) % size] =
        (re[(k + 2 * half) % (2 * half)] / (2 * half)) * (0.5 + 0.5 * Math.cos((Math.PI * k) / half));
    const left = -HOP;
    const c = i * HOP;
    for (let t = left; t < HOP; t++) {
      const fade = t < 0 ? 1 + t / HOP : i === n.frames.length - 1 ? 1 : 1 - t / HOP;
      const at = c + t;
      if (at >= 0 && at < N) xr[t + HOP] = white[at] * fade;
    }
    fft(hr, hi);
    fft(xr, xi);
    for (let k = 0; k < size; k++) {
      const a = xr[k] * hr[k] - xi[k] * hi[k];
      xi[k] = -(xr[k] * hi[k] + xi[k] * hr[k]);
      xr[k] = a;
    }
    fft(xr, xi); // conjugated in, so this is the way back
    // Two hops of piece and half a response either side of it: nothing wraps but what lies before the piece.
    for (let k = -half + 1; k < 2 * HOP + half; k++) {
      const at = c + left + k;
      if (at >= 0 && at < N) out[at] += xr[(k + size) % size] / size;
    }
  }
  return out;
}
