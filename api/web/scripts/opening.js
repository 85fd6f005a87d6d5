/** The beginning of a visit: what the address looks for is asked of the service before the page is built, so that both are done at once. */

import { stateHere } from "./address.js";
import { Fetching } from "./fetching.js";
import { Keys } from "./keys.js";
import { unfinished } from "./removing.js";
import { Service } from "./service.js";
import { State } from "./state.js";

export const state = new State();
export const keys = new Keys();
export const service = new Service(keys);
export const fetching = new Fetching(service, state);

const here = await stateHere();
Object.assign(state, here);
/** Resolves once pictures may be asked for, too; the key itself is in use at once. */
export const resumed = keys.resume().catch(() => {});
if (!history.state?.shown && unfinished().length === 0) fetching.ahead(); // what is still to be removed goes first
/** What the models on the service's machine can do. */
export const abilities = service.abilities();
abilities.catch(() => {}); // searching does not depend on them
