// The strip: a sound's outline, or its spectrogram.
import { clamp, decibels, range } from "../figures/kit/numbers.js";
import { h } from "../figures/kit/page.js";
import { magnitudes } from "../figures/kit/spectrum.js";

const COLUMNS = 400; // of the longest sound's spectrogram
const WINDOW = 0.03; // s
const LEAST_DB = -90; // below full scale; what is as loud as a sine of −15 dB has the full colour
const MOST_DB = -15;

// peaks: 0 to 1, of which `points` fill the width; one bar stands for one or more.
export function drawOutline(g, peaks, points, factor, colour, scale) {
  const { width, height } = g.canvas;
  const bars = Math.floor(width / (4 * scale));
  g.fillStyle = colour;
  for (let i = 0; i < bars; i++) {
    const from = (i * points) / bars;
    const some = peaks.slice(from, Math.max(from + 1, from + points / bars));
    if (!some.length) return;
    const high = Math.max(scale, factor * height * Math.max(...some));
    g.fillRect((i * width) / bars, (height - high) / 2, 2 * scale, high);
  }
}

// A picture whose opacity is the level: a row a bin, the highest on top.
export function spectrogram(buffer, seconds) {
  const size = 2 ** Math.round(Math.log2(WINDOW * buffer.sampleRate));
  const ears = range(buffer.numberOfChannels, (i) => buffer.getChannelData(i));
  const picture = h("canvas", { width: Math.ceil((COLUMNS * buffer.duration) / seconds), height: size / 2 });
  const g = picture.getContext("2d");
  const image = g.createImageData(picture.width, picture.height);
  for (let c = 0; c < picture.width; c++) {
    const from = Math.round(((c + 0.5) * buffer.length) / picture.width - size / 2);
    const slice = range(size, (i) => ears.reduce((sum, x) => sum + (x[from + i] ?? 0), 0) / ears.length);
    magnitudes(slice).forEach((m, k) => {
      const shade = (decibels((4 * m) / size) - LEAST_DB) / (MOST_DB - LEAST_DB);
      image.data[((size / 2 - k) * picture.width + c) * 4 + 3] = 255 * clamp(shade, 0, 1);
    });
  }
  g.putImageData(image, 0, 0);
  return picture;
}

export function drawSpectrogram(g, picture, share, rate, colours, scale) {
  const { width, height } = g.canvas;
  g.drawImage(picture, 0, 0, width * share, height);
  g.globalCompositeOperation = "source-in";
  g.fillStyle = colours.mine;
  g.fillRect(0, 0, width, height);
  g.globalCompositeOperation = "destination-over";
  g.fillStyle = colours.grid;
  g.fillRect(0, 0, width, height);
  g.globalCompositeOperation = "source-over";
  g.fillStyle = colours.ink;
  g.font = `${11 * scale}px system-ui`;
  g.textAlign = "right";
  g.fillText(`${rate / 2000} kHz`, width - 4 * scale, 13 * scale);
}
