import { ExitCode, RagctlError } from "../errors.ts";
import { replacedBy, selectorRanges } from "../sharding/moves.ts";
import type { Routing } from "../sharding/owners.ts";
import type { Move, RoutingTable, Selector } from "../sharding/table.ts";
import {
  announceMoves,
  cutOver,
  dropMove,
  endPause,
  startPause,
  type AnnouncedMove,
  type Transition,
} from "../sharding/transitions.ts";
import type { PointId } from "../stores/contract.ts";
import { Carrier } from "./carry.ts";
import { cleanLeftovers } from "./clean.ts";
import { allConfirmed, confirmedWithin, noneUndecided } from "./confirm.ts";
import type { MoverDeps } from "./contract.ts";
import { settleDuplicates } from "./duplicates.ts";
import { NodeIo } from "./io.ts";
import { type Range, subtractRanges } from "../sharding/ranges.ts";
import { idKey } from "./positions.ts";
import { Settling } from "./settling.ts";
import { GroupFreight, type GroupPart } from "./group-freight.ts";
import { MoveFreight, replaceable, type Freight } from "./freight.ts";
import { chooseSources, regionSources, servesAll, type Region } from "./sources.ts";
import { TableAccess, together } from "./table.ts";
import { TouchedLog } from "./touched-log.ts";
import { halfDone, NodeTrouble, PauseLost, Unanswered } from "./trouble.ts";

/** A drain that takes less than this leaves little for the pause. */
const shortDrainMs = 500;
/** Writers end a pause after 2 s: by then everything must have happened. */
const pauseBudgetMs = 1_500;
const mostRounds = 50;
/** So often ids may differ before they count as contested, and so many of them a pause has time for. */
const contestedAfter = 2;
const mostContested = 50;
const lookEveryMs = 100;

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

/** What is different where a whole group is copied at once, from many nodes to many. */
export interface GroupJob {
  isDone(routing: Routing): boolean;
  targets(routing: Routing): string[];
  /** Its moves, one a target, and where their points are read; or why that cannot be. */
  announcement(
    routing: Routing,
    ids: { log: string; usable: (id: string) => boolean },
  ): { moves: AnnouncedMove[]; parts: GroupPart[] } | { refused: string };
  cutOver(table: RoutingTable, pauses: ReadonlyMap<string, number>): Transition | "unchanged";
  /** What is left where it no longer belongs. */
  leftovers(routing: Routing): { node: string; selector: Selector; into: Selector }[];
}

type Phase = "announce" | "confirm" | "copy" | "drain" | "pause" | "cut-over" | "confirm-cut-over" | "clean" | "done";

/** The repair's moves are gone, because the node was marked stale again: it starts over. */
export class StartOver extends Error {}

/**
 * ROUTING.md, steps 1 to 6, as a state machine over the table: what is journalled is for people, what is true stands in the table, so a
 * new process goes on from there. Every phase may be repeated.
 *
 *   announce → confirm → copy → drain → pause → cut-over → confirm-cut-over → clean → done
 *       ↑         ↑________|______|_______|________|   (a source or a target that was set aside; a pause that was lost)
 */
export class TrackedCopy {
  readonly #job: CopyJob;
  readonly #deps: MoverDeps;
  readonly #table: TableAccess;
  readonly #io: NodeIo;
  readonly #carrier: Carrier;
  readonly #settlings: Map<string, Settling>;
  #moves: Move[] = [];
  #freights: readonly Freight[] = [];
  readonly #logs = new Map<string, TouchedLog>();
  /** By source: how often it had been repaired when the copy began. */
  #repairs = new Map<string, number>();
  readonly #avoid = new Set<string>();
  /** Moves that made room for others; nobody logs for them once the epoch after is confirmed. */
  readonly #dropped = new Set<string>();
  #pauses = new Map<string, number>();
  #lostPauses = 0;
  /** Ids that do not come to agree while writers go on: settled in the pause. */
  readonly #contested = new Map<string, PointId>();
  /** Source and target agreed on everything that was not touched since. */
  #compared = false;

