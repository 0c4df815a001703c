import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../../src/runtime.ts";
import type { ReplicaState, ShardTransfer } from "../../src/stores/contract.ts";
import { validateAnswer, validateRequest, type Finding } from "./openapi.ts";
import {
  collectionCluster,
  collectionInfo,
  failed,
  ok,
  telemetry,
  type Answer,
  type Collection,
  type Replica,
  type Running,
  type Shard,
} from "./qdrant-answers.ts";
import { StandInCollections, type AliasOperation, type CreateBody, type KeyBody } from "./qdrant-collections.ts";
import { answerPoints, Refused, type Key } from "./qdrant-points.ts";

/**
 * A stand-in for Qdrant's cluster API: one process, a port for each peer, the documented paths, bodies and states, judged
 * against Qdrant's own OpenAPI file in both directions. Its first collection has only counts until points are written to it; others can be
 * made, sharded by ids or by keys, with aliases. Time is its own: `clock.sleep` moves transfers on and returns at once, so that an hour of a
 * stuck transfer takes no time and every run is the same.
 */
export interface StandInOptions {
  peers: number;
  /** Positions of the peers that hold each shard. */
  shards: number[][];
  collection?: string;
  replicationFactor?: number;
  /** By shard; 1,000 unless given. */
  points?: number[];
  /** By shard: the collection is sharded by keys. */
  keys?: Key[];
  /** Of the vectors; 4 unless given. */
  size?: number;
  /** Points a second that a transfer copies; 500 unless given. */
  pointsPerSec?: number;
  /** False: `/cluster/telemetry` is not there, as before 1.17. */
  telemetry?: boolean;
  /** True: a dead replica on a peer that is up is recovered after a while, as Qdrant does. */
  recovers?: boolean;
}

/** How a transfer goes. */
export type Fate = "good" | "stuck" | "fails" | "slow";
/** What becomes of a request for a change: carried out; or answered late with an error, and then carried out, or lost. */
export type Reply = "good" | "late" | "lost" | "refused";

interface Peer {
  id: number;
  url: string;
  up: boolean;
  server: Server;
}
export class QdrantStandIn {
  readonly collection: string;
  readonly peers: Peer[] = [];
  readonly #made = new StandInCollections(this.peers);
  readonly collections = this.#made.byName;
  readonly aliases = this.#made.aliases;
  /** Of the first collection. */
  readonly shards: Map<number, Shard>;
  transfers: Running[] = [];
  /** The fate of the n-th transfer of all, 0 the first; good unless it says otherwise. */
  fate: (transfer: ShardTransfer, n: number) => Fate = () => "good";
  /** What becomes of the n-th change that is asked for. */
  reply: (n: number) => Reply = () => "good";
  /** Sees each request for points before it is carried out; `unanswered`: it is carried out, and nobody is told. */
  onPoints: (request: { method: string; path: string; body: unknown }) => "good" | "unanswered" | Promise<"good" | "unanswered"> =
    () => "good";
  /** Without it there is no leader, even where a majority is up. */
  consensus = true;
  resharding = false;
  /** What Qdrant's API description finds wrong with requests and answers. */
  readonly findings: { at: string; finding: Finding }[] = [];
  /** Every change that took effect: `move 0 1>3`, by positions from 1. */
  readonly changes: string[] = [];
  /** The fewest replicas of each shard that were ever active on a peer that was up. */
  readonly fewestServing = new Map<number, number>();
  readonly #options: StandInOptions;
  #nowMs = 1_700_000_000_000;
  #commit = 10;
  #asked = 0;
  readonly #frozen = new Map<number, { peer: object; shards: object }>();
  #ticking: NodeJS.Timeout | undefined;
  #began = 0;
  #later: { atMs: number; apply: () => void }[] = [];

  private constructor(options: StandInOptions) {
    this.#options = options;
    this.collection = options.collection ?? "docs";
    this.shards = new Map();
    this.collections.set(this.collection, {
      name: this.collection,
      custom: options.keys !== undefined,
      size: options.size ?? 4,
      distance: "Cosine",
      shards: this.shards,
      shardNumber: options.keys ? 1 : options.shards.length,
      replicationFactor: options.replicationFactor ?? 1,
      indexes: {},
    });
  }

