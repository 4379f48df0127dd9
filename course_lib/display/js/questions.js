// Questions with a few choices each: the chosen one says at once, in words, whether it is right and why.
function compute({ questions, chosen }) {
  const marks = questions.map((q, i) => {
    const c = q.choices[chosen[i] ?? -1];
    return c ? +!!c.right : -1;
  });
  return { marks, answered: marks.filter((m) => m >= 0).length, right: marks.filter((m) => m > 0).length };
}

const LOOK = `
.ddsp-questions fieldset{border:0;margin:10px 0 0;padding:0;min-width:0}
.ddsp-questions legend{float:none;width:auto;margin:0 0 4px;padding:0;font:inherit;font-weight:600;color:var(--ink)}
.ddsp-questions label{display:flex;gap:9px;align-items:baseline;margin:0;padding:4px 6px;border-radius:6px;color:var(--ink);cursor:pointer}
.ddsp-questions label:hover{background:var(--grid)}
.ddsp-questions input{flex:none;width:16px;height:16px;margin:0;position:relative;top:2px;accent-color:var(--mine)}
.ddsp-questions p{margin:4px 0 0 6px;padding-left:10px;border-left:3px solid var(--edge);color:var(--ink)}
.ddsp-questions p:empty{display:none}
.ddsp-questions p.ddsp-right{border-color:var(--mine)}
.ddsp-questions p.ddsp-wrong{border-color:var(--goal)}
.ddsp-questions .ddsp-right b{color:var(--mine)}
.ddsp-questions .ddsp-wrong b{color:var(--goal)}
`;

const figure = {
  title: "Check yourself",
  controls: [],
  sounds: [],
  compute,
  describe: (s, n) =>
    `${n.right} of ${s.questions.length} right${n.answered < s.questions.length ? `, ${s.questions.length - n.answered} to answer` : ""}`,
};

function ask({ model, el }, figure) {
  el.querySelectorAll(":scope > .ddsp-live, :scope > style").forEach((n) => n.remove());
  el.setAttribute("data-live", "");
  const state = { ...model.get("state") };
  const syncs = [];
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const score = h("output", { class: "ddsp-readout", "aria-live": "off" });
  const root = h(
    "div",
    {
      class: "ddsp-live ddsp-questions",
      role: "group",
      "aria-label": `Live figure: ${figure.title}`,
      "data-lm-suppress-shortcuts": "true",
    },
    h("div", { class: "ddsp-title" }, figure.title),
  );
  root.addEventListener("keydown", (e) => e.stopPropagation());

  function choose(i, c) {
    state.chosen = state.questions.map((_, k) => (k === i ? c : (state.chosen[k] ?? -1)));
    show();
    model.set("state", { ...state });
    model.save_changes();
  }
  state.questions.forEach((q, i) => {
    const name = `ddsp${Math.random()}`;
    const why = h("p", { "aria-live": "polite" });
    const inputs = q.choices.map((_, c) => h("input", { type: "radio", name, onchange: () => choose(i, c) }));
    let said = "";
    root.append(
      h(
        "fieldset",
        {},
        h("legend", {}, `${i + 1}. ${q.question}`),
        ...q.choices.map((choice, c) => h("label", {}, inputs[c], h("span", {}, choice.text))),
        why,
      ),
    );
    syncs.push((mark) => {
      inputs.forEach((input, c) => {
        input.checked = state.chosen[i] === c;
      });
      if (`${mark} ${state.chosen[i]}` === said) return; // said once, not with every other answer again
      said = `${mark} ${state.chosen[i]}`;
      why.className = ["", "ddsp-wrong", "ddsp-right"][mark + 1];
      why.replaceChildren(
        ...(mark < 0 ? [] : [h("b", {}, mark ? "✓ Right. " : "✗ Not right. "), q.choices[state.chosen[i]].why]),
      );
    });
  });
  const again = h(
    "button",
    {
      type: "button",
      onclick: () => {
        state.questions.forEach((_, i) => choose(i, -1));
        root.querySelector("input").focus();
      },
    },
    "Clear the answers",
  );
  root.append(h("div", { class: "ddsp-buttons" }, score, again));

  function paint() {
    for (const [k, v] of Object.entries(THEMES[+isDark()])) root.style.setProperty(`--${k}`, v);
    root.style.colorScheme = isDark() ? "dark" : "light";
  }
  function show() {
    const n = figure.compute(state);
    syncs.forEach((sync, i) => sync(n.marks[i]));
    score.textContent = figure.describe(state, n);
    again.hidden = !n.answered;
  }
  el.append(h("style", {}, STYLE + LOOK), root);
  const changed = () => {
    Object.assign(state, model.get("state"));
    show();
  };
  model.on("change:state", changed);
  paint();
  show();
  const look = new MutationObserver(paint);
  for (const node of [document.documentElement, document.body])
    look.observe(node, {
      attributes: true,
      attributeFilter: ["data-theme", "data-mode", "theme", "data-jp-theme-light"],
    });
  scheme.addEventListener("change", paint);
  return () => {
    look.disconnect();
    scheme.removeEventListener("change", paint);
    model.off?.("change:state", changed);
  };
}
