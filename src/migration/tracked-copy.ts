import { ExitCode, RagctlError } from "../errors.ts";
import { replacedBy } from "../sharding/moves.ts";
import type { Routing } from "../sharding/owners.ts";
import type { Move, RoutingTable } from "../sharding/table.ts";
import { cutOver, dropMove, endPause, startPause } from "../sharding/transitions.ts";
import { announcement, groupAnnouncement, remainder, type Announcement } from "./announcement.ts";
import { Carrier } from "./carry.ts";
import { cleanLeftovers } from "./clean.ts";
import { allConfirmed, confirmedWithin, noneUndecided } from "./confirm.ts";
import type { MoverDeps } from "./contract.ts";
import type { CopyJob, FreightMeans, GroupJob } from "./copy-job.ts";
import { MoveFreight, replaceable, type Freight } from "./freight.ts";
import { NodeIo } from "./io.ts";
import { repairsInTheWay, repairsOver } from "./repairs-under-way.ts";
import { Settling } from "./settling.ts";
import { Shipment } from "./shipment.ts";
import { TableAccess, together } from "./table.ts";
import { TouchedLog } from "./touched-log.ts";
import { halfDone, NodeTrouble, PauseLost, StartOver, Unanswered } from "./trouble.ts";

/** Writers end a pause after 2 s: by then everything must have happened. */
const pauseBudgetMs = 1_500;
const mostLostPauses = 50;

type Phase = "announce" | "confirm" | "copy" | "drain" | "pause" | "cut-over" | "confirm-cut-over" | "clean" | "done";

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
  readonly #shipment: Shipment;
  readonly #logs = new Map<string, TouchedLog>();
  readonly #avoid = new Set<string>();
  readonly #usable = (id: string): boolean => !this.#avoid.has(id);
  /** Logs of moves that made room for others. */
  readonly #dropped = new Set<string>();
  #pauses = new Map<string, number>();
  #lostPauses = 0;

  constructor(job: CopyJob, deps: MoverDeps) {
    this.#job = job;
    this.#deps = deps;
    this.#table = new TableAccess(deps.state, deps.collection, deps.physical);
    this.#io = new NodeIo(deps, this.#table);
    this.#carrier = new Carrier(this.#io, deps);
    this.#shipment = new Shipment(job.name, deps, this.#io);
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
      if (++this.#lostPauses > mostLostPauses)
        throw halfDone(`${this.#job.name}: ${error.message}, again and again.`, "pause-lost", error);
      // Not in step with whatever got in the way.
      await clock.sleep(200 + rng() * 400 * Math.min(8, this.#lostPauses), signal);
      if (error.back !== "drain") this.#shipment.doubt();
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
      if (this.#shipment.reads(error.node) && !this.#avoid.has(error.node)) {
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
    if (mine.length > 0 && remainder(this.#job, now).length === 0 && mine.every(({ phase }) => phase === "cutover")) {
      this.#moves = mine;
      return "confirm-cut-over";
    }
    await this.#targetsReady();
    const conditional = this.#deps.capabilities.supportsConditionalUpsert;
    const { outcome, routing } = await this.#table.change((table, routing) =>
      this.#noteDropped(announcement(this.#job, table, routing, { usable: this.#usable, conditional })),
    );
    if (typeof outcome === "object") {
      if (repair) throw new StartOver(outcome.refused);
      throw this.#refused(outcome.refused);
    }
    this.#moves = routing.table.moves.filter((move) => owns(move) && move.phase !== "cutover");
    const served = routing.sets.some(({ read }) => read.includes(routing.indexOf.get(to)!));
    // Nobody but the mover writes to a stale node, or to one that owns nothing.
    const onlyIf = (move: Move) => (!repair && served ? replaceable(move, routing) : undefined);
    this.#shipment.load(
      this.#moves
        .filter((move) => move.from !== move.to)
        .map((move) => new MoveFreight(move, onlyIf(move), this.#carrier, this.#log(move.id))),
    );
    if (this.#moves.length === 0) {
      if (repair) throw new StartOver(`${to} is not being repaired`);
      return "done";
    }
    return "confirm";
  }

  #noteDropped({ change, dropped }: Announcement): Announcement["change"] {
    for (const id of dropped) this.#dropped.add(id);
    return change;
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
    this.#moves = [];
    this.#shipment.load([]);
    if (group.isDone(now)) return "confirm-cut-over";
    for (const id of group.targets(now)) if (!this.#settlings.has(id)) this.#settlings.set(id, this.#newSettling(id));
    await this.#targetsReady();
    let freight: ((means: FreightMeans) => Freight) | undefined;
    let log = "";
    const { outcome, routing } = await this.#table.change((table, routing) => {
      const announced = groupAnnouncement(this.#job, group, table, routing, this.#usable);
      ({ freight, log } = announced);
      return this.#noteDropped(announced);
    });
    if (typeof outcome === "object") throw this.#refused(outcome.refused);
    this.#moves = routing.table.moves.filter((move) => this.#job.owns(move));
    if (!freight || this.#moves.length === 0) return "cut-over";
    this.#shipment.load([freight({ log: this.#log(log), io: this.#io, carrier: this.#carrier, deps: this.#deps })]);
    return "confirm";
  }

  async #copy(): Promise<Phase> {
    return (await this.#shipment.copy(await this.#open())) ? "drain" : "announce";
  }

  async #drain(): Promise<Phase> {
    const settled = async () => {
      for (const settling of this.#settlings.values()) await settling.over();
    };
    await this.#shipment.drain(() => this.#open(), settled);
    return "pause";
  }

  async #pause(): Promise<Phase> {
    const { clock } = this.#deps;
    await repairsOver(this.#job, this.#moves, this.#table, this.#deps);
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
    await this.#shipment.finish(routing);
    if (left() < 0) throw new PauseLost("the last keys took too long", "drain");
    return "cut-over";
  }

  async #cutOver(): Promise<Phase> {
    this.#deps.fence.ensure();
    const { outcome } = await this.#table.change((table, routing) => {
      const repaired = this.#shipment.repairedSince(table);
      if (repaired !== undefined) return { refused: `${repaired} was repaired since it was read` };
      const repairing = repairsInTheWay(this.#job, this.#moves, table);
      if (repairing.length > 0) return { refused: `${repairing[0]!.to} is being repaired` };
      const { group } = this.#job;
      if (group) {
        if (!this.#shipment.ready(routing)) return { refused: "a source does not serve all that was read from it" };
        return group.cutOver(table, this.#pauses);
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
