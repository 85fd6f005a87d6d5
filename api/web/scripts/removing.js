/** Removing: pictures leave the library once that can be undone no more; where it is allowed, their files go to the trash. */

import { button, element } from "./dom.js";
import { n, t } from "./language.js";
import { fileName } from "./tile.js";

const LEAVING = "vasari-leaving"; // in sessionStorage: the ids that were being removed as the page was left
const UNHEARD = [0, 401]; // statuses: nothing answered, or no key was given
const LATER = [409, 429, 503]; // statuses: the same may be done in a while

export class Removing {
  /** `attempt(act)` says what fails, `changed()` hears that pictures are gone. */
  constructor(service, toast, { attempt, changed }) {
    Object.assign(this, { service, toast, attempt, changed });
    this.trash = false;
    this.#build();
  }

  /** Whether files may go to the trash. */
  allow({ trash = false }) {
    this.trash = trash;
  }

  /** Ask how, and take items out later; `leaving(are)` hears whether they go. Whether they do, for now. */
  async remove(ids, leaving) {
    const how = this.trash ? await this.#ask(ids.length) : "library";
    if (how === "") return false;
    const trash = how === "trash";
    leaving(true);
    const left = () => {
      if (!trash) sessionStorage.setItem(LEAVING, JSON.stringify([...unfinished(), ...ids])); // the next page may list before this is done
      this.toast.settle();
    };
    addEventListener("pagehide", left, { once: true });
    this.toast.show(trash ? t("{n} to the trash, with their files", { n: ids.length }) : t("{n} removed from the library; the files stay", { n: ids.length }), {
      undo: () => {
        removeEventListener("pagehide", left);
        leaving(false);
      },
      gone: () => this.attempt(async () => {
        const kept = await this.service.remove(ids, trash).finally(() => removeEventListener("pagehide", left));
        if (kept.length) leaving(false);
        this.changed();
        if (kept.length) throw new Error(await this.#told(kept));
      }),
    });
    return true;
  }

  /** What stays, and why the first of them does. */
  async #told([{ item, reason }, ...more]) {
    const { uri } = await this.service.item(item).catch(() => ({ uri: String(item) }));
    return t("{n} stay where they are. {name}: {reason}", { n: more.length + 1, name: fileName(uri), reason });
  }

  /** Take out what was being removed as this tab's last page was left; what is gone already is no error. */
  async finish() {
    const ids = unfinished();
    if (ids.length === 0) return;
    await this.attempt(async () => {
      try {
        await this.service.remove(ids);
      } catch (error) {
        if (UNHEARD.includes(error.status)) return; // the search that follows says so, and the next one tries again
        if (!LATER.includes(error.status)) sessionStorage.removeItem(LEAVING);
        throw error;
      }
      sessionStorage.removeItem(LEAVING);
    });
  }

  /** "library" or "trash", which is asked a second time; "" for neither. */
  #ask(count) {
    this.dialog.returnValue = "";
    this.#offer(t("Remove {n} from the library?", { n: count }), t("Their files stay where they are, unless you move them to the trash."), [
      [t("Remove from the library"), "primary", () => this.dialog.close("library")],
      [t("Move the files to the trash, too…"), "", () => this.#offer(
        n(count, "Move {n} file to the trash?", "Move {n} files to the trash?"), t("They leave their folders on the machine that serves, for everybody. Only its trash can bring them back."),
        [[t("Move to the trash"), "alarming", () => this.dialog.close("trash")]])],
    ]);
    this.dialog.showModal();
    return new Promise((resolve) => this.dialog.addEventListener("close", () => resolve(this.dialog.returnValue), { once: true }));
  }

  #offer(question, about, choices) {
    this.title.textContent = question;
    this.about.textContent = about;
    const not = button(t("Cancel"), { on: { click: () => this.dialog.close("") } });
    this.choices.replaceChildren(...choices.map(([label, kind, listener]) => button(label, { class: kind, on: { click: listener } })), not);
    not.focus();
  }

  #build() {
    this.title = element("h2", { id: "removing-title" });
    this.about = element("p", { id: "removing-about" });
    this.choices = element("div", { class: "actions" });
    this.dialog = element("dialog", { class: "dialog", id: "removing", role: "alertdialog", "aria-labelledby": "removing-title", "aria-describedby": "removing-about" },
      element("div", { class: "sheet" }, this.title, this.about, this.choices));
    document.body.append(this.dialog);
  }
}

/** The ids that this tab's last page was removing. */
export function unfinished() {
  return JSON.parse(sessionStorage.getItem(LEAVING) ?? "[]");
}
