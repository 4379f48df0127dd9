// Recorded sounds, FLAC as base64 texts.
import { bytes } from "./data.js";

// Samples of a recording of one channel. The browser decodes it: at its own rate, so that nothing is resampled.
export async function decoded(text, rate) {
  let context;
  try {
    context = new OfflineAudioContext(1, 1, rate);
  } catch {
    context = new OfflineAudioContext(1, 1, 44100);
  }
  return (await context.decodeAudioData(bytes(text).buffer)).getChannelData(0);
}
