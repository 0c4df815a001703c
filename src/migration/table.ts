import { ExitCode, RagctlError } from "../errors.ts";
import { createRouting, type Routing } from "../sharding/owners.ts";
import { physicalOf, type RoutingTable } from "../sharding/table.ts";
import type { Transition } from "../sharding/transitions.ts";
import type { StateStore } from "../state/contract.ts";
import { halfDone } from "./trouble.ts";

export type Change = (table: RoutingTable, routing: Routing) => Transition | "unchanged";

/** One collection's table as a mover uses it: always from the store, compiled once an epoch. */
export class TableAccess {
  readonly collection: string;
  readonly #state: StateStore;
  readonly #physical: string | undefined;
  #routing: Routing | undefined;

  /** @param physical what the nodes call it, for whoever writes to them: under another name all that it was about is over */
  constructor(state: StateStore, collection: string, physical?: string) {
    this.#state = state;
    this.collection = collection;
    this.#physical = physical;
  }

  /** @throws RagctlError exit 2 where the collection has no table, 3 where the store is away, 5 under another physical name, 7 where it went back in time */
  async read(): Promise<Routing> {
    const table = await this.#state.getTable(this.collection);
    if (!table)
      throw new RagctlError(`There is no collection ${this.collection} with a routing table in this cluster.`, {
        code: "no-collection",
        exitCode: ExitCode.usage,
        hint: "ragctl status lists those there are; ragctl shard adopt takes in one that ragctl did not make.",
      });
    return this.#compile(table);
  }

  /** Changes the table by compare-and-set from what the store holds; called again with the newer table where another was faster. */
  async change(change: Change): Promise<{ outcome: "changed" | "unchanged" | { refused: string }; routing: Routing }> {
    for (;;) {
      const routing = await this.read();
      const next = change(routing.table, routing);
      if (next === "unchanged") return { outcome: "unchanged", routing };
      if ("refused" in next) return { outcome: next, routing };
      if (await this.#state.compareAndSet(next.table)) return { outcome: "changed", routing: this.#compile(next.table) };
    }
  }

  #compile(table: RoutingTable): Routing {
    const known = this.#routing;
    if (known?.table.epoch === table.epoch) return known;
    if (known && table.epoch < known.table.epoch)
      throw new RagctlError(
        `The state store went back in time: the table of ${this.collection} is at epoch ${table.epoch}, after ${known.table.epoch} was seen.`,
        {
          code: "epoch-went-back",
          exitCode: ExitCode.refused,
          hint: "It was restored from a backup, or is another one: check `state` of the cluster, then ragctl shard verify.",
        },
      );
    if (this.#physical !== undefined && physicalOf(table) !== this.#physical)
      throw halfDone(`Collection ${this.collection} has been built anew meanwhile.`, "layout-replaced");
    this.#routing = createRouting(table, known);
    return this.#routing;
  }
}

/** Several transitions as one change of the table: all of them or none. */
export function together(
  table: RoutingTable,
  routing: Routing,
  steps: readonly ((table: RoutingTable, routing: Routing) => Transition | "unchanged")[],
): Transition | "unchanged" {
  let now = table;
  let compiled = routing;
  for (const step of steps) {
    const next = step(now, compiled);
    if (next === "unchanged") continue;
    if ("refused" in next) return next;
    now = next.table;
    compiled = createRouting(now, compiled);
  }
  return now === table ? "unchanged" : { table: { ...now, epoch: table.epoch + 1 } };
}