  static async start(options: StandInOptions): Promise<QdrantStandIn> {
    const cluster = new QdrantStandIn(options);
    for (let i = 0; i < options.peers; i++) await cluster.addPeer();
    for (const [id, on] of options.shards.entries()) {
      const points = options.points?.[id] ?? 1_000;
      const replicas = new Map(on.map((at) => [cluster.peers[at]!.id, { state: "Active", points }] as [number, Replica]));
      const key = options.keys?.[id];
      cluster.shards.set(id, { points, replicas, ...(key !== undefined && { key }) });
    }
    cluster.#watch();
    return cluster;
  }

  /** One more peer joins, with nothing on it. */
  async addPeer(): Promise<Peer> {
    const position = this.peers.length;
    const server = createServer((request, response) => {
      this.#serve(position, request)
        .then(({ status, body }) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)))
        .catch((error: unknown) => response.destroy(error as Error));
    });
    // Ids as Qdrant draws them: large, below 2^53.
    const peer: Peer = { id: 4_503_599_627_370_000 + position * 7, url: "", up: true, server };
    this.peers.push(peer);
    await this.#listen(peer);
    return peer;
  }

  readonly clock: Clock = {
    nowMs: () => this.#nowMs,
    monotonicUs: () => this.#nowMs * 1000,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      this.tick(ms);
      await new Promise<void>((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    },
  };

  /** The peer at a position stops answering; with `marked`, the others have noticed and call its replicas dead. */
  async kill(position: number, { marked = true } = {}): Promise<void> {
    const peer = this.peers[position]!;
    peer.up = false;
    peer.server.closeAllConnections();
    await new Promise((resolve) => peer.server.close(resolve));
    if (marked)
      for (const { replicas } of this.#allShards()) {
        const replica = replicas.get(peer.id);
        const others = [...replicas].some(([id, { state }]) => id !== peer.id && state === "Active");
        // The last active replica is never called dead.
        if (replica && others) replica.state = "Dead";
      }
  }

  async revive(position: number): Promise<void> {
    const peer = this.peers[position]!;
    peer.up = true;
    await this.#listen(peer);
  }

  setState(shard: number, position: number, state: ReplicaState): void {
    this.shards.get(shard)!.replicas.get(this.peers[position]!.id)!.state = state;
  }

  /** From here on the peer answers what it knows now, as one that lags behind does. */
  freeze(position: number): void {
    this.#frozen.set(
      position,
      structuredClone({ peer: this.#clusterStatus(position), shards: this.#shardsOf(position, this.#first()) }),
    );
  }

  /** A transfer that somebody else begins. */
  begin(shardId: number, from: number, to: number, sync: boolean): void {
    this.#start(this.#first(), { shardId, from: this.peers[from]!.id, to: this.peers[to]!.id, sync, method: "snapshot" });
  }

  /** By shard, positions of the peers that hold it, with the state where it is not active: `[["0", "1:Dead"]]`. */
  placement(collection = this.collection): string[][] {
    return [...this.collections.get(collection)!.shards.values()].map(({ replicas }) =>
      [...replicas].map(([id, { state }]) => `${this.#position(id)}${state === "Active" ? "" : `:${state}`}`).toSorted(),
    );
  }

  /** Time passes. */
  tick(ms: number): void {
    this.#nowMs += ms;
    const due = this.#later.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#later = this.#later.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { apply } of due) if (this.#quorum()) apply();
    for (const transfer of this.transfers) this.#advance(transfer, ms);
    if (this.#options.recovers) this.#recover();
    this.#watch();
  }

  /** From here on, time passes by itself, faster than the world's: for a process that has a clock of its own. */
  runFree(speed = 10): void {
    const everyMs = 20;
    this.#ticking ??= setInterval(() => this.tick(everyMs * speed), everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#ticking);
    await Promise.all(
      this.peers.map(({ server }) => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
      }),
    );
  }

  #first(): Collection {
    return this.collections.get(this.collection)!;
  }

  #allShards(): Shard[] {
    return Array.from(this.collections.values(), ({ shards }) => Array.from(shards.values())).flat();
  }

  #listen(peer: Peer): Promise<void> {
    const port = peer.url === "" ? 0 : Number(new URL(peer.url).port);
    return new Promise((resolve) => {
      peer.server.listen(port, "127.0.0.1", () => {
        peer.url = `http://127.0.0.1:${(peer.server.address() as AddressInfo).port}`;
        resolve();
      });
    });
  }

  #position(peerId: number): number {
    return this.peers.findIndex(({ id }) => id === peerId);
  }

  #isUp(peerId: number): boolean {
    return this.peers.some(({ id, up }) => id === peerId && up);
  }

  #quorum(): boolean {
    return this.consensus && this.peers.filter(({ up }) => up).length > this.peers.length / 2;
  }

  #watch(): void {
    for (const [id, { replicas }] of this.shards) {
      const serving = [...replicas].filter(([peer, { state }]) => state === "Active" && this.#isUp(peer)).length;
      this.fewestServing.set(id, Math.min(serving, this.fewestServing.get(id) ?? Infinity));
    }
  }

  #advance(transfer: Running, ms: number): void {
    if (!this.#isUp(transfer.from) || !this.#isUp(transfer.to) || transfer.fate === "stuck") return;
    const shard = transfer.collection.shards.get(transfer.shardId)!;
    const rate = (this.#options.pointsPerSec ?? 500) * (transfer.fate === "slow" ? 0.05 : 1);
    transfer.copied = Math.min(shard.points, transfer.copied + (rate * ms) / 1000);
    const target = shard.replicas.get(transfer.to);
    if (target) target.points = Math.floor(transfer.copied);
    if (transfer.fate === "fails" && transfer.copied >= shard.points / 2) return void (this.#quorum() && this.#abort(transfer));
    if (transfer.copied < shard.points || !this.#quorum()) return;
    this.#commit++;
    this.transfers = this.transfers.filter((other) => other !== transfer);
    shard.replicas.set(transfer.to, { state: "Active", points: shard.points });
    if (!transfer.sync) shard.replicas.delete(transfer.from);
  }

  /** What was to be a replica more is dead; what was to move is gone from where it was to be. */
  #abort(transfer: Running): void {
    this.#commit++;
    this.transfers = this.transfers.filter((other) => other !== transfer);
    const { replicas } = transfer.collection.shards.get(transfer.shardId)!;
    if (!transfer.sync) replicas.delete(transfer.to);
    else {
      const target = replicas.get(transfer.to);
      if (target) target.state = "Dead";
    }
  }

  #recover(): void {
    for (const [shardId, { replicas }] of this.shards)
      for (const [to, { state }] of replicas) {
        if (state !== "Dead" || !this.#isUp(to) || this.transfers.some((transfer) => transfer.shardId === shardId)) continue;
        const from = [...replicas].find(([id, replica]) => replica.state === "Active" && this.#isUp(id))?.[0];
        if (from !== undefined) this.#start(this.#first(), { shardId, from, to, sync: true, method: "wal_delta" });
      }
  }

  #start(collection: Collection, transfer: ShardTransfer): void {
    const { replicas } = collection.shards.get(transfer.shardId)!;
    const state: ReplicaState = transfer.method === "stream_records" ? "Partial" : "Recovery";
    replicas.set(transfer.to, { state, points: 0 });
    this.transfers.push({ ...transfer, collection, fate: this.fate(transfer, this.#began++), copied: 0, beganMs: this.#nowMs });
    this.#watch();
  }

  /** The checks that Qdrant makes when a change is agreed on; undefined: none failed. */
  #validate(collection: Collection, operation: Operation): string | undefined {
    const shard = collection.shards.get(operation.shardId);
    const { shardId } = operation;
    if (!shard) return `Bad request: Shard ${shardId} of ${collection.name} does not exist`;
    if (operation.kind === "drop") {
      const replica = shard.replicas.get(operation.peerId);
      if (!replica) return `Bad request: Peer ${operation.peerId} has no replica of shard ${shardId}`;
      const others = [...shard.replicas].filter(([id, { state }]) => id !== operation.peerId && state === "Active");
      return others.length === 0
        ? `Bad request: Shard ${shardId} must have at least one active replica after removing ${operation.peerId}`
        : undefined;
    }
    const { from, to } = operation;
    const running = this.transfers.filter((transfer) => transfer.collection === collection && transfer.shardId === shardId);
    if (operation.kind === "abort")
      return running.some((transfer) => transfer.from === from && transfer.to === to)
        ? undefined
        : `Not found: Shard transfer ${from} -> ${to} for collection ${collection.name}:${shardId} does not exist`;
    for (const id of [from, to]) if (this.#position(id) < 0) return `Bad request: Peer ${id} does not exist`;
    if (shard.replicas.get(from)?.state !== "Active") return `Bad request: Shard ${shardId} is not active on peer ${from}`;
    const other = running.find((transfer) => [transfer.from, transfer.to].some((id) => id === from || id === to));
    return other && `Bad request: Shard ${shardId} is already involved in transfer ${other.from} -> ${other.to}`;
  }

  #apply(collection: Collection, operation: Operation): void {
    if (this.#validate(collection, operation) !== undefined) return;
    this.#commit++;
    const shard = collection.shards.get(operation.shardId)!;
    const at = (id: number) => this.#position(id) + 1;
    if (operation.kind === "drop") {
      this.changes.push(`drop ${operation.shardId} ${at(operation.peerId)}`);
      shard.replicas.delete(operation.peerId);
      for (const transfer of this.transfers)
        if (
          transfer.collection === collection &&
          transfer.shardId === operation.shardId &&
          (transfer.from === operation.peerId || transfer.to === operation.peerId)
        )
          this.#abort(transfer);
    } else {
      const { kind, shardId, from, to, method } = operation;
      this.changes.push(`${kind} ${shardId} ${at(from)}>${at(to)}${method === undefined ? "" : ` ${method}`}`);
      if (kind === "abort")
        this.#abort(
          this.transfers.find(
            (each) => each.collection === collection && each.shardId === shardId && each.from === from && each.to === to,
          )!,
        );
      else this.#start(collection, { shardId, from, to, sync: kind === "replicate", method: method ?? "snapshot" });
    }
    this.#watch();
  }

  async #serve(position: number, request: IncomingMessage): Promise<Answer> {
    const method = request.method!;
    const path = request.url!;
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk as string;
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    const at = `${method} ${path}`;
    this.findings.push(...validateRequest(method, path, body).map((finding) => ({ at, finding })));
    const url = new URL(path, "http://peer");
    const silent = / \/collections\/[^/]+\/points/.test(at)
      ? (await this.onPoints({ method, path, body })) === "unanswered"
      : false;
    const answer = this.#answer(position, method, url, body);
    if (silent) throw new Error("this request is not answered");
    this.findings.push(...validateAnswer(method, path, answer.status, answer.body).map((finding) => ({ at, finding })));
    return answer;
  }

  #answer(position: number, method: string, { pathname, searchParams }: URL, body: unknown): Answer {
    const [first, second, third] = pathname.split("/").slice(1).map(decodeURIComponent);
    if (pathname === "/") return { status: 200, body: { title: "qdrant - vector search engine", version: "1.18.0" } };
    if (pathname === "/cluster") return ok(this.#frozen.get(position)?.peer ?? this.#clusterStatus(position));
    if (pathname === "/cluster/telemetry" && this.#options.telemetry !== false)
      return ok(telemetry(this.collections.values(), this.peers));
    if (first === "cluster" && second === "peer" && method === "DELETE") return this.#removePeer(Number(third));
    if (pathname === "/collections") return ok({ collections: [...this.collections.keys()].map((name) => ({ name })) });
    if (pathname === "/aliases")
      return ok({ aliases: [...this.aliases].map(([alias_name, collection_name]) => ({ alias_name, collection_name })) });
    if (pathname === "/collections/aliases") return this.#made.changeAliases(body as { actions: AliasOperation[] });
    if (first !== "collections") return failed(404, "Not found");
    const named = second!;
    if (third === undefined && method === "PUT") return this.#made.create(named, body as CreateBody);
    if (third === undefined && method === "DELETE") return this.#made.drop(named);
    const collection = this.collections.get(this.aliases.get(named) ?? named);
    if (!collection) return failed(404, `Not found: Collection \`${named}\` doesn't exist!`);
    if (third === undefined) return ok(collectionInfo(collection));
    if (third === "points") return this.#points(collection, method, pathname, body);
    if (third === "index") {
      const { field_name, field_schema } = body as { field_name: string; field_schema: string };
      collection.indexes[field_name] = field_schema;
      return ok({ operation_id: 1, status: "completed" });
    }
    if (third === "shards") return this.#shardKeys(collection, method, pathname.endsWith("/delete"), body as KeyBody);
    if (third !== "cluster") return failed(404, "Not found");
    const frozen = collection === this.#first() ? this.#frozen.get(position)?.shards : undefined;
    if (method === "GET") return ok(frozen ?? this.#shardsOf(position, collection));
    const { create_sharding_key: create, drop_sharding_key: drop } = body as Record<string, KeyBody>;
    if (create) return this.#shardKeys(collection, "PUT", false, create);
    if (drop) return this.#shardKeys(collection, "POST", true, drop);
    return this.#change(collection, body as Body, Number(searchParams.get("timeout") ?? 10));
  }

  #points(collection: Collection, method: string, pathname: string, body: unknown): Answer {
    const rest = pathname.split("/points")[1] ?? "";
    try {
      const result = answerPoints(collection, method, rest, body ?? {});
      for (const shard of collection.shards.values())
        if (shard.data) {
          shard.points = shard.data.size;
          for (const replica of shard.replicas.values()) if (replica.state === "Active") replica.points = shard.points;
        }
      return ok(result);
    } catch (error) {
      if (error instanceof Refused) return failed(error.status, error.message);
      throw error;
    }
  }

  #shardKeys(collection: Collection, method: string, gone: boolean, body: KeyBody): Answer {
    if (method !== "GET" && !this.#quorum())
      return failed(500, "Service internal error: Waiting for consensus operation commit failed.");
    if (method !== "GET") this.#commit++;
    return this.#made.shardKeys(collection, method, gone, body);
  }

  #shardsOf(position: number, collection: Collection) {
    const { transfers, resharding } = this;
    return collectionCluster(this.peers[position]!.id, collection, { transfers, resharding, nowMs: this.#nowMs });
  }

  #change(collection: Collection, body: Body, timeoutSec: number): Answer {
    const operation = operationOf(body);
    const reply = this.reply(this.#asked++);
    if (reply === "refused") return failed(400, "Bad request: not today");
    const problem = this.#validate(collection, operation);
    if (problem !== undefined) return failed(problem.startsWith("Not found") ? 404 : 400, problem);
    if (this.#quorum() && reply === "good") {
      this.#apply(collection, operation);
      return ok(true);
    }
    // The request waits as long as it may; then the operation may still be on its way.
    if (reply !== "lost")
      this.#later.push({ atMs: this.#nowMs + timeoutSec * 1000 + 4_000, apply: () => this.#apply(collection, operation) });
    this.tick(timeoutSec * 1000);
    return failed(
      500,
      `Service internal error: Waiting for consensus operation commit failed. Timeout set at: ${timeoutSec} seconds`,
    );
  }

  #removePeer(id: number): Answer {
    if (this.#allShards().some(({ replicas }) => replicas.has(id)))
      return failed(400, `Bad request: Cannot remove peer ${id} as there are shards on it`);
    const position = this.#position(id);
    if (position < 0) return failed(400, `Bad request: Peer ${id} does not exist`);
    this.peers.splice(position, 1)[0]!.server.close();
    return ok(true);
  }

  #clusterStatus(position: number) {
    const leader = this.#quorum() ? this.peers.find(({ up }) => up)!.id : null;
    const { id } = this.peers[position]!;
    return {
      status: "enabled",
      peer_id: id,
      peers: Object.fromEntries(this.peers.map((peer, at) => [peer.id, { uri: `http://10.0.0.${at + 1}:6335/` }])),
      raft_info: {
        term: 3,
        commit: this.#commit,
        pending_operations: this.#later.length,
        leader,
        role: leader === id ? "Leader" : leader === null ? "Candidate" : "Follower",
        is_voter: true,
      },
      consensus_thread_status: { consensus_thread_status: "working", last_update: new Date(this.#nowMs).toISOString() },
      message_send_failures: {},
    };
  }
}

type Operation =
  | { kind: "move" | "replicate" | "abort"; shardId: number; from: number; to: number; method?: string }
  | { kind: "drop"; shardId: number; peerId: number };
type Body = Record<string, { shard_id: number; from_peer_id: number; to_peer_id: number; peer_id: number; method?: string }>;

function operationOf(body: Body): Operation {
  const [[name, { shard_id: shardId, from_peer_id: from, to_peer_id: to, peer_id: peerId, method }]] = Object.entries(body) as [
    [string, Body[string]],
  ];
  if (name === "drop_replica") return { kind: "drop", shardId, peerId };
  const kind = ({ move_shard: "move", replicate_shard: "replicate", abort_transfer: "abort" } as const)[name];
  if (!kind) throw new Error(`the stand-in knows no ${name}`);
  return { kind, shardId, from, to, ...(method !== undefined && { method }) };
}