  constructor(job: CopyJob, deps: MoverDeps) {
    this.#job = job;
    this.#deps = deps;
    this.#table = new TableAccess(deps.state, deps.collection);
    this.#io = new NodeIo(deps, this.#table);
    this.#carrier = new Carrier(this.#io, deps);
    this.#settlings = new Map(job.group ? [] : [[job.to, this.#newSettling(job.to)]]);
  }

  #newSettling(node: string): Settling {
    return new Settling(this.#io, this.#table, this.#deps, node);
  }

  /** @throws RagctlError exit 5 where it cannot go on for now, 7 where it must not; StartOver for a repair */
  async run(): Promise<void> {
    const { journal } = this.#deps;
    let phase: Phase = "announce";
    while (phase !== "done") {
      const name = `${this.#job.name}/${phase}`;
      journal.record(name, "start");
      const next: Phase = await this.#step(phase);
      journal.record(name, "end", { next });
      phase = next;
    }
  }

  async #step(phase: Exclude<Phase, "done">): Promise<Phase> {
    try {
      switch (phase) {
        case "announce":
          return await this.#announce();
        case "confirm":
          await allConfirmed(this.#deps, (await this.#table.read()).table.epoch);
          return "copy";
        case "copy":
          return await this.#copy();
        case "drain":
          return await this.#drain();
        case "pause":
          return await this.#pause();
        case "cut-over":
          return await this.#cutOver();
        case "confirm-cut-over":
          await allConfirmed(this.#deps, (await this.#table.read()).table.epoch);
          for (const id of new Set([...this.#moves.map((move) => move.log ?? move.id), ...this.#dropped]))
            await this.#deps.state.dropTouched(this.#deps.collection, id);
          return this.#job.repair ? "done" : "clean";
        case "clean":
          return await this.#clean();
      }
    } catch (error) {
      return await this.#after(phase, error);
    }
  }

  /** What a failure means for the machine; throws what ends it. */
  async #after(phase: Phase, error: unknown): Promise<Phase> {
    const { note, clock, rng, signal } = this.#deps;
    if (this.#pauses.size > 0) await this.#endPauses();
    if (error instanceof PauseLost) {
      note(`${this.#job.name}: ${error.message}; writers go on, and it is tried again`);
      if (++this.#lostPauses > mostRounds)
        throw halfDone(`${this.#job.name}: ${error.message}, again and again.`, "pause-lost", error);
      // Not in step with whatever got in the way.
      await clock.sleep(200 + rng() * 400 * Math.min(8, this.#lostPauses), signal);
      if (error.back !== "drain") this.#compared = false;
      return error.back === "announce" ? "announce" : "drain";
    }
    if (error instanceof Unanswered) {
      note(`${this.#job.name}: ${error.message}; what it may still do is awaited, and the copy is checked anew`);
      if (this.#job.repair) throw new StartOver();
      return phase === "clean" ? "clean" : "announce";
    }
    if (error instanceof NodeTrouble) {
      // While writers were held there was no time to try again.
      if (phase === "pause") return "drain";
      if (this.#freights.some(({ sources }) => sources.includes(error.node)) && !this.#avoid.has(error.node)) {
        note(`${this.#job.name}: ${error.message}; another owner is read instead`);
        this.#avoid.add(error.node);
        return "announce";
      }
      throw halfDone(`Node ${error.message}`, "node-unreachable", error);
    }
    throw error;
  }

  async #announce(): Promise<Phase> {
    const { repair, owns, to, group } = this.#job;
    const now = await this.#table.read();
    if (group) return await this.#announceGroup(group, now);
    const mine = now.table.moves.filter((move) => owns(move));
    if (mine.length > 0 && this.#remainder(now).length === 0 && mine.every(({ phase }) => phase === "cutover")) {
      this.#moves = mine;
      return "confirm-cut-over";
    }
    await this.#targetsReady();
    const { outcome, routing } = await this.#table.change((table, routing) => this.#announcement(table, routing));
    if (typeof outcome === "object") {
      if (repair) throw new StartOver(outcome.refused);
      throw this.#refused(outcome.refused);
    }
    this.#moves = routing.table.moves.filter((move) => owns(move) && move.phase !== "cutover");
    const served = routing.sets.some(({ read }) => read.includes(routing.indexOf.get(to)!));
    this.#freights = this.#moves
      .filter((move) => move.from !== move.to)
      // Nobody but the mover writes to a stale node, or to one that owns nothing.
      .map(
        (move) =>
          new MoveFreight(move, !repair && served ? replaceable(move, routing) : undefined, this.#carrier, this.#log(move.id)),
      );
    if (this.#moves.length === 0) {
      if (repair) throw new StartOver(`${to} is not being repaired`);
      return "done";
    }
    return "confirm";
  }

  async #targetsReady(): Promise<void> {
    for (const settling of this.#settlings.values()) {
      settling.begin();
      if (!this.#job.repair) await settling.targetReady(this.#job.name);
    }
  }

  #refused(why: string): RagctlError {
    return new RagctlError(`${this.#job.name}: ${why}.`, {
      code: "move-refused",
      exitCode: ExitCode.refused,
      hint: "ragctl shard status shows the table; ragctl shard plan makes a plan for it as it is.",
    });
  }

  /** A group begins anew whatever was announced: what has been copied is found again by the comparison, and costs little. */
  async #announceGroup(group: GroupJob, now: Routing): Promise<Phase> {
    const { owns, newId } = this.#job;
    this.#moves = [];
    this.#freights = [];
    if (group.isDone(now)) return "confirm-cut-over";
    for (const id of group.targets(now)) if (!this.#settlings.has(id)) this.#settlings.set(id, this.#newSettling(id));
    await this.#targetsReady();
    let parts: GroupPart[] = [];
    let log = "";
    const { outcome, routing } = await this.#table.change((table, routing) => {
      const mine = table.moves.filter((move) => owns(move));
      return together(table, routing, [
        ...mine.map((move) => (each: RoutingTable) => endPause(each, move.id, move.pause)),
        ...mine.map((move) => (each: RoutingTable) => {
          this.#dropped.add(move.log ?? move.id);
          return dropMove(each, move.id);
        }),
        (each, compiled) => {
          log = newId({ ...each, moves: table.moves });
          const usable = (id: string) => !this.#avoid.has(id);
          const announced = group.announcement(compiled, { log, usable });
          if ("refused" in announced) return announced;
          ({ parts } = announced);
          return announced.moves.length === 0 ? "unchanged" : announceMoves(each, announced.moves, compiled);
        },
      ]);
    });
    if (typeof outcome === "object") throw this.#refused(outcome.refused);
    this.#moves = routing.table.moves.filter((move) => owns(move));
    if (this.#moves.length === 0) return "cut-over";
    this.#freights = [
      new GroupFreight(this.#job.name, parts, this.#log(log), { io: this.#io, deps: this.#deps, carrier: this.#carrier }),
    ];
    return "confirm";
  }

  /** Pauses that a dead mover left are over, moves that cannot be read any more make room, and what no move covers gets one. */
  #announcement(table: RoutingTable, routing: Routing) {
    const { to, from, replaces, repair, owns, newId } = this.#job;
    const open = table.moves.filter((move) => owns(move) && move.phase !== "cutover");
    const usable = (id: string) => !this.#avoid.has(id);
    const unreadable = open.filter(
      (move) => move.from !== move.to && !(usable(move.from) && servesAll(routing, move.from, move.selector, move.into)),
    );
    const regions = routing.next ? this.#job.regions : undefined;
    // Of two partitioners' positions nothing is put together again: all of it, or nothing.
    const lost = regions && unreadable.length > 0 ? open : unreadable;
    return together(table, routing, [
      ...open.map((move) => (each: RoutingTable) => endPause(each, move.id, move.pause)),
      ...lost.map((move) => (each: RoutingTable) => {
        this.#dropped.add(move.id);
        return dropMove(each, move.id);
      }),
      (each, compiled) => {
        const ranges = regions ? [] : this.#remainder(compiled);
        if (regions ? each.moves.some((move) => owns(move)) : ranges.length === 0) return "unchanged";
        const idle = from === to;
        const target = compiled.indexOf.get(to);
        if (
          !repair &&
          !idle &&
          compiled.elsewhere &&
          !this.#deps.capabilities.supportsConditionalUpsert &&
          compiled.sets.some(({ read }) => read.includes(target!))
        )
          return { refused: `${to} serves other cells, and the store cannot be told to leave newer points of them alone` };
        const chosen = idle
          ? { sources: [{ from: to, selector: this.#job.selector(compiled) }], missingShare: 0 }
          : regions
            ? allSources(compiled, regions(compiled), (id) => id !== to && usable(id))
            : chooseSources(compiled, ranges, to, from, usable);
        if (chosen.missingShare > 0) return { refused: "some of its points have no serving owner to read them from" };
        let next = each;
        for (const source of chosen.sources) {
          const announced = announceMoves(
            next,
            [{ id: newId(next), ...source, to, replaces, ...(repair && { repair }) }],
            compiled,
          );
          if ("refused" in announced) return announced;
          next = { ...announced.table, epoch: each.epoch };
        }
        return { table: { ...next, epoch: each.epoch + 1 } };
      },
    ]);
  }

  /** What of the selector no move of the job covers. */
  #remainder(routing: Routing): Range[] {
    const mine = routing.table.moves.filter((move) => this.#job.owns(move));
    return subtractRanges(
      selectorRanges(this.#job.selector(routing)),
      mine.flatMap(({ selector }) => selectorRanges(selector)),
    );
  }

  async #copy(): Promise<Phase> {
    const { journal } = this.#deps;
    const routing = await this.#open();
    this.#compared = false;
    this.#contested.clear();
    this.#repairs = new Map();
    for (const { sources } of this.#freights)
      for (const from of sources) this.#repairs.set(from, routing.table.nodes[from]!.repairs ?? 0);
    for (const freight of this.#freights) {
      if (!freight.ready(routing)) return "announce";
      let pages = 0;
      await freight.copyAll(routing, (cursor) => {
        if (++pages % 20 === 0) journal.record(`${this.#job.name}/copy/${freight.name}`, "start", { cursor: cursor ?? null });
      });
    }
    return "drain";
  }

  async #drain(): Promise<Phase> {
    const { clock } = this.#deps;
    for (let round = 0; round < mostRounds; round++) {
      const routing = await this.#open();
      for (;;) {
        const beganMs = clock.nowMs();
        for (const freight of this.#freights) await this.#carryTouched(freight, routing);
        if (clock.nowMs() - beganMs < shortDrainMs) break;
      }
      if (this.#compared) return "pause";
      for (const settling of this.#settlings.values()) await settling.over();
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
    throw halfDone(`${this.#job.name}: source and target do not come to agree.`, "copy-diverges");
  }

  async #carryTouched(freight: Freight, routing: Routing, withOpen = false): Promise<PointId[]> {
    const { log } = freight;
    await log.read();
    const ids = log.takePending(withOpen);
    try {
      await freight.carry(routing, ids, withOpen ? "once" : "patient");
    } catch (error) {
      log.putBack(ids);
      throw error;
    }
    return ids;
  }

  async #pause(): Promise<Phase> {
    const { clock } = this.#deps;
    await this.#noRepairs();
    await noneUndecided(this.#deps);
    await this.#open();
    const ids = this.#moves.map(({ id }) => id);
    const { outcome, routing } = await this.#table.change((table) => startPause(table, ids));
    if (typeof outcome === "object") throw this.#job.repair ? new StartOver(outcome.refused) : new PauseLost(outcome.refused);
    const endMs = clock.nowMs() + pauseBudgetMs;
    const left = () => endMs - clock.nowMs();
    this.#pauses = new Map(ids.map((id) => [id, routing.table.moves.find((move) => move.id === id)!.pause]));
    if (!(await confirmedWithin(this.#deps, routing.table.epoch, left())))
      throw new PauseLost("not every client took in the pause in time", "drain");
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
    if (left() < 0) throw new PauseLost("the last keys took too long", "drain");
    return "cut-over";
  }

  async #cutOver(): Promise<Phase> {
    this.#deps.fence.ensure();
    const { outcome } = await this.#table.change((table, routing) => {
      const repaired = [...this.#repairs].find(([id, times]) => (table.nodes[id]?.repairs ?? 0) !== times);
      // It missed something meanwhile, and has it now: what was read before may lack it.
      if (repaired) return { refused: `${repaired[0]} was repaired since it was read` };
      const repairing = this.#repairing(table);
      if (repairing.length > 0) return { refused: `${repairing[0]!.to} is being repaired` };
      const { group } = this.#job;
      if (group) {
        const lost = this.#freights.some((freight) => !freight.ready(routing));
        return lost ? { refused: "a source does not serve all that was read from it" } : group.cutOver(table, this.#pauses);
      }
      const idle = table.moves.filter((move) => move.repair && this.#job.leaves(move.to));
      return together(table, routing, [
        // What such a repair would bring back is not wanted there any more: it starts over with what is left.
        ...idle.map(
          ({ id }) =>
            (each: RoutingTable) =>
              dropMove(each, id),
        ),
        (each, compiled) => cutOver(each, this.#pauses, compiled),
      ]);
    });
    if (typeof outcome === "object") throw new PauseLost(outcome.refused);
    this.#pauses = new Map();
    return "confirm-cut-over";
  }

  /** Repairs under way of nodes that this copy touches: they know the points that their node owns now, and would go on writing them. */
  #repairing(table: RoutingTable): Move[] {
    const { to, replaces, repair, leaves, group } = this.#job;
    if (repair) return [];
    // A group's cut-over changes what nearly everybody owns.
    if (group) return table.moves.filter((move) => move.repair);
    const touched = new Set([to, replaces, ...this.#moves.map(({ from }) => from)]);
    return table.moves.filter((move) => move.repair && touched.has(move.to) && !leaves(move.to));
  }

  /** @throws RagctlError exit 5 where a repair takes too long */
  async #noRepairs(): Promise<void> {
    const { clock, signal, patienceMs } = this.#deps;
    const untilMs = clock.nowMs() + patienceMs;
    for (;;) {
      const [first] = this.#repairing((await this.#table.read()).table);
      if (!first) return;
      if (clock.nowMs() >= untilMs)
        throw halfDone(`${this.#job.name}: node ${first.to} is being repaired, and that does not end.`, "repair-under-way");
      await clock.sleep(lookEveryMs, signal);
    }
  }

  async #clean(): Promise<Phase> {
    const { group, leaves, name } = this.#job;
    for (const left of group?.leftovers(await this.#table.read()) ?? [])
      await cleanLeftovers(this.#io, this.#table, this.#deps, { ...left, leaves: leaves(left.node), name });
    if (group) return "done";
    for (const move of this.#moves) {
      const gone = replacedBy(move);
      if (gone === undefined) continue;
      await cleanLeftovers(this.#io, this.#table, this.#deps, {
        node: gone,
        leaves: this.#job.leaves(gone),
        selector: move.selector,
        name: this.#job.name,
      });
    }
    return "done";
  }

  async #endPauses(): Promise<void> {
    const pauses = this.#pauses;
    this.#pauses = new Map();
    for (const [id, pause] of pauses)
      // Writers end it themselves after 2 s where this cannot.
      await this.#table.change((table) => endPause(table, id, pause)).catch(() => undefined);
  }

  /** The job's moves as they stand; they must all be announced. */
  async #open(): Promise<Routing> {
    const routing = await this.#table.read();
    const mine = this.#moves.map(({ id }) => routing.table.moves.find((move) => move.id === id));
    if (mine.some((move) => move?.phase !== "announced"))
      throw this.#job.repair
        ? new StartOver("marked stale again")
        : new PauseLost("a move is not in the table as it was announced");
    return routing;
  }

  #log(id: string): TouchedLog {
    let log = this.#logs.get(id);
    if (!log) this.#logs.set(id, (log = new TouchedLog(this.#deps.state, this.#deps.collection, id)));
    return log;
  }
}

function allSources(routing: Routing, regions: readonly (Region & { moved: boolean })[], usable: (id: string) => boolean) {
  const chosen = regions.map(({ moved, ...region }) => regionSources(routing, region, { moved, usable }));
  return {
    sources: chosen.flatMap(({ sources }) => sources),
    missingShare: chosen.reduce((sum, { missingShare }) => sum + missingShare, 0),
  };
}
