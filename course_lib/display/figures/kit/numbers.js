export const TAU = 2 * Math.PI;

export const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
export const fixed = (x, digits = 3) => (Math.abs(x) < 0.5 * 10 ** -digits ? 0 : x).toFixed(digits).replace("-", "−");
export const hertz = (x) => `${x < 100 ? fixed(x, 1) : Math.round(x)} Hz`;
export const decibels = (x) => 20 * Math.log10(Math.max(x, 1e-12));
export const range = (n, f) => Array.from({ length: n }, (_, i) => f(i));
export const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length;
export const logspace = (low, high, n) => range(n, (i) => low * (high / low) ** (i / (n - 1)));

const NOTE_NAMES = "C C♯ D E♭ E F F♯ G A♭ A B♭ B".split(" ");
// A MIDI number as a note: 60 is C4.
export function noteName(midi) {
  const whole = Math.round(midi);
  return `${NOTE_NAMES[((whole % 12) + 12) % 12]}${Math.floor(whole / 12) - 1}`;
}
// Straight lines through evenly spaced knots, at a share from 0 to 1 of the way.
export function between(knots, share) {
  const x = share * (knots.length - 1);
  const k = Math.min(knots.length - 2, Math.floor(x));
  return knots[k] + (knots[k + 1] - knots[k]) * (x - k);
}
// A list with one element changed.
export const replaced = (list, at, value) => list.map((old, i) => (i === at ? value : old));
