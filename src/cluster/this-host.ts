import { hostname } from "node:os";

/** For leases and locks: which machine this is. */
export const thisHost = hostname();
