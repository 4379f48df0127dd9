// Sliders, choices and play buttons. A control names a field of the figure's Python file, which holds its range.
import { FIELDS } from "../<kind>.py";
import { fixed, replaced } from "./numbers.js";
import { h } from "./page.js";

// Controls with the ranges of their fields; what a control says itself counts more.
export const completed = (controls) => controls.map((c) => ({ ...FIELDS[c.list ?? c.key], ...c }));

// A control of one element of a list: how it is read and written. at(state) is the element's place in the list.
export const element = (list, at) => ({
  key: `one of ${list}`,
  list,
  get: (s) => s[list][at(s)],
  put: (v, s) => ({ [list]: replaced(s[list], at(s), v) }),
});

// A slider in a row, and what shows its value again. touch(value) is called when it moves.
export function slider(c, state, touch) {
  const read = () => (c.get ? c.get(state) : state[c.key]);
  const to = c.log ? Math.log2 : (v) => v;
  const from = (v) => {
    const x = c.log ? 2 ** v : v;
    return c.whole ? Math.round(x) : x;
  };
  const input = h("input", {
    type: "range",
    min: to(c.min),
    max: to(c.max),
    step: c.log ? 1 / 48 : (c.step ?? 0.01),
    oninput: () => touch(from(+input.value)),
  });
  const shown = h("b", { "aria-hidden": "true" });
  const sync = () => {
    if (from(+input.value) !== read()) input.value = to(read());
    shown.textContent = c.show ? c.show(read(), state) : fixed(read(), 2);
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  return [h("div", { class: "ddsp-slider" }, h("label", {}, h("span", {}, c.label), input), shown), sync];
}

// Radio buttons in a row, and what shows the chosen one again.
export function choice(c, state, touch) {
  const set = h("fieldset", { class: "ddsp-choice" }, h("legend", {}, c.label));
  const name = `ddsp${Math.random()}`;
  const inputs = c.options.map(([value, text]) => {
    const input = h("input", { type: "radio", name, onchange: () => touch(value) });
    set.append(h("label", {}, input, h("span", {}, text)));
    return input;
  });
  const sync = () => {
    c.options.forEach(([value], i) => {
      inputs[i].checked = state[c.key] === value;
    });
  };
  return [set, sync];
}
