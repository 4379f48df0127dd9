// Sines in noise, and the mass of their spectra: shared by the figures on finding a frequency.
import { CLEAN_DB } from "./mass.py";
import { dice } from "./noise.js";
import { TAU, fixed, mean } from "./numbers.js";
import { tones } from "./sound.js";
import { fft, hannWindow } from "./spectrum.js";

// White noise whose root mean square is 1 (Box and Muller).
function whiteNoise(n, seed) {
  const roll = dice(seed);
  const x = Float64Array.from({ length: n }, () => Math.sqrt(-2 * Math.log(roll())) * Math.cos(TAU * roll()));
  const level = Math.sqrt(mean(x.map((v) => v * v)));
  return x.map((v) => v / level);
}
// From CLEAN_DB up there is no noise at all: near the upper end of the slider.
export const signalToNoise = (db) => (db >= CLEAN_DB ? "clean" : `${fixed(db, 0)} dB`);
const noiseLevel = (sound, db) => (db >= CLEAN_DB ? 0 : Math.sqrt(mean(sound.map((v) => v * v))) * 10 ** (-db / 20));
export function noisy(sound, db, seed) {
  const level = noiseLevel(sound, db);
  const noise = level ? whiteNoise(sound.length, seed) : sound;
  return sound.map((v, i) => v + level * noise[i]);
}
// One second of a sine at full scale with its noise.
export const toneInNoise = (f, db = CLEAN_DB) => noisy(tones([[f, 1]], 16000), db, 2);
export function sineWave(f, n, rate, shape = Math.sin) {
  const x = new Float64Array(n);
  for (let i = 0; i < n; i++) x[i] = shape((TAU * f * i) / rate);
  return x;
}
export const WINDOWS = [
  ["hann", "Hann"],
  ["rectangular", "rectangular"],
];
// One window over the whole sound, scaled so that a sine of amplitude 1 peaks at about 1.
export const whole = (n, window) => ({
  size: n,
  starts: [0],
  gain: (window === "hann" ? 4 : 2) / n,
  window: window === "hann" ? hannWindow(n) : new Float64Array(n).fill(1),
});
// Two sounds travel through one FFT, as real and imaginary part. Returns the magnitudes of the first and, of the
// second, the magnitudes too or, where it is the derivative of the first, the derivative of the magnitudes.
export function spectra({ size, starts, gain, window }, one, two, derivative) {
  const bins = size / 2 + 1;
  const first = new Float64Array(starts.length * bins);
  const second = new Float64Array(first.length);
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  starts.forEach((start, w) => {
    for (let i = 0; i < size; i++) {
      const scale = start + i >= 0 && start + i < one.length ? window[i] * gain : 0;
      re[i] = scale && scale * one[start + i];
      im[i] = scale && scale * two[start + i];
    }
    fft(re, im);
    for (let k = 0, o = w * bins; k < bins; k++, o++) {
      const m = (size - k) % size;
      const a = (re[k] + re[m]) / 2;
      const b = (im[k] - im[m]) / 2;
      const c = (im[k] + im[m]) / 2;
      const d = (re[m] - re[k]) / 2;
      const length = Math.sqrt(a * a + b * b);
      first[o] = length;
      second[o] = !derivative ? Math.sqrt(c * c + d * d) : length > 0 ? (a * c + b * d) / length : 0;
    }
  });
  return [first, second];
}
// Magnitudes raised to a power and divided by their sum: how much of the sound lies at each frequency.
export function mass(magnitude, power) {
  const top = magnitude.reduce((a, b) => Math.max(a, b));
  const raised = magnitude.map((v) => (v / top) ** power);
  const total = raised.reduce((a, b) => a + b);
  return raised.map((v) => v / total);
}
export const summed = (x) => {
  let total = 0;
  return x.map((v) => (total += v));
};
// Transport to a goal: how far the mass of magnitudes x must travel, on average, in bins; and the change where x
// changes by dx.
export function transport(goal, power) {
  const to = summed(mass(goal, power));
  return (x, dx) => {
    let total = 0;
    let growth = 0;
    let here = 0;
    let drift = 0;
    let way = 0;
    let change = 0;
    for (let k = 0; k < x.length; k++) {
      total += x[k] * x[k];
      if (dx) growth += 2 * x[k] * dx[k];
    }
    for (let k = 0; k < x.length; k++) {
      here += (x[k] * x[k]) / total;
      way += Math.abs(here - to[k]);
      if (!dx) continue;
      drift += (2 * x[k] * dx[k] - (x[k] * x[k] * growth) / total) / total;
      change += Math.sign(here - to[k]) * drift;
    }
    return [way, change];
  };
}
