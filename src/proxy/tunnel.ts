import type { Socket } from "node:net";
import { Flow, type FlowDeps } from "./flow.ts";
import type { Plan, Way } from "./plan.ts";

export interface TunnelDeps extends FlowDeps {
  /** Opens a connection to the node. */
  connect(): Socket;
  planFor(way: Way, clientAddress: string): Plan | undefined;
  /** It carries nothing any more. */
  gone(tunnel: Tunnel): void;
}

/** One client's connection and the one to the node that belongs to it. */
export class Tunnel {
  readonly #client: Socket;
  readonly #deps: TunnelDeps;
  readonly #address: string;
  readonly #toNode: Flow;
  #fromNode: Flow | undefined;
  #node: Socket | undefined;
  #clientEnded = false;
  #closed = false;

  constructor(client: Socket, deps: TunnelDeps) {
    this.#client = client;
    this.#deps = deps;
    this.#address = plainAddress(client.remoteAddress);
    this.#toNode = new Flow(client, undefined, deps, () => this.cut());
    this.#toNode.tighten(deps.planFor("to-node", this.#address));
    client.on("data", (bytes: Buffer) => {
      if (this.#fromNode) this.#fromNode.fresh = true;
      this.#toNode.receive(bytes);
    });
    client.on("drain", () => this.#fromNode?.drained());
    client.on("end", () => {
      this.#clientEnded = true;
      this.#toNode.end();
      // It never reached the node, so that nobody needs to know that it has gone.
      if (!this.#node) this.close();
    });
    client.on("error", () => this.#lost(this.#toNode));
    client.on("close", () => this.#clientClosed());
    // A packet that opens a connection does not reach the node of a partition either.
    if (!this.#toNode.plan?.drop) this.#connect();
  }

  get bytesToNode(): number {
    return this.#toNode.bytes;
  }

  get bytesFromNode(): number {
    return this.#fromNode?.bytes ?? 0;
  }

  /** After an impairment was added. */
  tighten(): void {
    for (const [flow, plan] of this.#plans()) flow.tighten(plan);
    this.#watchRequests();
  }

  /** After an impairment was removed: goes on where nothing was lost, and is cut where something was. */
  relax(): void {
    for (const [flow, plan] of this.#plans()) if (!flow.relax(plan)) return this.cut();
    this.#watchRequests();
    if (!this.#node && !this.#toNode.plan?.drop) this.#connect();
  }

  /** RST to both sides: what a broken connection looks like. */
  cut(): void {
    if (!this.#client.destroyed) this.#client.resetAndDestroy();
    if (this.#node && !this.#node.destroyed) this.#node.resetAndDestroy();
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#toNode.discard();
    this.#fromNode?.discard();
    this.#client.destroy();
    this.#node?.destroy();
    this.#deps.gone(this);
  }

  #connect(): void {
    const node = this.#deps.connect();
    this.#node = node;
    this.#toNode.sink = node;
    const fromNode = new Flow(node, this.#client, this.#deps, () => this.cut());
    this.#fromNode = fromNode;
    fromNode.tighten(this.#deps.planFor("from-node", this.#address));
    this.#toNode.opening();
    fromNode.opening();
    this.#watchRequests();
    node.on("data", (bytes: Buffer) => {
      this.#toNode.fresh = true;
      fromNode.receive(bytes);
    });
    node.on("drain", () => this.#toNode.drained());
    node.on("end", () => fromNode.end());
    node.on("error", () => this.#lost(fromNode));
    node.on("close", () => this.#nodeClosed());
  }

  #plans(): [Flow, Plan | undefined][] {
    const plans: [Flow, Plan | undefined][] = [[this.#toNode, this.#deps.planFor("to-node", this.#address)]];
    if (this.#fromNode) plans.push([this.#fromNode, this.#deps.planFor("from-node", this.#address)]);
    return plans;
  }

  /** An exact search is how recall is judged: wrong answers are those of the index. */
  #watchRequests(): void {
    const { onBytes } = this.#toNode;
    const wanted = this.#fromNode?.plan?.spoil !== undefined;
    if (wanted === (onBytes !== undefined)) return;
    this.#toNode.onBytes = wanted
      ? (bytes, fresh) => {
          const exact = bytes.includes('"exact":true');
          this.#fromNode!.exact = exact || (!fresh && this.#fromNode!.exact);
        }
      : undefined;
  }

  #lost(flow: Flow): void {
    if (!this.#closed) flow.abort();
  }

  /** The node may still be owed bytes that are held, or may not learn of it: then it stays until the plan changes. */
  #clientClosed(): void {
    if (!this.#node || this.#node.closed) return this.close();
    drain(this.#node);
  }

  #nodeClosed(): void {
    if (this.#client.closed || this.#clientEnded) return this.close();
    // Held bytes still go to the client. What it sends meets nobody.
    this.#client.removeAllListeners("data");
    this.#client.on("data", () => {
      if (!this.#toNode.plan?.drop) this.cut();
    });
  }
}

/** Nobody is there to read what still comes; its end must be seen all the same. */
function drain(socket: Socket): void {
  socket.removeAllListeners("data");
  socket.resume();
}

/** An IPv4 client of a socket for both is written as such. */
function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:/, "");
}
