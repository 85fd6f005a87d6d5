/**
 * The key of this visit. It is kept in sessionStorage, and traded for a cookie that scripts cannot read, for
 * pictures and event streams are fetched by the browser itself.
 */

import { element } from "./dom.js";
import { t } from "./language.js";
import { sentence } from "./problems.js";
import { reach } from "./service.js";

const KEPT = "vasari-key";

export class Keys {
  #asking = null;
  #declined = false; // t("Not now") holds, also for requests that are on their way, until a key is wanted

  /** The key in use, or null. */
  get key() {
    return sessionStorage.getItem(KEPT);
  }

  /** Ask for a key in place of `refused`; resolves once the service has taken one, rejects with `problem`. */
  async ask(refused, problem) {
    if (this.key !== refused) return; // another request has asked meanwhile
    if (this.#declined) throw problem;
    this.#asking ??= this.#dialog(problem).finally(() => (this.#asking = null));
    await this.#asking;
  }

  /** A key may be asked for again. */
  wanted() {
    this.#declined = false;
  }

  /** Take the key that a shared link brought, and give the cookie of this visit's key to a new browser session. */
  async resume() {
    const brought = /^#key=(vasari_[\w-]+)$/.exec(location.hash)?.[1];
    if (brought) {
      sessionStorage.setItem(KEPT, brought);
      history.replaceState(history.state, "", location.pathname + location.search); // not to be copied along by accident
    }
    if (this.key) await reach("POST", "/v1/session", undefined, undefined, this.key);
  }

  #dialog(problem) {
    return new Promise((resolve, reject) => {
      const field = element("input", { id: "key", type: "password", autocomplete: "current-password", required: true, spellcheck: "false" });
      const complaint = element("p", { class: "complaint", role: "alert" });
      const form = element(
        "form",
        { method: "dialog", class: "sheet" },
        element("h2", { id: "key-title" }, t("This library asks for a key")),
        element("p", {}, t("Paste one made with "), element("code", {}, "vasari keys create"), t(". It is forgotten when this tab is closed.")),
        element("label", { for: "key" }, t("Key")),
        field,
        complaint,
        element("div", { class: "actions" },
          element("button", { type: "button", on: { click: () => dialog.close() } }, t("Not now")),
          element("button", { class: "primary" }, t("Open the library"))),
      );
      const dialog = element("dialog", { class: "dialog", "aria-labelledby": "key-title" }, form);
      let taken = false;
      if (this.key !== null) complaint.textContent = problem.message;
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const refusal = await this.#offer(field.value.trim()).catch((error) => error.message);
        complaint.textContent = refusal;
        taken = refusal === "";
        if (taken) dialog.close();
        else field.select();
      });
      dialog.addEventListener("close", () => {
        dialog.remove();
        this.#declined = !taken;
        if (taken) resolve();
        else reject(problem);
      });
      document.body.append(dialog);
      dialog.showModal();
      field.focus();
    });
  }

  /** Try a key: nothing when the service takes it, else why not. */
  async #offer(key) {
    const answer = await reach("POST", "/v1/session", undefined, undefined, key);
    if (answer.ok) {
      sessionStorage.setItem(KEPT, key);
      return "";
    }
    const told = await answer.json().catch(() => ({}));
    return sentence(told) ?? t("This key was not taken.");
  }
}
