// Sounds that take their time, made beside the page: in a worker, or piece by piece where there may be none.
//
// Such a sound has `prepare(state, numbers)`, a generator that yields the share of the work that is done. What it finds
// it keeps; after it `make` is quick.
import { rendered } from "./levels.js";

// The worker's side.
export function serve(figure) {
  addEventListener("message", ({ data: [index, state, numbers] }) => {
    const s = figure.sounds[index];
    for (const share of s.prepare(state, numbers)) postMessage([share]);
    const made = rendered(s, state, numbers, {});
    postMessage([1, made], [...new Set(made.ears.map((ear) => ear.buffer))]);
  });
}

// The page's side. `whole` is the function that holds all of the figure's script.
export function workshop(figure, whole) {
  let worker;
  let allowed = !!whole;
  let newest = 0;
  let flight = Promise.resolve();

  const inWorker = (s, state, numbers, report) =>
    new Promise((done, failed) => {
      if (!worker) {
        const text = `const it=(${whole})();it.serve(it.figure);`;
        const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
        worker = new Worker(url);
      }
      worker.onerror = failed;
      worker.onmessage = ({ data: [share, made] }) => (made ? done(made) : report(share));
      worker.postMessage([figure.sounds.indexOf(s), state, numbers]);
    });
  const inPieces = async (s, state, numbers, report) => {
    for (const share of s.prepare(state, numbers)) {
      report(share);
      await new Promise((done) => setTimeout(done));
    }
    return rendered(s, state, numbers, {});
  };
  const run = async (s, state, numbers, report) => {
    if (allowed)
      try {
        return await inWorker(s, state, numbers, report);
      } catch {
        allowed = false; // a page may forbid workers
        worker?.terminate();
      }
    return inPieces(s, state, numbers, report);
  };
  return {
    // A promise of what `rendered` gives; of null, if another sound was asked for before this one was begun.
    make(s, state, numbers, report) {
      const mine = ++newest;
      const job = flight.then(() => (mine === newest ? run(s, structuredClone(state), numbers, report) : null));
      flight = job.catch(() => null);
      return job;
    },
    close() {
      worker?.terminate();
      allowed = false;
    },
  };
}
