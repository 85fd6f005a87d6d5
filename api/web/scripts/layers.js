/** Overlays: what lies open over the page, one view at a time: the maps, the work in the background, the help. */

export class Layers {
  /** `layers` are {dialog, show()} by the view's name; `closed(view)` hears that a person closed one. */
  constructor(layers, closed) {
    this.layers = layers;
    this.view = "";
    for (const [name, { dialog }] of Object.entries(layers)) {
      dialog.addEventListener("close", () => this.view === name && closed(name));
    }
  }

  /** Show the layer of a view, and no other. */
  show(view) {
    this.view = view;
    for (const [name, layer] of Object.entries(this.layers)) {
      if (name !== view) layer.dialog.close();
      else if (!layer.dialog.open) layer.show();
    }
  }
}
