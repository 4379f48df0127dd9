// Questions with a few choices each: the chosen one says at once, in words, whether it is right and why.
import { coloured, framed, h, watchTheme } from "./kit/page.js";
import { TITLE } from "./questions.py";

const LOOK = `
.ddsp-questions fieldset{border:0;margin:10px 0 0;padding:0;min-width:0}
.ddsp-questions legend{float:none;width:auto;margin:0 0 4px;padding:0;font:inherit;font-weight:600;color:var(--ink)}
.ddsp-questions label{display:flex;gap:9px;align-items:baseline;margin:0;padding:4px 6px;border-radius:6px;
color:var(--ink);cursor:pointer}
.ddsp-questions label:hover{background:var(--grid)}
.ddsp-questions input{flex:none;width:16px;height:16px;margin:0;position:relative;top:2px;accent-color:var(--mine)}
.ddsp-questions p{margin:4px 0 0 6px;padding-left:10px;border-left:3px solid var(--edge);color:var(--ink)}
.ddsp-questions p:empty{display:none}
.ddsp-questions p.ddsp-right{border-color:var(--mine)}
.ddsp-questions p.ddsp-wrong{border-color:var(--goal)}
.ddsp-questions .ddsp-right b{color:var(--mine)}
.ddsp-questions .ddsp-wrong b{color:var(--goal)}
`;

export function compute({ questions, chosen }) {
  const marks = questions.map((q, i) => {
    const c = q.choices[chosen[i] ?? -1];
    return c ? +!!c.right : -1;
  });
  return { marks, answered: marks.filter((m) => m >= 0).length, right: marks.filter((m) => m > 0).length };
}

function describe(s, n) {
  const left = s.questions.length - n.answered;
  return `${n.right} of ${s.questions.length} right${left ? `, ${left} to answer` : ""}`;
}

export const figure = { compute, describe };

// A question in its own rows, and what shows its answer again.
function asked(question, number, choose) {
  const name = `ddsp${Math.random()}`;
  const why = h("p", { "aria-live": "polite" });
  const inputs = question.choices.map((_, c) => h("input", { type: "radio", name, onchange: () => choose(c) }));
  const rows = question.choices.map((choice, c) => h("label", {}, inputs[c], h("span", {}, choice.text)));
  let said = "";
  const sync = (mark, chosen) => {
    inputs.forEach((input, c) => {
      input.checked = chosen === c;
    });
    if (`${mark} ${chosen}` === said) return; // said once, not with every other answer again
    said = `${mark} ${chosen}`;
    why.className = ["", "ddsp-wrong", "ddsp-right"][mark + 1];
    const verdict = () => [h("b", {}, mark ? "✓ Right. " : "✗ Not right. "), question.choices[chosen].why];
    why.replaceChildren(...(mark < 0 ? [] : verdict()));
  };
  return [h("fieldset", {}, h("legend", {}, `${number}. ${question.question}`), ...rows, why), sync];
}

export function render({ model, el }) {
  const state = { ...model.get("state") };
  const root = framed(el, TITLE, { name: "ddsp-questions", look: LOOK });
  const score = h("output", { class: "ddsp-readout", "aria-live": "off" });
  const syncs = [];

  function choose(i, c) {
    state.chosen = state.questions.map((_, k) => (k === i ? c : (state.chosen[k] ?? -1)));
    show();
    model.set("state", { ...state });
    model.save_changes();
  }
  function show() {
    const n = compute(state);
    syncs.forEach((sync, i) => {
      sync(n.marks[i], state.chosen[i]);
    });
    score.textContent = describe(state, n);
    again.hidden = !n.answered;
  }
  function clear() {
    state.questions.forEach((_, i) => {
      choose(i, -1);
    });
    root.querySelector("input").focus();
  }

  state.questions.forEach((question, i) => {
    const [rows, sync] = asked(question, i + 1, (c) => choose(i, c));
    root.append(rows);
    syncs.push(sync);
  });
  const again = h("button", { type: "button", onclick: clear }, "Clear the answers");
  root.append(h("div", { class: "ddsp-buttons" }, score, again));

  const changed = () => {
    Object.assign(state, model.get("state"));
    show();
  };
  model.on("change:state", changed);
  const paint = () => coloured(root);
  paint();
  show();
  const unwatch = watchTheme(paint);
  return () => {
    unwatch();
    model.off?.("change:state", changed);
  };
}
