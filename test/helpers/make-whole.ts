import { join } from "node:path";
import { recordIds } from "../../src/faults/journal.ts";
import { isAlive } from "../../src/process-identity.ts";
import { allAnswer } from "./fault-cases.ts";
import { supervisorOf, type LocalCluster } from "./local-cluster.ts";

/** Heals and starts whatever a test left broken; where it left nothing so, that costs no command. */
export async function makeWhole(cluster: LocalCluster): Promise<void> {
  const untouched = recordIds(join(cluster.stateDir, "faults")).length === 0 && isAlive(supervisorOf(cluster).supervisor);
  if (untouched && (await allAnswer(cluster))) return;
  await cluster.cli(["chaos", "heal", "--all"]);
  const up = await cluster.cli(["up"]);
  if (up.exitCode !== 0) throw new Error(`ragctl up ended with ${up.exitCode}:\n${up.stdout}\n${up.stderr}`);
}
