// A plot on a canvas: axes, ticks, lines, stems, dots, arrows.
import { TAU, clamp, range } from "./numbers.js";

export function ticksFor([low, high], room) {
  const raw = (high - low) / Math.max(2, room);
  const ten = 10 ** Math.floor(Math.log10(raw));
  const step = ten * [1, 2, 5, 10].find((m) => m * ten >= raw - 1e-12);
  const first = Math.ceil(low / step - 1e-9);
  return range(Math.floor(high / step + 1e-9) - first + 1, (i) => +((first + i) * step).toPrecision(12));
}
export const tickText = (v) =>
  (Math.abs(v) >= 1000 ? `${+(v / 1000).toPrecision(3)}k` : String(+v.toPrecision(6))).replace("-", "−");
// A frame with axes. box: [x, y, width, height]; o: x and y ranges, log, xTicks, yTicks, xLabel, title, legend as
// [[text, colour]].
export function plot(g, box, o, p) {
  const [x0, y0] = [box[0] + 40, box[1] + 22];
  const w = box[2] - 50;
  const hgt = box[3] - 22 - (o.xLabel ? 36 : 20);
  const f = o.log ? Math.log2 : (v) => v;
  const [a, b] = o.x.map(f);
  const [lo, hi] = o.y;
  const X = (v) => x0 + ((f(v) - a) / (b - a)) * w;
  const Y = (v) => y0 + hgt - ((v - lo) / (hi - lo)) * hgt;
  const back = (px) => {
    const t = a + clamp((px - x0) / w, 0, 1) * (b - a);
    return o.log ? 2 ** t : t;
  };
  const backY = (py) => lo + clamp((y0 + hgt - py) / hgt, 0, 1) * (hi - lo);
  g.font = "12px system-ui, sans-serif";
  g.lineWidth = 1;
  g.textBaseline = "middle";
  g.textAlign = "right";
  for (const t of o.yTicks ?? ticksFor(o.y, hgt / 34)) {
    g.strokeStyle = p.grid;
    g.beginPath();
    g.moveTo(x0, Math.round(Y(t)) + 0.5);
    g.lineTo(x0 + w, Math.round(Y(t)) + 0.5);
    g.stroke();
    g.fillStyle = p.soft;
    g.fillText(o.yText?.(t) ?? tickText(t), x0 - 6, Y(t));
  }
  g.textAlign = "center";
  let free = -1e9;
  for (const t of o.xTicks ?? ticksFor(o.x, w / 70)) {
    g.strokeStyle = p.edge;
    g.beginPath();
    g.moveTo(X(t), y0 + hgt);
    g.lineTo(X(t), y0 + hgt + 4);
    g.stroke();
    const half = g.measureText(tickText(t)).width / 2;
    if (X(t) - half < free || X(t) + half > box[0] + box[2]) continue;
    free = X(t) + half + 8;
    g.fillStyle = p.soft;
    g.fillText(tickText(t), X(t), y0 + hgt + 13);
  }
  if (o.xLabel) g.fillText(o.xLabel, x0 + w / 2, y0 + hgt + 29);
  g.strokeStyle = p.edge;
  g.beginPath();
  g.moveTo(x0, y0);
  g.lineTo(x0, y0 + hgt);
  g.lineTo(x0 + w, y0 + hgt);
  g.stroke();
  g.textAlign = "left";
  let at = box[0] + 4;
  for (const [text, colour] of [[o.title, p.ink], ...(o.legend ?? [])]) {
    g.font = `${colour === p.ink ? "600 " : ""}13px system-ui, sans-serif`;
    g.fillStyle = colour;
    g.fillText(text, at, y0 - 13);
    at += g.measureText(text).width + 12;
  }
  const inside = (draw) => {
    g.save();
    g.beginPath();
    g.rect(x0, y0 - 3, w + 1, hgt + 6);
    g.clip();
    draw();
    g.restore();
  };
  return {
    X,
    Y,
    back,
    backY,
    x0,
    y0,
    w,
    h: hgt,
    inside,
    has: (x, y) => x >= x0 - 8 && x <= x0 + w + 8 && y >= y0 - 8 && y <= y0 + hgt + 8,
    line(xs, ys, colour, width = 2, dash = []) {
      inside(() => {
        g.strokeStyle = colour;
        g.lineWidth = width;
        g.lineJoin = "round";
        g.setLineDash(dash);
        g.beginPath();
        for (let i = 0; i < ys.length; i++) g.lineTo(X(xs[i]), Y(ys[i]));
        g.stroke();
      });
    },
    // A stem from the floor (or `base`) up to y, with a head.
    stem(x, y, colour, hollow = false, base = lo) {
      g.strokeStyle = g.fillStyle = colour;
      g.lineWidth = 2;
      g.setLineDash(hollow ? [3, 3] : []);
      g.beginPath();
      g.moveTo(X(x), Y(base));
      g.lineTo(X(x), Y(y));
      g.stroke();
      g.setLineDash([]);
      g.beginPath();
      g.arc(X(x), Y(y), 4, 0, TAU);
      if (hollow) {
        g.fillStyle = p.bg;
        g.fill();
        g.stroke();
      } else g.fill();
    },
    dot(x, y, colour, r = 7) {
      g.fillStyle = colour;
      g.strokeStyle = p.bg;
      g.lineWidth = 2;
      g.beginPath();
      g.arc(X(x), Y(y), r, 0, TAU);
      g.fill();
      g.stroke();
    },
    mark(x, colour, text) {
      g.strokeStyle = g.fillStyle = colour;
      g.lineWidth = 1.5;
      g.setLineDash([5, 4]);
      g.beginPath();
      g.moveTo(X(x), y0);
      g.lineTo(X(x), y0 + hgt);
      g.stroke();
      g.setLineDash([]);
      if (text) {
        g.font = "12px system-ui, sans-serif";
        const right = X(x) + g.measureText(text).width + 8 > x0 + w;
        g.textAlign = right ? "right" : "left";
        g.fillText(text, X(x) + (right ? -5 : 5), y0 + 9);
        g.textAlign = "left";
      }
    },
    // Arrow from (x, y) by (dx, dy) pixels.
    arrow(x, y, dx, dy, colour) {
      const [sx, sy] = [X(x), Y(y)];
      const angle = Math.atan2(dy, dx);
      const [ex, ey] = [sx + dx, sy + dy];
      if (Math.hypot(dx, dy) < 4) return;
      g.strokeStyle = g.fillStyle = colour;
      g.lineWidth = 3;
      g.beginPath();
      g.moveTo(sx, sy);
      g.lineTo(ex - 7 * Math.cos(angle), ey - 7 * Math.sin(angle));
      g.stroke();
      g.beginPath();
      for (const turn of [0, 2.6, -2.6])
        g.lineTo(ex + (turn ? 11 * Math.cos(angle + turn) : 0), ey + (turn ? 11 * Math.sin(angle + turn) : 0));
      g.fill();
    },
  };
}
// Boxes for n plots: beside each other where there is room (shares of the width), else stacked.
export function split(width, height, shares) {
  const wide = width >= 560;
  const total = shares.reduce((a, b) => a + b, 0);
  let at = 0;
  return shares.map((s) => {
    const part = wide ? s / total : 1 / shares.length;
    const box = wide ? [at * width, 0, part * width, height] : [0, at * height, width, part * height];
    at += part;
    return box;
  });
}
