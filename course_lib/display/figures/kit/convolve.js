// Convolution by FFT.
import { range } from "./numbers.js";
import { fft } from "./spectrum.js";

// The first samples of x through a filter with impulse response h. Padded, so that no tail comes round to the front.
export function convolve(x, h, length = x.length) {
  let size = 1;
  while (size < x.length + h.length) size *= 2;
  const [ar, ai, br, bi] = range(4, () => new Float64Array(size));
  ar.set(x);
  br.set(h);
  fft(ar, ai);
  fft(br, bi);
  // The inverse by a forward transform of the conjugate.
  for (let k = 0; k < size; k++) {
    const re = ar[k] * br[k] - ai[k] * bi[k];
    ai[k] = -(ar[k] * bi[k] + ai[k] * br[k]);
    ar[k] = re;
  }
  fft(ar, ai);
  return ar.slice(0, length).map((v) => v / size);
}
