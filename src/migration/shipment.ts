import type { Routing } from "../sharding/owners.ts";
import type { RoutingTable } from "../sharding/table.ts";
import type { PointId } from "../stores/contract.ts";
import type { MoverDeps } from "./contract.ts";
import { settleDuplicates } from "./duplicates.ts";
import type { Freight } from "./freight.ts";
import type { NodeIo } from "./io.ts";
import { idKey } from "./positions.ts";
import { halfDone, PauseLost } from "./trouble.ts";

/** A drain that takes less than this leaves little for the pause. */
const shortDrainMs = 500;
/** So often ids may differ before they count as contested, and so many of them a pause has time for. */
const contestedAfter = 2;
const mostContested = 50;
const mostRounds = 50;

/** All that one tracked copy carries, and how far its sources and targets have come to agree (ROUTING.md, steps 2 to 4). */
export class Shipment {
  readonly #name: string;
  readonly #deps: MoverDeps;
  readonly #io: NodeIo;
  #freights: readonly Freight[] = [];
  /** By source: how often it had been repaired when the copy began. */
  #repairs = new Map<string, number>();
  /** Ids that do not come to agree while writers go on: settled in the pause. */
  readonly #contested = new Map<string, PointId>();
  /** Source and target agreed on everything that was not touched since. */
  #compared = false;

  /** @param name of the copy, for the journal and for people */
  constructor(name: string, deps: MoverDeps, io: NodeIo) {
    this.#name = name;
    this.#deps = deps;
    this.#io = io;
  }

  load(freights: readonly Freight[]): void {
    this.#freights = freights;
  }

  reads(node: string): boolean {
    return this.#freights.some(({ sources }) => sources.includes(node));
  }

  /** Whether each source still serves all that is read from it. */
  ready(routing: Routing): boolean {
    return this.#freights.every((freight) => freight.ready(routing));
  }

  /** What was compared may differ by now. */
  doubt(): void {
    this.#compared = false;
  }

  /** A source that was repaired since it was read: it missed something meanwhile, and has it now. */
  repairedSince({ nodes }: RoutingTable): string | undefined {
    return [...this.#repairs].find(([id, times]) => (nodes[id]?.repairs ?? 0) !== times)?.[0];
  }

  /** @returns false where some source does not serve all that is to be read from it */
  async copy(routing: Routing): Promise<boolean> {
    const { journal } = this.#deps;
    this.#compared = false;
    this.#contested.clear();
    this.#repairs = new Map();
    for (const { sources } of this.#freights)
      for (const from of sources) this.#repairs.set(from, routing.table.nodes[from]!.repairs ?? 0);
    for (const freight of this.#freights) {
      if (!freight.ready(routing)) return false;
      let pages = 0;
      await freight.copyAll(routing, (cursor) => {
        if (++pages % 20 === 0) journal.record(`${this.#name}/copy/${freight.name}`, "start", { cursor: cursor ?? null });
      });
    }
    return true;
  }

  /**
   * Carries what is touched, and compares, until source and target agree on what is not.
   * @param open the table with all moves of the copy announced, or throws
   * @param settled awaited before each comparison
   * @throws RagctlError exit 5 where they do not come to agree
   */
  async drain(open: () => Promise<Routing>, settled: () => Promise<void>): Promise<void> {
    const { clock } = this.#deps;
    for (let round = 0; round < mostRounds; round++) {
      const routing = await open();
      for (;;) {
        const beganMs = clock.nowMs();
        for (const freight of this.#freights) await this.#carryTouched(freight, routing);
        if (clock.nowMs() - beganMs < shortDrainMs) break;
      }
      if (this.#compared) return;
      await settled();
      let differing = 0;
      for (const freight of this.#freights) {
        const { log } = freight;
        log.mark();
        const found = await freight.compareAll(routing);
        await log.read();
        const leftOut = log.leftOut();
        const real = found.filter((id) => !leftOut.has(idKey(id)) && !this.#contested.has(idKey(id)));
        differing += real.length;
        if (routing.elsewhere && round >= contestedAfter && real.length <= mostContested)
          for (const id of real) this.#contested.set(idKey(id), id);
        // Once could be anything; again, and something is in the way.
        if (round > 0) await freight.clearForeign(routing, real);
        await freight.carry(routing, real);
      }
      this.#compared = differing === 0;
    }
    throw halfDone(`${this.#name}: source and target do not come to agree.`, "copy-diverges");
  }

  /**
   * While writers are held: the last keys.
   * @throws PauseLost where some of them differ all the same
   */
  async finish(routing: Routing): Promise<void> {
    const contested = [...this.#contested.values()];
    if (contested.length > 0) await settleDuplicates(this.#io, routing, contested);
    for (const freight of this.#freights) {
      await this.#carryTouched(freight, routing, true);
      if (contested.length > 0) await freight.carry(routing, contested, "once");
    }
    for (const freight of this.#freights) {
      const leftOut = [...freight.log.leftOut().values(), ...contested];
      const differing = await freight.compareIds(routing, leftOut, "once");
      if (differing.length > 0) throw new PauseLost(`${differing.length} of the last keys differ`, "compare");
    }
  }

  async #carryTouched(freight: Freight, routing: Routing, withOpen = false): Promise<void> {
    const { log } = freight;
    await log.read();
    const ids = log.takePending(withOpen);
    try {
      await freight.carry(routing, ids, withOpen ? "once" : "patient");
    } catch (error) {
      log.putBack(ids);
      throw error;
    }
  }
}
