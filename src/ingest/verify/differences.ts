import type { SourceDocument } from "../contract.ts";
import { differenceKinds, type DifferenceKind, type IngestVerifyResult } from "./result.ts";

type Difference = IngestVerifyResult["differences"][number];

/** Counts what differs, and keeps the first of each kind. */
export class Differences {
  readonly #byKind = new Map<DifferenceKind, Difference>();

  add(kind: DifferenceKind, key: string, document: SourceDocument, detail: string): void {
    const { source, line } = document.origin;
    this.#add(kind, { document: document.id, source, ...(line === undefined ? {} : { line }), key, detail });
  }

  /** A point that no document of the input explains, with what it says of itself. */
  addExtra(key: string, of: { document: string | null; source: string | null }, detail: string): void {
    this.#add("extra", { ...of, key, detail });
  }

  count(kind: DifferenceKind): number {
    return this.#byKind.get(kind)?.count ?? 0;
  }

  list(): Difference[] {
    return differenceKinds.flatMap((kind) => this.#byKind.get(kind) ?? []);
  }

  #add(kind: DifferenceKind, first: Difference["first"]): void {
    const known = this.#byKind.get(kind);
    if (known) known.count++;
    else this.#byKind.set(kind, { kind, count: 1, first });
  }
}
