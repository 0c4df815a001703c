import { Client } from "undici";
import { undiciOptions } from "../../http/pool.ts";

/** What wants a connection. `send` puts it on one, and has the connection `release`d when its answer is complete. */
export interface Sender {
  send(client: Client): void;
  /** Given up while it waited. */
  readonly ended: boolean;
}

/** Connections being opened at once: a target that is slow to accept must not be met by a storm. */
const maxConnecting = 64;
/** Below this many, one more is opened without asking whether they turn over. */
const fewConnections = 32;
const turnOverLooks = 4;
/** Beyond this many the machine is the limit, whatever it allows. */
const mostConnections = 8192;

/**
 * One connection for each request in flight, since an open loop must never queue behind a slow answer; the one freed last is used first.
 * (undici's Pool looks through its clients in order, and opens one at once for whatever finds none free: at a high rate the first slow
 * moment makes thousands, and they make it slower.) Here a request that finds none free waits until the loop has read what has already
 * been answered, and a new connection is opened only where that freed too few.
 */
export class Connections {
  readonly #origin: string;
  readonly #idle: Client[] = [];
  readonly #all = new Set<Client>();
  readonly #connecting = new Set<Client>();
  readonly #waiting: Sender[] = [];
  #waitingHead = 0;
  #max: number;
  #looking = false;
  #releasedSinceLook = 0;
  #released: number[] = [];
  opened = 0;

  /** @param max connections at most; the operating system may allow fewer */
  constructor(origin: string, max: number) {
    this.#origin = origin;
    this.#max = Math.min(max, mostConnections);
  }

  /** Sends at once where a connection is free, else as soon as one is. */
  take(sender: Sender): void {
    const client = this.#idle.pop();
    if (client) return sender.send(client);
    this.#waiting.push(sender);
    this.#lookAgain();
  }

  /** The connection is open: a request is being written to it. */
  connected(client: Client): void {
    if (this.#connecting.delete(client)) this.#lookAgain();
  }

  /** Its request has ended. */
  release(client: Client): void {
    if (!this.#all.has(client)) return;
    this.#connecting.delete(client);
    this.#releasedSinceLook++;
    const next = this.#nextWaiting();
    if (next) next.send(client);
    else this.#idle.push(client);
  }

  /**
   * The operating system has no socket for this connection: from now on there will be no more than there are.
   * @returns whether the request may wait for one of those
   */
  exhausted(client: Client): boolean {
    this.#connecting.delete(client);
    this.#all.delete(client);
    void client.destroy();
    this.#max = Math.max(1, Math.min(this.#max, this.#all.size));
    return this.#all.size > 0;
  }

  async close(): Promise<void> {
    const all = [...this.#all];
    this.#all.clear();
    this.#idle.length = 0;
    this.#waiting.length = 0;
    await Promise.all(all.map((client) => client.destroy()));
  }

  /** Runs once what could be read has been read. */
  #look(): void {
    this.#looking = false;
    this.#released = [this.#releasedSinceLook, ...this.#released.slice(0, turnOverLooks - 1)];
    this.#releasedSinceLook = 0;
    // Answers come within a few turns of this very loop: they wait for us, not we for them, and more connections would only slow us down.
    const turnsOver =
      this.#all.size >= fewConnections && this.#released.reduce((sum, count) => sum + count, 0) * 2 >= this.#all.size;
    if (turnsOver) return this.#lookAgain();
    while (this.#all.size < this.#max && this.#connecting.size < maxConnecting) {
      const next = this.#nextWaiting();
      if (!next) return;
      next.send(this.#open());
    }
  }

  #lookAgain(): void {
    if (this.#looking || !this.#hasWaiting()) return;
    this.#looking = true;
    setImmediate(() => this.#look());
  }

  #open(): Client {
    const { connections: _, ...options } = undiciOptions({});
    const client = new Client(this.#origin, options);
    this.#all.add(client);
    this.#connecting.add(client);
    this.opened++;
    return client;
  }

  #hasWaiting(): boolean {
    return this.#waitingHead < this.#waiting.length;
  }

  #nextWaiting(): Sender | undefined {
    while (this.#hasWaiting()) {
      const sender = this.#waiting[this.#waitingHead++]!;
      if (this.#waitingHead > 1024 && this.#waitingHead * 2 > this.#waiting.length) {
        this.#waiting.splice(0, this.#waitingHead);
        this.#waitingHead = 0;
      }
      if (!sender.ended) return sender;
    }
    this.#waiting.length = 0;
    this.#waitingHead = 0;
    return undefined;
  }
}
