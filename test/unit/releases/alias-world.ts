import type { ClusterNode } from "../../../src/cluster/node.ts";
import type { ClusterNodes } from "../../../src/cluster/nodes.ts";
import { thisHost } from "../../../src/cluster/this-host.ts";
import type { ReleaseAccess } from "../../../src/releases/access.ts";
import { nodeUnreachable } from "../../../src/stores/unreachable.ts";
import { seededRng } from "../../../src/runtime.ts";
import { addRelease, markReady, newAliasRecord, type AliasChange, type AliasRecord } from "../../../src/sharding/alias-record.ts";
import type { StoreControl } from "../../../src/stores/contract.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";
import { MemoryState, memoryState } from "../../helpers/sim/memory-state.ts";
import { tableOf } from "../sharding/tables.ts";

/** A node that has collections and aliases, and nothing else. */
class AliasNode {
  readonly collections = new Set<string>();
  readonly aliases = new Map<string, string>();
  up = true;
}

/** One process: after `dieAt` steps (each half of each thing that it asks of the state store or a node is one) nothing comes back to it. */
export class Process {
  steps = 0;
  readonly dieAt: number;
  constructor(dieAt = Infinity) {
    this.dieAt = dieAt;
  }
  readonly step = async (): Promise<void> => {
    if (++this.steps > this.dieAt) await new Promise(() => undefined);
  };
  get dead(): boolean {
    return this.steps > this.dieAt;
  }
}

export const oldRelease = "docs-1";
export const newRelease = "docs-2";

/** Three nodes with two releases of `docs`; the alias stands for the first one everywhere. */
export class AliasWorld {
  readonly clock = new EventClock();
  readonly shared = new MemoryState();
  readonly nodes = new Map(["a", "b", "c"].map((id) => [id, new AliasNode()]));

  constructor({ alias = oldRelease }: { alias?: string | null } = {}) {
    for (const collection of [oldRelease, newRelease]) {
      const table = tableOf({ a: "serving", b: "serving", c: "serving" }, { collection });
      this.shared.tables.set(collection, JSON.stringify(table));
      this.shared.epochs.set(collection, table.epoch);
      for (const node of this.nodes.values()) node.collections.add(collection);
    }
    if (alias !== null) for (const node of this.nodes.values()) node.aliases.set("docs", alias);
    let record = newAliasRecord("docs");
    const apply = (change: AliasChange) => {
      if (typeof change === "string" || "refused" in change) throw new Error(JSON.stringify(change));
      ({ record } = change);
    };
    for (const [id, collection] of [
      ["1", oldRelease],
      ["2", newRelease],
    ] as const) {
      apply(addRelease(record, { id, collection, createdAtMs: 0, state: "building" }));
      apply(markReady(record, id, 10));
    }
    this.shared.aliases.set("docs", JSON.stringify({ ...record, collection: alias }));
  }

  get record(): AliasRecord {
    return JSON.parse(this.shared.aliases.get("docs")!) as AliasRecord;
  }

  /** What each node answers under the alias. */
  get served(): (string | undefined)[] {
    return [...this.nodes.values()].map(({ aliases }) => aliases.get("docs"));
  }

  access(process: Process): ReleaseAccess {
    const { clock } = this;
    const all = [...this.nodes].map(([id, node]) => ({ id, url: `http://${id}`, control: controlOf(id, node, process) }));
    return {
      cluster: { name: "sim", topology: "routed" } as ReleaseAccess["cluster"],
      runtime: { clock, rng: seededRng(1), cwd: "/", pid: 1 },
      state: memoryState(this.shared, clock, process.step),
      nodes: {
        all: all as unknown as ClusterNode[],
        ofTable: (id: string) => all.find((node) => node.id === id),
      } as unknown as ClusterNodes,
      requestTimeoutMs: 1_000,
      // Of a process that is gone by the time that anybody looks.
      owner: (purpose) => ({ host: thisHost, pid: 2 ** 30, startTime: "then", purpose }),
      close: () => Promise.resolve(),
    };
  }

  /** Runs until the work has ended, or `ms` of simulated time have passed. */
  async run<T>(work: Promise<T>, ms = 60_000): Promise<{ value?: T; error?: unknown; ended: boolean }> {
    const outcome: { value?: T; error?: unknown; ended: boolean } = { ended: false };
    work.then(
      (value) => Object.assign(outcome, { value, ended: true }),
      (error: unknown) => Object.assign(outcome, { error, ended: true }),
    );
    for (let passedMs = 0; passedMs < ms && !outcome.ended; passedMs += 100) await this.clock.run(100);
    return outcome;
  }
}

/** Answers as Qdrant does: a change of aliases is all of it or nothing. */
function controlOf(id: string, node: AliasNode, { step }: Process): StoreControl {
  const at = async <T>(work: () => T): Promise<T> => {
    await step();
    if (!node.up) throw nodeUnreachable({ id, url: `http://${id}` }, new Error("connection refused"));
    const result = work();
    await step();
    return result;
  };
  return {
    listAliases: () => at(() => [...node.aliases].map(([alias, collection]) => ({ alias, collection }))),
    listCollections: () => at(() => [...node.collections]),
    deleteCollection: (name) => at(() => node.collections.delete(name)),
    updateAliases: (actions) =>
      at(() => {
        for (const action of actions) {
          if ("delete" in action) node.aliases.delete(action.delete.alias);
          else {
            if (node.collections.has(action.create.alias)) throw new Error("a collection has that name");
            if (!node.collections.has(action.create.collection)) throw new Error("no such collection");
            node.aliases.set(action.create.alias, action.create.collection);
          }
        }
      }),
  } as StoreControl;
}
