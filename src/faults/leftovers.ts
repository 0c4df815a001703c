import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Runtime } from "../runtime.ts";

/**
 * Heals what a dead ragctl left: records of the journal whose owner is gone or whose lease has run out. Called at every
 * start, so it loads nothing, and looks once into a directory, where there is nothing to heal.
 */
export async function healLeftovers(runtime: Runtime, warn: (text: string) => void): Promise<void> {
  try {
    if (!readdirSync(join(runtime.stateDir, "faults")).some((name) => name.endsWith(".json"))) return;
  } catch {
    return;
  }
  const { recoverLeftovers } = await import("./recover.ts");
  await recoverLeftovers(runtime, warn);
}
