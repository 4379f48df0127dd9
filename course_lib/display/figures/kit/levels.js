// Levels of whole sounds: they are turned up or down, never clipped.

const peak = (x) => x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

// Sounds added sample by sample.
export const add = (...parts) => parts[0].map((_, i) => parts.reduce((sum, x) => sum + x[i], 0));

// What would pass full scale is turned down as a whole.
export function tame(x) {
  const top = peak(x);
  return top > 0.95 ? x.map((v) => (0.95 * v) / top) : x;
}

// Louder by so many decibels, up to what the player's fixed level leaves room for.
export function louder(x, db) {
  const y = x.map((v) => v * 10 ** (db / 20));
  const top = peak(y);
  return top > 3 ? y.map((v) => (3 * v) / top) : y;
}
