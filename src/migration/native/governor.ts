import { placesOf, shardStepsOf } from "../../sharding/native/index.ts";
import type { Plan } from "../../sharding/plan/contract.ts";
import { formatDurationMs } from "../../units.ts";
import type { Governor } from "../contract.ts";
import { reasonToWait, type NodeProbe } from "../governor.ts";
import { halfDone } from "../trouble.ts";
import type { NativeAccess } from "./contract.ts";
import { shardsOf } from "./plan-state.ts";

const rounds = 6;
const probeEveryMs = 250;
const probeTimeoutMs = 1_000;

export interface NativeGovernorOptions {
  access: NativeAccess;
  /** Of an answer, that the cluster promises; absent: only silence counts. */
  objectiveUs: number | undefined;
  patienceMs: number;
  /** What it is for, where shards move: nodes that it empties may be silent. */
  plan?: Plan;
  note: (text: string) => void;
}

/** Probes every node before a step begins, and holds the step back while one is silent or slower than the objective. */
export function nativeGovernor({ access, plan, objectiveUs, patienceMs, note }: NativeGovernorOptions): Governor {
  const ignored = plan ? emptiedBy(plan) : new Set();
  const nodes = access.nodes.filter(({ id }) => !ignored.has(id));
  const probe = (signal: AbortSignal): Promise<NodeProbe[]> =>
    Promise.all(
      nodes.map(async ({ id, control }) => {
        const { ok, latencyUs } = await control.health({ timeoutMs: probeTimeoutMs, signal });
        return { id, answers: ok, latencyUs };
      }),
    );
  return {
    async calm(signal) {
      const seen: NodeProbe[][] = [];
      const sinceUs = access.clock.monotonicUs();
      let said = false;
      for (;;) {
        seen.push(await probe(signal));
        if (seen.length > rounds) seen.shift();
        const reason = reasonToWait(seen, objectiveUs);
        const waitedMs = (access.clock.monotonicUs() - sinceUs) / 1000;
        // A latency is judged by several answers: the first also pays for the connection.
        const judged = objectiveUs === undefined || seen.length === rounds;
        if (reason === undefined && judged) {
          if (said) note(`goes on after ${formatDurationMs(waitedMs)}`);
          return;
        }
        if (reason !== undefined && !said) note(`paused: ${reason}`);
        said ||= reason !== undefined;
        if (reason !== undefined && waitedMs > patienceMs)
          throw halfDone(`Paused for ${formatDurationMs(patienceMs)}: ${reason}.`, "cluster-degraded");
        await access.clock.sleep(probeEveryMs, signal);
      }
    },
  };
}

/** Nodes that held something and hold nothing once the plan is done. */
function emptiedBy(plan: Plan): Set<string> {
  const shards = shardsOf(plan);
  const after = new Set(shards.flatMap(({ id, on }) => placesOf(on, shardStepsOf(plan, id)).at(-1)!));
  return new Set(shards.flatMap(({ on }) => on).filter((id) => !after.has(id)));
}
