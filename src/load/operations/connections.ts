/** A connection as far as sharing goes. */
export interface Connection {
  /** False when it was closed, or is about to be. */
  readonly usable: boolean;
  destroy(): void;
}

/** What wants a connection. `send` puts it on one, and has the connection `release`d when its answer is complete. */
export interface Sender<C> {
  send(connection: C): void;
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
export class Connections<C extends Connection> {
  readonly #connect: () => C;
  readonly #idle: C[] = [];
  readonly #all = new Set<C>();
  readonly #connecting = new Set<C>();
  readonly #waiting: Sender<C>[] = [];
  #waitingHead = 0;
  #max: number;
  #looking = false;
  #releasedSinceLook = 0;
  #released: number[] = [];
  opened = 0;

  /** @param max connections at most; the operating system may allow fewer */
  constructor(connect: () => C, max: number) {
    this.#connect = connect;
    this.#max = Math.min(max, mostConnections);
  }

  /** Sends at once where a connection is free, else as soon as one is. */
  take(sender: Sender<C>): void {
    const connection = this.#takeIdle();
    if (connection) return sender.send(connection);
    this.#waiting.push(sender);
    this.#lookAgain();
  }

  #takeIdle(): C | undefined {
    for (let connection = this.#idle.pop(); connection; connection = this.#idle.pop()) {
      if (connection.usable) return connection;
      this.#forget(connection);
    }
    return undefined;
  }

  /** The connection is open: a request is being written to it. */
  connected(connection: C): void {
    if (this.#connecting.delete(connection)) this.#lookAgain();
  }

  /** Its request has ended, one way or another. */
  release(connection: C): void {
    if (!this.#all.has(connection)) return;
    this.#connecting.delete(connection);
    this.#releasedSinceLook++;
    if (!connection.usable) {
      this.#forget(connection);
      return this.#lookAgain();
    }
    const next = this.#nextWaiting();
    if (next) next.send(connection);
    else this.#idle.push(connection);
  }

  /**
   * The operating system has no socket for this connection: from now on there will be no more than there are.
   * @returns whether the request may wait for one of those
   */
  exhausted(connection: C): boolean {
    this.#forget(connection);
    this.#max = Math.max(1, Math.min(this.#max, this.#all.size));
    return this.#all.size > 0;
  }

  close(): void {
    for (const connection of this.#all) connection.destroy();
    this.#all.clear();
    this.#idle.length = 0;
    this.#waiting.length = 0;
  }

  #forget(connection: C): void {
    this.#connecting.delete(connection);
    this.#all.delete(connection);
    connection.destroy();
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

  #open(): C {
    const connection = this.#connect();
    this.#all.add(connection);
    this.#connecting.add(connection);
    this.opened++;
    return connection;
  }

  #hasWaiting(): boolean {
    return this.#waitingHead < this.#waiting.length;
  }

  #nextWaiting(): Sender<C> | undefined {
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
