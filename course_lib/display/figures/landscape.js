// The ball in the landscape of a clean target: every loss of the course over the frequency of a sine.
import { LAGS } from "./landscape.py";
import { ballFigure, known, rollIn } from "./kit/ball.js";
import { mount } from "./kit/figure.js";
import { landscape, sine } from "./kit/landscape.js";

export const compute = ({ target_hz, start_hz, loss }) =>
  rollIn(
    known(`${target_hz} ${loss}`, () => landscape(sine(target_hz), loss, { lags: LAGS })),
    start_hz,
    target_hz,
  );
export const figure = ballFigure({ compute, xTicks: [150, 200, 300, 400, 500, 600, 800, 1000, 1200] });

export const render = (context) => mount(context, figure);
