// What the one who is here may do. What they may not is not shown; the server decides all the same.

import { computed } from "./view.js";
import { session } from "./session.js";

/** Each holds those before it. */
export const RIGHTS = ["metrics", "read", "write", "admin"];

export const atMost = (right) => RIGHTS.slice(0, RIGHTS.indexOf(right) + 1);
const may = (right) => computed(() => atMost(session.value?.right).includes(right));

/** Runs, playlists, schedules. */
export const mayWrite = may("write");
/** Libraries and accounts. */
export const mayManage = may("admin");
