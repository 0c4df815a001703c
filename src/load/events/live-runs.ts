import { join } from "node:path";
import type { RunEvent } from "../../runs/contract.ts";
import { listRuns } from "../../runs/index.ts";
import { journalFile, runsDir } from "../../runs/layout.ts";
import { tailEvents } from "./tail.ts";

const newestRuns = 10;
/** Polls between two looks for runs that are new: four polls are a second. */
const lookEvery = 4;

/** What other live runs of this cluster (faults, migrations, ingests) write into their journals from now on: of those that begin later, all. */
export function liveRunEvents(stateDir: string, cluster: string, ownId: string): () => RunEvent[] {
  const tails = new Map<string, () => RunEvent[]>();
  let polls = 0;
  return () => {
    const first = polls === 0;
    if (polls++ % lookEvery === 0)
      for (const { id, state, cluster: of } of listRuns(stateDir, newestRuns))
        if (id !== ownId && of === cluster && state === "running" && !tails.has(id))
          tails.set(id, tailEvents(join(runsDir(stateDir), id, journalFile), undefined, !first));
    return [...tails.values()].flatMap((poll) => poll());
  };
}
