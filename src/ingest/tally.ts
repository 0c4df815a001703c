import type { DeadRecord, Item, SourceDocument } from "./contract.ts";
import { longestKeptBytes } from "./readers/lost.ts";

/** What became of a document. */
export type Fate = "ok" | "unchanged" | "skipped" | "dead";

const keptExamples = 10;

/** The counts of a run. Every document that was read meets exactly one fate: `read = ok + unchanged + skipped + dead`. */
export class Tally {
  readonly fates: Record<Fate, number> = { ok: 0, unchanged: 0, skipped: 0, dead: 0 };
  readonly chunks = { written: 0, unchanged: 0, deleted: 0 };
  read = 0;
  /** How often each reason sent something to the dead letters; the first fifty, and the rest together. */
  readonly reasons = new Map<string, number>();
  /** The first documents without text. */
  readonly skippedExamples: { source: string; line?: number; id: string }[] = [];
  readonly #writeDead: (record: DeadRecord) => void;
  readonly #onSettled: (item: Item, fate: Fate) => void;

  /** @param onSettled told of each item once, when what it stores is acknowledged and what it lacks is written down */
  constructor(writeDead: (record: DeadRecord) => void, onSettled: (item: Item, fate: Fate) => void = () => {}) {
    this.#writeDead = writeDead;
    this.#onSettled = onSettled;
  }

  settle(fate: Exclude<Fate, "dead">, document: SourceDocument): void {
    this.fates[fate]++;
    if (fate === "skipped" && this.skippedExamples.length < keptExamples) {
      const { source, line } = document.origin;
      this.skippedExamples.push({ source, ...(line === undefined ? {} : { line }), id: document.id });
    }
    this.#onSettled(document, fate);
  }

  bury(record: DeadRecord): void {
    this.#bury(record, record);
  }

  /** A document that a later stage gave up on. */
  buryDocument(document: SourceDocument, stage: DeadRecord["stage"], reason: string): void {
    const { origin, id } = document;
    // A whole file is still where it was; a record of a stream may not be.
    const record = document.record?.();
    // Standard input cannot be read again.
    const keep = record !== undefined && (record.length <= longestKeptBytes || origin.source === "-");
    const kept = keep ? { record } : {};
    this.#bury({ kind: "dead", origin, stage, reason, id, ...kept }, document);
  }

  get settled(): number {
    return this.fates.ok + this.fates.unchanged + this.fates.skipped + this.fates.dead;
  }

  #bury(record: DeadRecord, item: Item): void {
    this.#writeDead(record);
    this.fates.dead++;
    const reason = record.reason.length > 120 ? `${record.reason.slice(0, 120)}…` : record.reason;
    const known = this.reasons.has(reason) || this.reasons.size < 50;
    const name = known ? reason : "other reasons";
    this.reasons.set(name, (this.reasons.get(name) ?? 0) + 1);
    this.#onSettled(item, "dead");
  }
}
