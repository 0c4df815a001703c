import { Client, type Dispatcher } from "undici";
import { undiciOptions } from "../../http/pool.ts";

/**
 * One connection for each request in flight, the one that was freed last first: an open loop must never queue behind a slow answer,
 * and taking from a stack costs the same with one connection as with a thousand (undici's Pool looks through its clients in order).
 */
export class Clients {
  readonly #origin: string;
  readonly #idle: Client[] = [];
  readonly #all = new Set<Client>();
  opened = 0;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** @returns the client that took the request; hand it back with `release` once the request has ended */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): Client {
    const client = this.#idle.pop() ?? this.#open();
    client.dispatch(options, handler);
    return client;
  }

  release(client: Client): void {
    if (this.#all.has(client)) this.#idle.push(client);
  }

  async close(): Promise<void> {
    const all = [...this.#all];
    this.#all.clear();
    this.#idle.length = 0;
    await Promise.all(all.map((client) => client.destroy()));
  }

  #open(): Client {
    const { connections: _, ...options } = undiciOptions({});
    const client = new Client(this.#origin, options);
    this.#all.add(client);
    this.opened++;
    return client;
  }
}
