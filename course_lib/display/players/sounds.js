// Sounds that run together, sample by sample, and of which one is heard.

const FADE = 0.004; // s, the time constant of a change; it is over after ten of them
const LEAD = 0.03; // s, ahead of which all are told to begin, so that none begins later

// Starts all buffers at a place, in seconds. levels holds each one's gain, 0 for those that are not heard; no other
// gain is applied. From its beginning a sound is played as it is, from elsewhere it is faded in.
export function run(ctx, buffers, at, levels) {
  // Whole samples: between two of them the browser would interpolate, which is a lowpass.
  const aligned = (seconds) => Math.round(seconds * ctx.sampleRate) / ctx.sampleRate;
  const when = aligned(ctx.currentTime + LEAD);
  const place = aligned(at);
  const voices = buffers.map((buffer, i) => {
    const source = ctx.createBufferSource();
    const volume = ctx.createGain();
    source.buffer = buffer;
    source.connect(volume).connect(ctx.destination);
    source.start(when, place);
    volume.gain.value = place ? 0 : levels[i];
    return [source, volume.gain];
  });
  const turn = (to, from = ctx.currentTime) =>
    voices.forEach(([, gain], i) => {
      gain.cancelScheduledValues(from);
      gain.setTargetAtTime(to[i], from, FADE);
      gain.setValueAtTime(to[i], from + 10 * FADE);
    });
  if (place) turn(levels, when);
  return {
    place: () => place + Math.max(0, ctx.currentTime - when),
    turn,
    stop() {
      turn(levels.map(() => 0));
      for (const [source] of voices) source.stop(ctx.currentTime + 10 * FADE);
    },
  };
}
