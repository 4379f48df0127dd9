// The fast Fourier transform, and magnitudes under a Hann window.
import { TAU, range } from "./numbers.js";

// In-place radix-2 FFT of re + i·im; the length is a power of two.
const twiddles = {};
export function fft(re, im) {
  const n = re.length;
  const [cos, sin] = (twiddles[n] ??= [
    Float64Array.from({ length: n / 2 }, (_, i) => Math.cos((TAU * i) / n)),
    Float64Array.from({ length: n / 2 }, (_, i) => -Math.sin((TAU * i) / n)),
  ]);
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      const x = re[i];
      const y = im[i];
      re[i] = re[j];
      im[i] = im[j];
      re[j] = x;
      im[j] = y;
    }
  }
  for (let half = 1, stride = n / 2; half < n; half *= 2, stride /= 2)
    for (let start = 0; start < n; start += 2 * half)
      for (let k = 0; k < half; k++) {
        const a = start + k;
        const b = a + half;
        const c = cos[k * stride];
        const s = sin[k * stride];
        const x = re[b] * c - im[b] * s;
        const y = re[b] * s + im[b] * c;
        re[b] = re[a] - x;
        im[b] = im[a] - y;
        re[a] += x;
        im[a] += y;
      }
}
export const hannWindow = (n) => Float64Array.from({ length: n }, (_, i) => 0.5 - 0.5 * Math.cos((TAU * i) / n));
// Magnitudes of the Hann-windowed sound, bins 0 … n/2.
export function magnitudes(sound) {
  const n = sound.length;
  const w = hannWindow(n);
  const re = new Float64Array(n);
  const im = new Float64Array(n);
  for (let i = 0; i < n; i++) re[i] = sound[i] * w[i];
  fft(re, im);
  return range(n / 2 + 1, (k) => Math.hypot(re[k], im[k]));
}
