// The ball in the landscape of a clean target: every loss of the course over the frequency of a sine.
const N = 256;
const RATE = 8000;
const LOW = 150;
const HIGH = 1200;
const POINTS = 385;
const LAGS = 8;
const FREQUENCIES = logspace(LOW, HIGH, POINTS);
const LOSSES = ["waveform_l1", "waveform_mse", "spectral_l1", "multiscale", "transport", "transport_sharp", "lag"];
const compute = ({ target_hz, start_hz, loss }) =>
  rollIn(
    known(`${target_hz} ${loss}`, () => landscape(sine(target_hz), loss, { lags: LAGS })),
    start_hz,
    target_hz,
  );
const figure = ballFigure(
  "The ball in the landscape",
  { min: 200, max: 900 },
  [],
  compute,
  [150, 200, 300, 400, 500, 600, 800, 1000, 1200],
);
