import type { AliasRecord } from "../sharding/alias-record.ts";
import { noProcess, settleLeftover, type AliasPlaces } from "./alias-switch.ts";
import type { RoutedDeps } from "./deps.ts";
import type { ClusterNodes } from "./nodes.ts";
import { thisHost } from "./this-host.ts";
import type { StateStore } from "../state/contract.ts";

/** A node that does not answer is not asked again at once. */
const restMs = 2_000;

/**
 * Finishes switches of aliases that a dead process left, and brings nodes that were away theirs: whatever routed client is at work
 * does it. Its own operations need none of it: they read what the record says.
 */
export class AliasKeeper {
  readonly #deps: RoutedDeps;
  #running: Promise<void> | undefined;
  #notBeforeUs = -Infinity;
  #closed = false;

  constructor(deps: RoutedDeps) {
    this.#deps = deps;
  }

  /** Begins to settle this switch, unless it is at one already. */
  kick({ alias }: AliasRecord): void {
    const { clock, state, requestTimeoutMs, clientId, nodes } = this.#deps;
    if (this.#running || this.#closed || clock.monotonicUs() < this.#notBeforeUs) return;
    const placesOf = (record: AliasRecord) => routedPlaces(state, nodes, record);
    const owner = { host: thisHost, pid: noProcess, startTime: clientId, purpose: `a client that finishes a switch of ${alias}` };
    this.#running = settleLeftover(alias, { state, clock, owner, requestTimeoutMs, placesOf })
      // Met again at the next renewal, and reported by the commands that are about it.
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => {
        this.#notBeforeUs = clock.monotonicUs() + restMs * 1000;
        this.#running = undefined;
      });
  }

  /** Begins no more, and lets what has begun end. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }
}

/** The nodes of a routed cluster that a switch speaks of, as the tables of its two collections know them. */
export async function routedPlaces(state: StateStore, nodes: ClusterNodes, record: AliasRecord): Promise<AliasPlaces> {
  const places = new Map<string, ReturnType<ClusterNodes["ofTable"]>["control"]>(
    nodes.all.map(({ id, control }) => [id, control]),
  );
  const table = await state.getTable(record.switch?.to ?? record.collection ?? record.alias);
  for (const [id, { url }] of Object.entries(table?.nodes ?? {})) places.set(id, nodes.ofTable(id, url).control);
  return places;
}
