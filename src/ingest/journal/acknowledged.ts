import type { Item, Place } from "../contract.ts";
import { digestOf } from "../seen-ids.ts";
import type { Fate } from "../tally.ts";
import type { DocumentCounts, FilePosition, JournalEntry } from "./contract.ts";

/** An item between being read and being done. */
interface Ticket {
  file: OpenFile;
  fate?: Fate;
  place?: Place;
  digest?: bigint;
}

interface OpenFile {
  position: FilePosition;
  /** In the order of the file; the first of them is not done. */
  waiting: Ticket[];
  /** Of `waiting`: how many at its front are done and taken, so that the list is cut only now and then. */
  taken: number;
  ended: boolean;
}

const cutAt = 256;

/**
 * Which prefix of every file is done. Items end in any order, since stages have several workers; a file's position moves only
 * over items without a gap before them, so that going on from it misses nothing.
 */
export class Acknowledged {
  readonly #tickets = new WeakMap<Item, Ticket>();
  readonly #moved = new Set<FilePosition>();
  #digests: bigint[] = [];
  #seen: number;
  readonly documents: DocumentCounts;
  /** Items that became done since the last `take`. */
  fresh = 0;

  /** @param before what earlier runs had done */
  constructor(before?: { seen: number; documents: DocumentCounts }) {
    this.#seen = before?.seen ?? 0;
    this.documents = { ...(before?.documents ?? { ok: 0, unchanged: 0, skipped: 0, dead: 0 }) };
  }

  /** Begins a file, at the position where an earlier run left it. */
  open(position: FilePosition): OpenFile {
    return { position: { ...position }, waiting: [], taken: 0, ended: false };
  }

  /**
   * An item of the file, in the file's order.
   * @param repeats a document whose id another one has already: the id is noted with that one, which may be done later than this
   */
  read(file: OpenFile, item: Item, repeats = false): void {
    const { line, offset, row } = item.place ?? item.origin;
    const place: Place = {
      ...(line === undefined ? {} : { line }),
      ...(offset === undefined ? {} : { offset }),
      ...(row === undefined ? {} : { row }),
    };
    const ticket: Ticket = { file };
    if (Object.keys(place).length > 0) ticket.place = place;
    if (item.kind === "document" && !repeats) ticket.digest = digestOf(item.id);
    file.waiting.push(ticket);
    this.#tickets.set(item, ticket);
  }

  /** The file has no more items. */
  ended(file: OpenFile): void {
    file.ended = true;
    this.#advance(file);
  }

  /** The item met its fate; whatever it stores is acknowledged. Items that nobody announced (below no file) are passed over. */
  settled(item: Item, fate: Fate): void {
    const ticket = this.#tickets.get(item);
    if (!ticket || ticket.fate !== undefined) return;
    ticket.fate = fate;
    this.#advance(ticket.file);
  }

  /** What to write down; undefined where nothing moved. */
  take(): { entry: JournalEntry; digests: bigint[] } | undefined {
    if (this.#moved.size === 0) return undefined;
    const digests = this.#digests;
    this.#digests = [];
    this.#seen += digests.length;
    const files = [...this.#moved].map((position) => structuredClone(position));
    this.#moved.clear();
    this.fresh = 0;
    return { entry: { files, seen: this.#seen, documents: { ...this.documents } }, digests };
  }

  #advance(file: OpenFile): void {
    const { waiting, position } = file;
    for (let next = waiting[file.taken]; next?.fate !== undefined; next = waiting[file.taken]) {
      file.taken++;
      this.fresh++;
      this.documents[next.fate]++;
      position.items++;
      if (next.place) position.place = next.place;
      else delete position.place;
      if (next.digest !== undefined) this.#digests.push(next.digest);
      this.#moved.add(position);
    }
    if (file.taken >= cutAt || file.taken === waiting.length) {
      waiting.splice(0, file.taken);
      file.taken = 0;
    }
    if (file.ended && waiting.length === 0 && !position.done) {
      position.done = true;
      this.#moved.add(position);
    }
  }
}

export type { OpenFile };
