// Harmonics from frames, as the library's: at the figure's RATE, HOP samples a frame.
import { HOP, RATE } from "../<kind>.py";
import { TAU } from "./numbers.js";

// n.f0 in Hz, n.frames of { amplitude, shares }.
export const harmonics = ({ f0, frames }) =>
  Float32Array.from(
    tone(
      f0,
      frames.map((frame) => frame.shares.map((share) => share * frame.amplitude)),
    ),
  );

// f0 in Hz and, in every frame, each harmonic's amplitude; both change in straight lines from frame to frame.
export function tone(f0, amplitudes) {
  const out = new Float64Array(amplitudes.length * HOP);
  const last_frame = amplitudes.length - 1;
  const K = amplitudes[0].length;
  let phase = 0;
  for (let i = 0; i <= last_frame; i++) {
    const j = Math.min(i + 1, last_frame);
    const from = amplitudes[i];
    const step = amplitudes[j].map((v, k) => (v - from[k]) / HOP);
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
      phase = (phase + (TAU / RATE) * (f0[i] + ((f0[j] - f0[i]) * t) / HOP)) % TAU;
    }
  }
  return out;
}
