// Noise that is the same everywhere, in Python too.

// Uniform numbers between 0 and 1: xorshift of 32 bits.
export function dice(seed) {
  let s = Math.imul(seed, 0x9e3779b1);
  return () => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    return ((s >>> 0) + 0.5) / 2 ** 32;
  };
}
// White noise between −1 and 1: x → 48271 x mod 2³¹ − 1 (Park and Miller), spread evenly.
export function uniformNoise(n) {
  let x = 1;
  return Float64Array.from({ length: n }, () => {
    x = (x * 48271) % 2147483647;
    return (2 * x) / 2147483647 - 1;
  });
}
