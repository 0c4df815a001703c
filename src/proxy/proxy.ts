import { connect, createServer, type Server, type Socket } from "node:net";
import { runAfter } from "../runtime.ts";
import type { Impairment, ProxySpec, ProxyState } from "./contract.ts";
import type { FlowDeps } from "./flow.ts";
import { activate, planFor, type Active, type Way } from "./plan.ts";
import { Tunnel } from "./tunnel.ts";

export interface ProxyDeps extends FlowDeps {
  log: (text: string) => void;
}

/** How soon it is looked again whether somebody listens behind. */
const lookAgainMs = 25;
const lookAgainMaxMs = 100;

/**
 * One listener in front of one node. Nobody can connect while nobody listens behind: a dead node shall look as it does without a
 * proxy, refused and not let in and cut off. A connection that carries nothing stands by to tell when the node goes.
 */
export class Proxy {
  readonly spec: ProxySpec;
  readonly #deps: ProxyDeps;
  readonly #tunnels = new Set<Tunnel>();
  readonly #active = new Map<string, Active>();
  /** Ids that have been removed. */
  readonly #healed = new Set<string>();
  #server: Server | undefined;
  #sentinel: Socket | undefined;
  #cancelLook: (() => void) | undefined;
  #nodeUp = false;
  #closed = false;
  /** Of the listener, said once. */
  #complaint = "";
  #pastBytes = { toNode: 0, fromNode: 0 };

  constructor(spec: ProxySpec, deps: ProxyDeps) {
    this.spec = spec;
    this.#deps = deps;
    this.#look(lookAgainMs);
  }

  get state(): ProxyState {
    const { name, port, upstreamPort } = this.spec;
    const tunnels = [...this.#tunnels];
    return {
      name,
      port,
      upstreamPort,
      listening: this.#server?.listening === true,
      connections: tunnels.length,
      bytesToNode: tunnels.reduce((sum, tunnel) => sum + tunnel.bytesToNode, this.#pastBytes.toNode),
      bytesFromNode: tunnels.reduce((sum, tunnel) => sum + tunnel.bytesFromNode, this.#pastBytes.fromNode),
      impairments: [...this.#active.values()].map(({ impairment }) => impairment),
    };
  }

  /** @returns false for one that has been removed before */
  add(impairment: Impairment): boolean {
    if (this.#healed.has(impairment.id)) return false;
    if (this.#active.has(impairment.id)) return true;
    this.#active.set(impairment.id, activate(impairment));
    this.#deps.log(`${this.spec.name}: ${JSON.stringify(impairment)}`);
    for (const tunnel of this.#tunnels) tunnel.tighten();
    this.#listenAsNeeded();
    return true;
  }

  remove(id: string): void {
    this.#healed.add(id);
    if (!this.#active.delete(id)) return;
    this.#deps.log(`${this.spec.name}: healed ${id}`);
    for (const tunnel of this.#tunnels) tunnel.relax();
    this.#listenAsNeeded();
  }

  close(): void {
    this.#closed = true;
    this.#cancelLook?.();
    this.#sentinel?.destroy();
    this.#server?.close();
    for (const tunnel of this.#tunnels) tunnel.cut();
  }

  #look(nextMs: number): void {
    if (this.#closed) return;
    const sentinel = this.#connect();
    this.#sentinel = sentinel;
    let connected = false;
    sentinel.on("connect", () => {
      connected = true;
      this.#setNodeUp(true);
    });
    sentinel.on("error", () => undefined);
    sentinel.on("end", () => sentinel.destroy());
    // A server may talk to those that say nothing, before it closes on them.
    sentinel.resume();
    sentinel.on("close", () => {
      if (connected) return this.#look(lookAgainMs);
      this.#setNodeUp(false);
      this.#cancelLook = runAfter(this.#deps.clock, nextMs, () => this.#look(Math.min(nextMs * 1.1, lookAgainMaxMs)));
    });
  }

  #setNodeUp(up: boolean): void {
    if (this.#closed) return;
    this.#nodeUp = up;
    this.#listenAsNeeded();
  }

  /** In a partition nobody learns that the node is gone. */
  #listenAsNeeded(): void {
    const wanted = this.#nodeUp || [...this.#active.values()].some(({ impairment }) => impairment.kind === "partition");
    if (!wanted) {
      this.#server?.close();
      this.#server = undefined;
    } else this.#server ??= this.#listen();
  }

  #listen(): Server {
    const { host, port, name } = this.spec;
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    server.on("error", (error) => {
      if (this.#complaint !== error.message) this.#deps.log(`${name}: ${error.message}`);
      this.#complaint = error.message;
      if (this.#server !== server) return;
      this.#server = undefined;
      this.#cancelLook = runAfter(this.#deps.clock, lookAgainMaxMs, () => this.#closed || this.#listenAsNeeded());
    });
    server.listen({ host, port, exclusive: true }, () => (this.#complaint = ""));
    return server;
  }

  #accept(client: Socket): void {
    const tunnel = new Tunnel(client, {
      ...this.#deps,
      connect: () => this.#connect(),
      planFor: (way: Way, address: string) =>
        this.#active.size === 0 ? undefined : planFor([...this.#active.values()], way, address, this.#deps.rng),
      gone: (gone) => {
        this.#tunnels.delete(gone);
        this.#pastBytes.toNode += gone.bytesToNode;
        this.#pastBytes.fromNode += gone.bytesFromNode;
      },
    });
    this.#tunnels.add(tunnel);
  }

  #connect(): Socket {
    return connect({ host: this.spec.host, port: this.spec.upstreamPort, allowHalfOpen: true, noDelay: true });
  }
}
