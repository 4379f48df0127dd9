// Ways out: the ball again, over more octaves, with a noisy target, another window, and lags that grow while it rolls.
const N = 512, RATE = 8000, LOW = 150, HIGH = 2400, POINTS = 1537, FREQUENCIES = logspace(LOW, HIGH, POINTS), SEED = 1;
const LOSSES = ["waveform_l1", "spectral_l1", "transport", "transport_sharp", "lag"];
const compute = ({ start_hz, ...s }) => rollIn(JSON.stringify(s), () => landscape(noisy(sine(s.target_hz), s.noise_db, SEED), s.loss, s), start_hz, s.target_hz);
// From few lags to many: each landscape starts where the ball came to rest in the one before.
function anneal(api) {
  let lags = 2;
  api.set({ loss: "lag", lags });
  api.animate(() => {
    const { view, numbers } = api, last = numbers.path.length - 1;
    if (view.at < last) { view.at = Math.min(last, view.at + 2); api.redraw(); return true; }
    if (lags >= 128) return false;
    api.set({ lags: (lags *= 2), start_hz: numbers.end_hz });
    return true;
  }, 25);
}
const figure = ballFigure("Ways out of the local minima", { min: 200, max: 1600 }, [
  { key: "noise_db", label: "Target over noise", min: -15, max: 45, step: 1, show: signalToNoise },
  { key: "lags", label: "Lags (samples)", min: 2, max: 128, log: true, show: (v) => fixed(v, 0) },
  { key: "window", label: "Window", options: WINDOWS },
], compute, [150, 200, 300, 400, 600, 800, 1200, 1600, 2400], [{ label: "Roll with growing lags", run: anneal }]);
