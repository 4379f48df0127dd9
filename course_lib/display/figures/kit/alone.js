// One thing sounds at a time in a page: what begins says so, and all else stops.
const BEGINS = "ddsp-sound-begins";

// stop() is called when another player, figure or <audio> element begins.
export function alone(stop) {
  const me = {};
  const heed = (e) => {
    if (e.detail !== me) stop();
  };
  const listen = (what) => {
    document[what](BEGINS, heed);
    document[what]("play", heed, true);
  };
  listen("addEventListener");
  return {
    begin() {
      for (const a of document.querySelectorAll("audio")) a.pause();
      document.dispatchEvent(new CustomEvent(BEGINS, { detail: me }));
    },
    leave: () => listen("removeEventListener"),
  };
}
