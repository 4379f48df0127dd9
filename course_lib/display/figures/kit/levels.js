// The level of a figure's sounds: one gain for all of them, stated in the figure; never clipped, never cut hard.
import { PLAY_DB } from "../<kind>.py";
import { fixed } from "./numbers.js";

export const FADE_S = 0.01;
const CUT = 1e-3; // an edge above this part of the peak was cut: it would click
const FULL = 0.99;

const peak = (x) => x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
const gainText = (db) => `${db > 0 ? "+" : ""}${fixed(db, Number.isInteger(db) ? 0 : 1)} dB`;

// Sounds added sample by sample.
export const add = (...parts) => parts[0].map((_, i) => parts.reduce((sum, x) => sum + x[i], 0));

// What the player gets of one of a figure's sounds: the samples of each ear and the gain they are played at, in dB.
// What would pass full scale is turned down as a whole, and says so. Edges that were cut are faded, but those of a
// loop without a seam are not.
export function rendered(s, state, numbers, view) {
  const made = s.make(state, numbers, view);
  const ears = made.right ? [made, made.right] : [made];
  const rate = s.rate?.(state) ?? 16000;
  const top = Math.max(...ears.map(peak));
  const wanted_db = PLAY_DB + (s.louder?.(state) ?? 0);
  const db = top > 0 ? Math.min(wanted_db, 20 * Math.log10(FULL / top)) : wanted_db;
  const gain = 10 ** (db / 20);
  const length = made.length;
  const n = !s.loop || s.phrase ? Math.round(FADE_S * rate) : 0;
  const cut = (i) => length >= 4 * n && ears.some((x) => Math.abs(x[i]) > CUT * top);
  const [begins, ends] = [n && cut(0) ? n : 0, n && cut(length - 1) ? n : 0];
  const share = (i, of) => (i < of ? 0.5 - 0.5 * Math.cos((Math.PI * i) / of) : 1);
  return {
    ears: ears.map((x) => Float32Array.from(x, (v, i) => gain * v * share(i, begins) * share(length - 1 - i, ends))),
    rate,
    db,
    wanted_db,
  };
}

// The gain in words.
export const levelText = ({ db, wanted_db }) =>
  [
    Math.abs(db) < 0.05 ? "played at its own level" : `played at ${gainText(db)}`,
    ...(db < wanted_db - 0.05 ? [`(${gainText(wanted_db)} would clip)`] : []),
  ].join(" ");
