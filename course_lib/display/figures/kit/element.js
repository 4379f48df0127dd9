// The custom element of a page without a kernel: its data-state is the whole model.

export function define(tag, render, whole) {
  customElements.define(
    tag,
    class extends HTMLElement {
      connectedCallback() {
        // While the page is read, the element may be there before what stands in it.
        if (this.firstChild || document.readyState !== "loading") this.begin();
        else document.addEventListener("DOMContentLoaded", () => this.isConnected && this.begin(), { once: true });
      }
      begin() {
        const store = { state: JSON.parse(this.dataset.state) };
        // Recordings stand in it as players, for where no script runs.
        for (const player of this.querySelectorAll(".ddsp-fallback audio[data-field]"))
          (store.state[player.dataset.field] ??= []).push(player.getAttribute("src").split(",")[1]);
        this.model ??= {
          get: (k) => store[k],
          set: (k, v) => {
            store[k] = v;
          },
          save_changes() {},
          on() {},
          off() {},
        };
        this.cleanup?.();
        this.cleanup = render({ model: this.model, el: this, whole });
      }
      disconnectedCallback() {
        this.cleanup?.();
        this.cleanup = null;
      }
    },
  );
}
