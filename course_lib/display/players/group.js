// The player of several sounds: tabs, a strip with a playhead, equal loudness, a blind test.
import { alone } from "../figures/kit/alone.js";
import { bytes } from "../figures/kit/data.js";
import { clamp, fixed } from "../figures/kit/numbers.js";
import { coloured, h, watchTheme } from "../figures/kit/page.js";
import { ROUNDS, verdict } from "./abx.js";
import { run } from "./sounds.js";
import { drawOutline, drawSpectrogram, spectrogram } from "./strip.js";
import LOOK from "./style.css";

// One context for each sample rate, for all players of a page: at its own rate a sound's samples stay what they are.
const contexts = {};

// What an <audio> element holds. It is not needed any more, nor what it has begun to load.
function taken(audio) {
  const { seconds, peaks, gain } = audio.dataset;
  const track = {
    name: audio.getAttribute("aria-label"),
    data: audio.src,
    seconds: +seconds,
    peaks: [...peaks].map((digit) => parseInt(digit, 36) / 35),
    gain: +gain,
    clips: audio.parentElement.querySelector("strong")?.textContent,
  };
  audio.removeAttribute("src");
  audio.load();
  return track;
}

function player(el) {
  const sampleRate = clamp(+el.dataset.rate, 8000, 96000); // what every browser can
  const tracks = [...el.querySelectorAll("audio")].map(taken);
  const names = tracks.map((t) => t.name);
  const total = Math.max(...tracks.map((t) => t.seconds));
  const points = Math.max(...tracks.map((t) => t.peaks.length));
  const said = el.querySelector(":scope > small")?.textContent;
  let tab = 0; // the chosen one
  let place = 0; // s
  let voice = null; // what runs
  let wanted = false; // whether something should run, once it is decoded
  let test = null; // { pair, order: the tracks behind A, X and B, round, right }
  let frame;

  const on = (button) => button.getAttribute("aria-pressed") === "true";
  const heard = () => (test ? test.order[tab] : tab);
  const factor = (t) => (on(equal) ? 10 ** (t.gain / 20) : 1);
  const levels = () => tracks.map((t, i) => (i === heard() ? factor(t) : 0));
  const over = () => place > tracks[heard()].seconds - 0.005;
  const decoded = (t) => {
    t.buffer ??= new OfflineAudioContext(1, 1, sampleRate).decodeAudioData(bytes(t.data.split(",")[1]).buffer);
    return t.buffer;
  };

  // ---- what sounds ----
  async function play() {
    contexts[sampleRate] ??= new AudioContext({ sampleRate });
    const ctx = contexts[sampleRate];
    ctx.resume(); // now, while it answers a click or a key
    sole.begin();
    wanted = true;
    show();
    const buffers = await Promise.all(tracks.map(decoded));
    if (!wanted || voice) return;
    ctx.resume(); // an earlier end may have suspended it meanwhile
    if (over()) place = 0;
    voice = ctx.latest = run(ctx, buffers, place, levels());
    tick();
  }
  function stop() {
    const ended = voice;
    wanted = false;
    voice = null;
    cancelAnimationFrame(frame);
    if (ended) {
      const ctx = contexts[sampleRate];
      place = ended.place();
      ended.stop();
      setTimeout(() => ctx.latest === ended && ctx.suspend(), 200);
    }
    show();
  }
  function tick() {
    place = voice.place();
    if (over()) return go(0, on(loop));
    show();
    frame = requestAnimationFrame(tick);
  }
  function go(to, playing = wanted) {
    stop();
    place = to;
    show();
    if (playing) play();
  }
  function choose(i) {
    tab = i;
    if (voice) place = voice.place();
    if (voice && over())
      go(0); // it is over by now, and begins again
    else voice?.turn(levels());
    if (test && !wanted) play();
    show();
    update();
  }

  // ---- the blind test ----
  function ask() {
    test = { pair: pairs[which.selectedIndex], round: 0, right: 0 };
    next();
  }
  function next() {
    const [a, b] = test.pair;
    test.round++;
    test.order = [a, test.pair[+(Math.random() < 0.5)], b];
    tabs([`A: ${names[a]}`, "X", `B: ${names[b]}`], 1);
    told.textContent = `Round ${test.round} of ${ROUNDS}: is X A, or is it B? 1, 2, 3 play A, X, B; press A or B.`;
    go(0);
  }
  function answer(i) {
    test.right += test.order[1] === test.pair[i];
    if (test.round < ROUNDS) return next();
    const { right } = test;
    leave();
    told.textContent = verdict(right);
    again.focus();
  }
  function leave() {
    stop();
    place = 0;
    test = null;
    told.textContent = "";
    tabs(names, 0);
    show();
  }

  // ---- what is seen ----
  const bar = (...kids) => h("div", { class: "ddsp-bar" }, ...kids);
  const paragraph = () => h("p", { "aria-live": "polite" });
  const button = (text, onclick, more) => h("button", { type: "button", onclick, ...more }, text);
  const toggle = (text, act) => {
    const flip = () => {
      b.setAttribute("aria-pressed", !on(b));
      act?.();
      update();
    };
    const b = button(text, flip, { "aria-pressed": false });
    return b;
  };
  const start = button("", () => (wanted ? stop() : play()), { class: "ddsp-go", title: "Space" });
  const time = h("output", { "aria-live": "off" });
  const loop = toggle("Loop");
  const spectrum = toggle("Spectrogram");
  const equal = toggle("Equal loudness", () => voice?.turn(levels()));
  const blind = toggle("Can you hear it?", () => (on(blind) ? ask() : leave()));
  const oninput = () => go(+seek.value);
  const seek = h("input", { type: "range", max: total, step: "any", "aria-label": "Place", oninput });
  const canvas = h("canvas", { "aria-hidden": true });
  const strip = h("div", { class: "ddsp-strip" }, canvas, seek);
  const set = h("div", { class: "ddsp-bar ddsp-tabs", role: "radiogroup", "aria-label": "Sound" });
  const note = paragraph();
  const told = paragraph();
  const pairs = tracks.flatMap((_, b) => tracks.slice(0, b).map((_, a) => [a, b]));
  const which = h(
    "select",
    { "aria-label": "Pair", onchange: ask },
    ...pairs.map(([a, b]) => h("option", {}, `${names[a]} / ${names[b]}`)),
  );
  const answers = ["A", "B"].map((name, i) => button(`X is ${name}`, () => answer(i)));
  const again = button("Again", ask);
  const panel = bar(...answers, again, which);
  const root = h(
    "div",
    {
      class: "ddsp-listen",
      role: "group",
      "aria-label": `Player: ${names.join(", ")}`,
      tabindex: -1, // a click anywhere makes the keys work
      "data-lm-suppress-shortcuts": true, // JupyterLab's
    },
    set,
    strip,
    bar(start, time, bar(loop, spectrum, equal, blind)),
    note,
    told,
    panel,
  );

  function tabs(labels, chosen) {
    const name = `ddsp${Math.random()}`;
    const focused = set.contains(document.activeElement);
    tab = chosen;
    set.replaceChildren(
      ...labels.map((label, i) => {
        const input = h("input", { type: "radio", name, onchange: () => choose(i) });
        input.checked = i === tab;
        return h("label", {}, input, h("span", {}, label));
      }),
    );
    if (focused) set.querySelectorAll("input")[tab].focus();
    update();
  }
  // What changes while it plays.
  function show() {
    start.textContent = wanted ? "❚❚ Pause" : "▶ Play";
    time.textContent = `${place.toFixed(2)} / ${total.toFixed(2)} s`;
    seek.value = place;
    seek.setAttribute("aria-valuetext", `${place.toFixed(1)} of ${total.toFixed(1)} seconds`);
  }
  function update() {
    const gains = tracks.map((t) => `${t.name} ${t.gain > 0 ? "+" : ""}${fixed(t.gain, 1)} dB`);
    const clips = tracks.map((t) => t.clips && `${t.name} ${t.clips}`);
    const notes = [said, ...clips, on(equal) && `equal loudness: ${gains.join(", ")}`].filter(Boolean).join(" · ");
    if (note.textContent !== notes) note.textContent = notes;
    panel.hidden = !on(blind);
    which.hidden = pairs.length < 2;
    for (const b of answers) b.hidden = !test;
    again.hidden = test;
    spectrum.hidden = test; // no peeking
    strip.classList.toggle("ddsp-tall", on(spectrum) && !test);
    draw();
  }
  function draw() {
    const colours = coloured(root);
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * scale);
    canvas.height = Math.round(canvas.clientHeight * scale);
    const g = canvas.getContext("2d");
    const t = tracks[tab];
    const highest = Math.max(...tracks.map((x) => factor(x) * Math.max(...x.peaks))) || 1;
    if (test) drawOutline(g, Array(points).fill(0), points, 1, colours.soft, scale);
    else if (!on(spectrum)) drawOutline(g, t.peaks, points, factor(t) / highest, colours.mine, scale);
    else if (t.picture) drawSpectrogram(g, t.picture, t.seconds / total, sampleRate, colours, scale);
    else
      decoded(t).then((buffer) => {
        t.picture ??= spectrogram(buffer, total);
        draw();
      });
  }

  root.addEventListener("keydown", (e) => {
    e.stopPropagation(); // JupyterLab takes arrow keys
    if (e.ctrlKey || e.metaKey || e.altKey || e.target === which) return;
    const key = e.key.toLowerCase();
    const input = set.querySelectorAll("input")[key - 1];
    if (input) {
      input.focus();
      input.click();
      if (test && !wanted) play();
    } else if (key === " " && e.target.tagName !== "BUTTON") start.click();
    else if (test && (key === "a" || key === "b")) answer(+(key === "b"));
    else return;
    e.preventDefault();
  });
  el.replaceChildren(h("style", {}, LOOK), root);
  leave();

  const size = new ResizeObserver(draw);
  let sole;
  let unwatch;
  return {
    join() {
      sole = alone(() => {
        stop();
        for (const t of tracks) t.buffer = null;
      });
      unwatch = watchTheme(draw);
      size.observe(strip);
    },
    leave() {
      stop();
      sole.leave();
      unwatch();
      size.disconnect();
    },
  };
}

// The parser connects an element before it has made its children, of which the template is the last: wait for it.
export function define(tag) {
  customElements.define(
    tag,
    class extends HTMLElement {
      connectedCallback() {
        const wake = () => {
          if (!this.player && !this.querySelector(":scope > template")) return;
          this.waiting.disconnect();
          this.player ??= player(this);
          this.player.join();
        };
        this.waiting = new MutationObserver(wake);
        this.waiting.observe(this, { childList: true });
        wake();
      }
      disconnectedCallback() {
        this.waiting.disconnect();
        this.player?.leave();
      }
    },
  );
}
