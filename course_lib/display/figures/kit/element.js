// The custom element of a page without a kernel: its data-state is the whole model.

export function define(tag, render, whole) {
  customElements.define(
    tag,
    class extends HTMLElement {
      connectedCallback() {
        const store = { state: JSON.parse(this.dataset.state) };
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
