// Ways out: the ball again, over more octaves, with a noisy target, another window, and lags that grow while it rolls.
import { FIELDS } from "./escape.py";
import { SEED } from "./kit/mass.py";
import { ballAt, ballFigure, known, rollIn } from "./kit/ball.js";
import { mount } from "./kit/figure.js";
import { landscape, sine } from "./kit/landscape.js";
import { WINDOWS, noisy, signalToNoise } from "./kit/mass.js";
import { fixed, range } from "./kit/numbers.js";
import { split } from "./kit/plot.js";

const ground = ({ start_hz, ...s }) =>
  known(JSON.stringify(s), () => landscape(noisy(sine(s.target_hz), s.noise_db, SEED), s.loss, s));
export const compute = (s) => rollIn(ground(s), s.start_hz, s.target_hz);
// From few lags to many: each landscape starts where the ball came to rest in the one before.
function anneal(api) {
  let lags = FIELDS.lags.min;
  api.set({ loss: "lag", lags });
  api.animate(() => {
    const { view, numbers } = api;
    const last = numbers.path.length - 1;
    if (view.at < last) {
      view.at = Math.min(last, view.at + 2);
      api.redraw();
      return true;
    }
    if (lags >= FIELDS.lags.max) return false;
    api.set({ lags: (lags *= 2), start_hz: numbers.end_hz });
    return true;
  }, 25);
}
const ball = ballFigure({
  more: [
    { key: "noise_db", label: "Target over noise", step: 1, show: signalToNoise },
    {
      key: "lags",
      label: "Lags",
      log: true,
      show: (v, s) => `${fixed(v, 0)}${s.loss === "lag" ? "" : " (not in use)"}`,
      put: (lags) => ({ lags, loss: "lag" }),
    },
    { key: "window", label: "Window", options: WINDOWS },
  ],
  compute,
  xTicks: [150, 200, 300, 400, 600, 800, 1200, 1600, 2400],
  actions: [{ label: "Roll with growing lags", run: anneal }],
});
export const figure = {
  ...ball,
  height: (w) => (w >= 560 ? 320 : 500),
  // Beside the whole, the ground under the ball: dents too small to see hold it as well.
  draw(c, s, n) {
    const { p, plot, view, width, height } = c;
    const [box, near] = split(width, height, [3, 2]);
    ball.draw({ ...c, box }, s, n);
    const middle = ballAt(view);
    const x = [middle - 40, middle + 40];
    const hz = range(81, (i) => x[0] + i);
    const seen = hz.map((f) => ground(s).at(f)[0]);
    const low = Math.min(...seen);
    const high = Math.max(...seen);
    const room = 0.12 * (high - low);
    const z = plot(near, {
      title: "Near the ball",
      x,
      y: [low - room, high + room],
      yText: () => "",
      xLabel: "frequency (Hz)",
    });
    z.line(hz, seen, p.mine, 2);
    if (s.target_hz > x[0] && s.target_hz < x[1]) z.mark(s.target_hz, p.soft, "target");
    z.dot(middle, n.heights[view.at], p.goal, 8);
  },
  // The ball is dragged in the whole landscape: the ground near it moves with it.
  pointer(x, y, type, api) {
    if (type === "down") api.view.held = api.view.plot.has(x, y);
    if (api.view.held) ball.pointer(x, y, type, api);
  },
};

export const render = (context) => mount(context, figure);
