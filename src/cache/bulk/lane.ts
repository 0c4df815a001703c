import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Redis } from "ioredis";
import { encodeSets, LineReplies, type BulkEntry } from "./encode.ts";

/** What became of one entry: undefined: it is there. */
type Outcome = string | undefined;

/** A connection that does nothing but SET, several batches under way at once. */
export interface Lane {
  /** One outcome for each entry, in order. Rejects where the connection is lost: then each may or may not be there. */
  send(entries: readonly BulkEntry[]): Promise<Outcome[]>;
  close(): void;
}

interface Batch {
  outcomes: Outcome[];
  wanted: number;
  resolve: (outcomes: Outcome[]) => void;
  reject: (error: Error) => void;
}

/** No reply for so long, and it is lost. */
const silenceMs = 3000;

/**
 * Connects where a server's own connection leads to, with its credentials.
 * @param onLost once, when the connection has ended, for whatever reason
 * @throws Error a plain one, as the socket or the server said it
 */
export async function openLane(server: Redis, onLost: () => void): Promise<Lane> {
  const { options } = server;
  // Behind Sentinel only the connection knows where the primary is.
  const stream = server.stream as Socket | undefined;
  const host = stream?.remoteAddress ?? options.host ?? "127.0.0.1";
  const port = stream?.remotePort ?? options.port ?? 6379;
  const socket = options.tls ? connectTls({ ...options.tls, host, port }) : connectPlain({ host, port });
  socket.setNoDelay(true);
  socket.setTimeout(silenceMs);
  const replies = new LineReplies();
  const batches: Batch[] = [];
  let closed = false;

  const end = (error: Error) => {
    if (closed) return;
    closed = true;
    socket.destroy();
    onLost();
    for (const batch of batches.splice(0)) batch.reject(error);
  };
  socket.on("error", end);
  socket.on("close", () => end(new Error("the connection was closed")));
  socket.on("timeout", () => {
    if (batches.length > 0) end(new Error(`no answer within ${silenceMs / 1000} s`));
  });
  socket.on("data", (chunk: Buffer) =>
    replies.take(chunk, (problem) => {
      const batch = batches[0];
      if (!batch) return end(new Error("an answer that nobody asked for"));
      batch.outcomes.push(problem);
      if (batch.outcomes.length < batch.wanted) return;
      batches.shift();
      batch.resolve(batch.outcomes);
    }),
  );

  const write = (pieces: Iterable<Buffer | string>, wanted: number) =>
    new Promise<Outcome[]>((resolve, reject) => {
      if (closed) return reject(new Error("the connection was closed"));
      batches.push({ outcomes: [], wanted, resolve, reject });
      for (const piece of pieces) socket.write(piece);
    });

  const { username, password, db } = options;
  const greeting = [
    ...(password ? [["AUTH", ...(username ? [username] : []), password]] : []),
    ...(db ? [["SELECT", String(db)]] : []),
    ["PING"],
  ];
  const words = (command: readonly string[]) =>
    `*${command.length}\r\n${command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
  const greeted = await write([greeting.map(words).join("")], greeting.length);
  const refused = greeted.find((line) => line?.startsWith("-"));
  if (refused !== undefined) {
    end(new Error(refused.slice(1)));
    throw new Error(refused.slice(1));
  }
  return {
    send: (entries) => write(encodeSets(entries), entries.length),
    close: () => end(new Error("closed")),
  };
}
