import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { graphKind, type VectorSpace } from "./vector-space.ts";

/**
 * Saved graphs: `{dir}/graphs/{collection uid}-{place of the vector}-{kind}-{version}.usearch`. The version is that of the
 * collection when the graph was saved; later rows are replayed on start. A file is complete when it has its name.
 */
export class GraphFiles {
  readonly #dir: string;
  readonly #prefix: string;
  /** A save that is under way must not leave a file behind. */
  #isRemoved = false;

  constructor(dataDir: string, uid: number) {
    this.#dir = join(dataDir, "graphs");
    this.#prefix = `${uid}-`;
    mkdirSync(this.#dir, { recursive: true });
  }

  /** The graph is written as it is now; the promise is of the disk's having it. */
  async save(space: VectorSpace, place: number, version: number): Promise<void> {
    const name = this.#name(space, place, version);
    const path = join(this.#dir, name);
    const temporary = `${path}.tmp`;
    space.save(temporary);
    const file = await open(temporary, "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    renameSync(temporary, path);
    for (const other of this.#files())
      if (other.startsWith(`${this.#prefix}${place}-`) && (other !== name || this.#isRemoved)) this.#remove(other);
  }

  /** Restores a space from its newest usable file; from none, everything is indexed anew in the background. */
  restore(space: VectorSpace, place: number, versions: { current: number; of: (label: number) => number }): void {
    const stem = this.#name(space, place, undefined);
    const saved = this.#files()
      .filter((name) => name.startsWith(stem) && name.endsWith(".usearch"))
      .map((name) => Number(name.slice(stem.length, -".usearch".length)))
      .sort((a, b) => b - a);
    for (const version of saved) {
      const path = join(this.#dir, this.#name(space, place, version));
      try {
        // A graph from a future that the database lost in a power failure.
        if (version > versions.current) throw new Error("newer than the database");
        space.restore(path, (label) => versions.of(label) > version);
        return;
      } catch {
        // Damaged (a power failure, a full disk): the rows in SQLite are the truth, the graph can be made again.
        rmSync(path, { force: true });
      }
    }
    space.restore(undefined, () => true);
  }

  removeAll(): void {
    this.#isRemoved = true;
    for (const name of this.#files()) this.#remove(name);
  }

  #name(space: VectorSpace, place: number, version: number | undefined): string {
    const stem = `${this.#prefix}${place}-${graphKind(space.config)}-`;
    return version === undefined ? stem : `${stem}${version}.usearch`;
  }

  #files(): string[] {
    return readdirSync(this.#dir).filter((name) => name.startsWith(this.#prefix));
  }

  #remove(name: string): void {
    rmSync(join(this.#dir, name), { force: true });
  }
}
