// The synthesizer, for figures with RATE and HOP: n.f0 in Hz, n.frames of { amplitude, shares, noise }, as the library's.
function harmonics(n) {
  const out = new Float32Array(n.frames.length * HOP);
  const last_frame = n.frames.length - 1;
  const K = n.frames[0].shares.length;
  let phase = 0;
  for (let i = 0; i <= last_frame; i++) {
    const j = Math.min(i + 1, last_frame);
    const a = n.frames[i];
    const b = n.frames[j];
    const from = a.shares.map((v) => v * a.amplitude);
    const step = b.shares.map((v, k) => (v * b.amplitude - from[k]) / HOP);
    for (let t = 0; t < HOP; t++) {
      // sin(kφ) from sin((k−1)φ) and sin((k−2)φ)
      const two = 2 * Math.cos(phase);
      let last = 0;
      let now = Math.sin(phase);
      let sum = 0;
      for (let k = 0; k < K; k++) {
        sum += (from[k] + step[k] * t) * now;
        const next = two * now - last;
        last = now;
        now = next;
      }
      out[i * HOP + t] = sum;
      phase = (phase + (TAU / RATE) * (n.f0[i] + ((n.f0[j] - n.f0[i]) * t) / HOP)) % TAU;
    }
  }
  return out;
}
// Pieces of one noise, faded from frame to frame, each through its frame's zero-phase response.
function hiss(n) {
  const N = n.frames.length * HOP;
  const out = new Float32Array(N);
  const half = n.frames[0].noise.length - 1;
  let size = 1;
  while (size < 2 * (HOP + half)) size *= 2;
  let seed = 1;
  const white = Float64Array.from({ length: N }, () => {
    seed = (seed * 48271) % 2147483647;
    return Math.sqrt(3) * ((2 * seed) / 2147483647 - 1);
  });
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
