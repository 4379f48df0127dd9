// What stands in the page: elements, the frame around a figure, its colours by day and by night.
import STYLE from "./style.css";

const DAY = {
  bg: "#ffffff",
  ink: "#1f2430",
  soft: "#565e6c",
  grid: "#e4e7ec",
  edge: "#cfd4dc",
  mine: "#1a5fb4",
  goal: "#b04a10",
};
const NIGHT = {
  bg: "#1a1d23",
  ink: "#eceef2",
  soft: "#b0b7c3",
  grid: "#30353e",
  edge: "#454b57",
  mine: "#82b8ff",
  goal: "#ffb27a",
};

// An element; a property that begins with "on" is a listener.
export function h(tag, props = {}, ...kids) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props))
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else e.setAttribute(k, v);
  e.append(...kids);
  return e;
}

// The frame of a figure, put into its element; what an earlier script left there goes.
export function framed(el, title, { name = "", look = "" } = {}) {
  for (const old of el.querySelectorAll(":scope > .ddsp-live, :scope > style")) old.remove();
  el.setAttribute("data-live", "");
  const root = h(
    "div",
    {
      class: `ddsp-live ${name}`.trim(),
      role: "group",
      "aria-label": `Live figure: ${title}`,
      "data-lm-suppress-shortcuts": "true",
    },
    h("div", { class: "ddsp-title" }, title),
  );
  // JupyterLab takes arrow keys: the attribute above stops its capturing listener, this one the rest.
  root.addEventListener("keydown", (e) => e.stopPropagation());
  el.append(h("style", {}, STYLE + look), root);
  return root;
}

function isDark() {
  const { theme, mode } = document.documentElement.dataset;
  const jp = document.body.dataset.jpThemeLight;
  const named = [theme, mode, document.documentElement.getAttribute("theme")].find(
    (t) => t === "dark" || t === "light",
  );
  if (jp || named) return jp ? jp === "false" : named === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

// Give a frame the colours of the page's theme, and return them.
export function coloured(root) {
  const palette = isDark() ? NIGHT : DAY;
  for (const [k, v] of Object.entries(palette)) root.style.setProperty(`--${k}`, v);
  root.style.colorScheme = isDark() ? "dark" : "light";
  return palette;
}

// Call paint() whenever the theme changes; what is returned ends that.
export function watchTheme(paint) {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const look = new MutationObserver(paint);
  const attributeFilter = ["data-theme", "data-mode", "theme", "data-jp-theme-light"];
  for (const node of [document.documentElement, document.body])
    look.observe(node, { attributes: true, attributeFilter });
  scheme.addEventListener("change", paint);
  return () => {
    look.disconnect();
    scheme.removeEventListener("change", paint);
  };
}
