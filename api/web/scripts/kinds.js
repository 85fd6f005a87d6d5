/** What names and filters are of, in words: a person, a place, a date. */

import { t } from "./language.js";

const KINDS = {
  person: t("person"), place: t("place"), date: t("date"), camera: t("camera"), tag: t("tag"), folder: t("folder"), album: t("album"),
  kind: t("kind"), orientation: t("orientation"), size: t("size"),
};

/** The service's word for a kind in the reader's language. */
export function kindName(kind) {
  return KINDS[kind] ?? kind;
}
