import type { Routing } from "../sharding/owners.ts";
import type { Move, RoutingTable, Selector } from "../sharding/table.ts";
import type { AnnouncedMove, Transition } from "../sharding/transitions.ts";
import type { Carrier } from "./carry.ts";
import type { MoverDeps } from "./contract.ts";
import type { Freight } from "./freight.ts";
import type { NodeIo } from "./io.ts";
import type { Region } from "./sources.ts";
import type { TouchedLog } from "./touched-log.ts";

/** What one tracked copy is to bring about: `to` owns (or, for a repair, has) the selector's points. */
export interface CopyJob {
  /** For the journal and for people. */
  name: string;
  to: string;
  /** Where to read, if it serves it all. */
  from?: string;
  /** The owner that goes; null: none. Repairs: null. */
  replaces: string | null;
  repair: boolean;
  /** Whether this node leaves the cluster in the end, so that what it still holds need not be cleaned away. */
  leaves: (id: string) => boolean;
  /** What is to be moved, under this table. */
  selector: (routing: Routing) => Selector;
  /** Whether a move of the table belongs to this job. */
  owns: (move: Move) => boolean;
  /** An id that no move of the table has. */
  newId: (table: RoutingTable) => string;
  /** In the place of one selector and one target: a group of new positions, while the partitioner changes. */
  group?: GroupJob;
  /** A repair while points move between partitioners: what the node owns by each. */
  regions?: (routing: Routing) => (Region & { moved: boolean })[];
}

/** What a freight works with. */
export interface FreightMeans {
  log: TouchedLog;
  io: NodeIo;
  carrier: Carrier;
  deps: MoverDeps;
}

/** What is different where a whole group is copied at once, from many nodes to many. */
export interface GroupJob {
  isDone(routing: Routing): boolean;
  targets(routing: Routing): string[];
  /** Its moves, which share one log, and what carries its points; or why that cannot be. */
  announcement(
    routing: Routing,
    ids: { log: string; usable: (id: string) => boolean },
  ): { moves: AnnouncedMove[]; freight: (means: FreightMeans) => Freight } | { refused: string };
  cutOver(table: RoutingTable, pauses: ReadonlyMap<string, number>): Transition | "unchanged";
  /** What is left where it no longer belongs. */
  leftovers(routing: Routing): { node: string; selector: Selector; into: Selector }[];
}
