import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { localName } from "../config/find.ts";
import type { ClusterConfig } from "../config/schema.ts";
import type { Clock, Rng } from "../runtime.ts";
import { openStateStore, sqliteStatePath } from "../state/index.ts";
import type { Layout } from "./layout.ts";

const lookEveryMs = 1_000;
/** A node that cannot be repaired now is left alone for so long. */
const restMs = 5_000;
const patienceMs = 30_000;
/** A switch of an alias that somebody is still at is not asked about at every look. */
const restAfterSwitchMs = 2_000;
const switches = "switches of aliases";

export interface AutoRepairDeps {
  layout: Layout;
  clock: Clock;
  rng: Rng;
  pid: number;
  /** Whether the process of that node runs: others need not be looked at. */
  runs: (node: string) => boolean;
  log: (text: string) => void;
  signal: AbortSignal;
}

/** What the supervisor of an `up` cluster does beside: nodes that missed an acknowledged write are repaired as soon as they answer. Resolves once the signal aborts. */
export async function repairAsNeeded(deps: AutoRepairDeps): Promise<void> {
  const { layout, clock, log, signal } = deps;
  const rest = new Map<string, number>();
  for (;;) {
    try {
      await clock.sleep(lookEveryMs, signal, { ref: false });
      if ((rest.get(switches) ?? 0) <= clock.nowMs() && (await switchOpen(deps))) {
        for (const said of await finishHere(deps)) log(said);
        rest.set(switches, clock.nowMs() + restAfterSwitchMs);
      }
      for (const { collection, node } of await staleHere(deps)) {
        const name = `${collection} ${node}`;
        if (!deps.runs(node) || (rest.get(name) ?? 0) > clock.nowMs()) continue;
        log(`${node} is stale in ${collection}: repairing it`);
        const reason = await repairOne(deps, collection, node);
        log(
          reason === undefined
            ? `${node} is back in service in ${collection}`
            : `${node} stays stale in ${collection}: ${reason}`,
        );
        rest.set(name, clock.nowMs() + restMs);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (existsSync(layout.dir)) log(`repair: ${(error as Error).message}`);
    }
  }
}

async function staleHere({ layout, clock }: AutoRepairDeps): Promise<{ collection: string; node: string }[]> {
  const location = { clusterName: localName, baseDir: dirname(layout.dir) };
  if (!existsSync(sqliteStatePath(undefined, location))) return [];
  const state = await openStateStore({ driver: "sqlite" }, { ...location, clock });
  try {
    const found: { collection: string; node: string }[] = [];
    for (const { collection } of await state.tables())
      for (const [node, entry] of Object.entries((await state.getTable(collection))?.nodes ?? {}))
        if (entry.state === "stale") found.push({ collection, node });
    return found;
  } finally {
    await state.close();
  }
}

/** Whether a switch of an alias is not over: a node that was away lacks it, or somebody left it. */
async function switchOpen({ layout, clock }: AutoRepairDeps): Promise<boolean> {
  const location = { clusterName: localName, baseDir: dirname(layout.dir) };
  if (!existsSync(sqliteStatePath(undefined, location))) return false;
  const state = await openStateStore({ driver: "sqlite" }, { ...location, clock });
  try {
    return (await state.aliases()).some((record) => record.switch);
  } finally {
    await state.close();
  }
}

async function finishHere({ layout, clock, rng, pid }: AutoRepairDeps): Promise<string[]> {
  const [{ openReleases }, { finishSwitches }] = await Promise.all([
    import("../releases/access.ts"),
    import("../releases/finish.ts"),
  ]);
  const cluster = await clusterHere(layout);
  if (!cluster) return [];
  const access = await openReleases(cluster, { clock, rng, cwd: dirname(layout.dir), pid });
  try {
    return await finishSwitches(access, "up");
  } finally {
    await access.close();
  }
}

async function clusterHere(layout: Layout): Promise<ClusterConfig | undefined> {
  const { configSchema } = await import("../config/schema.ts");
  const fields = configSchema.parse(JSON.parse(readFileSync(layout.clusterFile, "utf8"))).clusters[localName];
  return fields && { ...fields, name: localName, source: { kind: "local", file: layout.clusterFile } };
}

/** @returns why it stays stale */
async function repairOne(deps: AutoRepairDeps, collection: string, node: string): Promise<string | undefined> {
  const { layout, clock, rng, pid, signal, log } = deps;
  // A cluster whose nodes are all well never pays for this.
  const [{ openMigration }, { runRepairs }] = await Promise.all([
    import("../migration/access.ts"),
    import("../migration/run-repair.ts"),
  ]);
  const cluster = await clusterHere(layout);
  if (!cluster) return `${layout.clusterFile} names no cluster ${localName}`;
  const access = await openMigration(cluster, { clock, rng, cwd: dirname(layout.dir), pid });
  try {
    const journal = { record: (name: string, phase: "start" | "end") => log(`${name} ${phase}`) };
    const { stale } = await runRepairs({ node, collection, patienceMs }, { access, journal, signal, note: log });
    return stale[0]?.reason;
  } finally {
    await access.close();
  }
}
