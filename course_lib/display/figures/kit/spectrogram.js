// Spectrograms as small pictures, one pixel a bin and frame.
import { clamp, decibels } from "./numbers.js";
import { magnitudes } from "./spectrum.js";

const WINDOW = 512;
const HOP_SAMPLES = 128;
export const LOUD_TO_SOFT_DB = 70;
// From quiet to loud, as in the book's still pictures.
const MAGMA = [
  [0, 0, 4],
  [59, 15, 112],
  [140, 41, 129],
  [222, 73, 104],
  [254, 159, 109],
  [252, 253, 191],
];

// Levels in dB, frame by frame, bins 0 … WINDOW / 2; the sound stands in silence.
function levels(x) {
  const padded = new Float64Array(x.length + WINDOW);
  padded.set(x, WINDOW / 2);
  const frames = [];
  for (let at = 0; at + WINDOW <= padded.length; at += HOP_SAMPLES)
    frames.push(magnitudes(padded.subarray(at, at + WINDOW)).map(decibels));
  return frames;
}
export const loudest = (x) => Math.max(...levels(x).map((frame) => Math.max(...frame)));

// A canvas: time to the right, frequency up, LOUD_TO_SOFT_DB from its brightest to its darkest colour.
export function picture(x, top_db) {
  const frames = levels(x);
  const bins = WINDOW / 2 + 1;
  const canvas = document.createElement("canvas");
  canvas.width = frames.length;
  canvas.height = bins;
  const image = new ImageData(frames.length, bins);
  frames.forEach((frame, i) => {
    frame.forEach((db, k) => {
      const share = clamp(1 + (db - top_db) / LOUD_TO_SOFT_DB, 0, 1) * (MAGMA.length - 1);
      const j = Math.min(MAGMA.length - 2, Math.floor(share));
      const at = 4 * ((bins - 1 - k) * frames.length + i);
      for (let c = 0; c < 3; c++) image.data[at + c] = MAGMA[j][c] + (MAGMA[j + 1][c] - MAGMA[j][c]) * (share - j);
      image.data[at + 3] = 255;
    });
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
