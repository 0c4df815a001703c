/** What is wrong with an answer. The code is what `explainTransport` knows bad HTTP by. */
export class ProtocolError extends Error {
  readonly code = "HPE_INVALID";
}

const headEnd = Buffer.from("\r\n\r\n");
const lineEnd = Buffer.from("\r\n");
const maxHeadBytes = 65_536;

type Body = { kind: "none" } | { kind: "counted"; left: number } | { kind: "chunked" } | { kind: "until-close" };

/**
 * Reads the answers of one HTTP/1.1 connection, one request at a time. Bytes may come in pieces of any size. Unless it is to keep
 * bodies, they are counted to their end and thrown away.
 */
export class AnswerReader {
  status = 0;
  /** Whether the connection may carry another request, and for how long the server says it keeps it. */
  keepAlive = true;
  keepAliveMs: number | undefined = undefined;
  /** Status line and headers as they came; the empty text where bodies are not kept either. */
  head = "";
  readonly #keep: boolean;
  #kept: Buffer[] = [];
  #body: Body | undefined = undefined;
  /** Bytes of an unfinished head, or of an unfinished line between chunks. */
  #pending: Buffer | undefined = undefined;
  #chunk: "size" | "data" | "data-end" | "trailer" = "size";
  #chunkLeft = 0;

  constructor(keep = false) {
    this.#keep = keep;
  }

  /** The body of the answer that is complete, where bodies are kept. */
  get body(): Buffer {
    return this.#kept.length === 1 ? this.#kept[0]! : Buffer.concat(this.#kept);
  }

  /** Before each request. */
  reset(): void {
    this.#kept = [];
    this.#body = undefined;
    this.#pending = undefined;
    this.#chunk = "size";
  }

  /**
   * @returns true when the answer is complete
   * @throws ProtocolError
   */
  read(bytes: Buffer): boolean {
    let rest = bytes;
    while (!this.#body) {
      const after = this.#readHead(rest);
      if (!after) return false;
      rest = after;
    }
    return this.#readBody(this.#body, rest);
  }

  /** The server closed the connection. Whether that completes the answer. */
  closed(): boolean {
    return this.#body?.kind === "until-close";
  }

  /** @returns what follows the head; undefined when there is more of it to come */
  #readHead(bytes: Buffer): Buffer | undefined {
    const all = this.#pending ? Buffer.concat([this.#pending, bytes]) : bytes;
    const end = all.indexOf(headEnd);
    if (end < 0) {
      if (!begins(all)) throw notHttp();
      if (all.length > maxHeadBytes) throw new ProtocolError("its header is longer than 64 KiB");
      this.#pending = all;
      return undefined;
    }
    this.#pending = undefined;
    const head = all.toString("latin1", 0, end);
    if (!/^HTTP\/1\.[01] [1-9]\d\d/.test(head)) throw notHttp();
    this.status = Number(head.slice(9, 12));
    // 100 and 103 come before the answer proper.
    if (this.status >= 200) this.#body = this.#bodyAfter(head);
    else if (this.status === 101) throw new ProtocolError("it switched to another protocol");
    return all.subarray(end + headEnd.length);
  }

  #bodyAfter(head: string): Body {
    if (this.#keep) this.head = head;
    const connection = /\r\nconnection:[ \t]*([^\r\n]*)/i.exec(head)?.[1]?.toLowerCase();
    this.keepAlive = head.charCodeAt(7) === 0x31 ? !connection?.includes("close") : connection?.includes("keep-alive") === true;
    const seconds = /\r\nkeep-alive:[^\r\n]*\btimeout=(\d+)/i.exec(head)?.[1];
    this.keepAliveMs = seconds === undefined ? undefined : Number(seconds) * 1000;
    if (this.status === 204 || this.status === 304) return { kind: "none" };
    if (/\r\ntransfer-encoding:[^\r\n]*chunked[ \t]*(?:\r\n|$)/i.test(head)) return { kind: "chunked" };
    const length = /\r\ncontent-length:[ \t]*(\d+)[ \t]*(?:\r\n|$)/i.exec(head)?.[1];
    if (length !== undefined) return { kind: "counted", left: Number(length) };
    this.keepAlive = false;
    return { kind: "until-close" };
  }

  #readBody(body: Body, bytes: Buffer): boolean {
    switch (body.kind) {
      case "none":
        return this.#complete(bytes);
      case "counted":
        this.#keepSome(bytes);
        body.left -= bytes.length;
        if (body.left > 0) return false;
        return this.#complete(bytes.subarray(bytes.length + body.left));
      case "chunked":
        return this.#readChunks(bytes);
      default:
        this.#keepSome(bytes);
        return false;
    }
  }

  #keepSome(bytes: Buffer): void {
    if (this.#keep && bytes.length > 0) this.#kept.push(bytes);
  }

  #readChunks(bytes: Buffer): boolean {
    let rest = this.#pending ? Buffer.concat([this.#pending, bytes]) : bytes;
    this.#pending = undefined;
    for (;;) {
      if (this.#chunk === "data") {
        const taken = Math.min(this.#chunkLeft, rest.length);
        this.#keepSome(rest.subarray(0, taken));
        this.#chunkLeft -= taken;
        rest = rest.subarray(taken);
        if (this.#chunkLeft > 0) return false;
        this.#chunk = "data-end";
      }
      const end = rest.indexOf(lineEnd);
      if (end < 0) {
        if (rest.length > maxHeadBytes) throw new ProtocolError("a line between its chunks is longer than 64 KiB");
        if (rest.length > 0) this.#pending = rest;
        return false;
      }
      const line = rest.toString("latin1", 0, end);
      rest = rest.subarray(end + lineEnd.length);
      if (this.#chunk === "size") {
        const size = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(line)?.[1];
        if (size === undefined) throw new ProtocolError("the size of a chunk is not a number");
        this.#chunkLeft = Number.parseInt(size, 16);
        this.#chunk = this.#chunkLeft === 0 ? "trailer" : "data";
      } else if (this.#chunk === "data-end") {
        if (line !== "") throw new ProtocolError("a chunk is longer than it said");
        this.#chunk = "size";
      } else if (line === "") return this.#complete(rest);
    }
  }

  #complete(rest: Buffer): true {
    // One request at a time: nobody asked for more.
    if (rest.length > 0) throw new ProtocolError("it sent more than one answer");
    return true;
  }
}

const start = Buffer.from("HTTP/1.");

/** Whether what has come so far can be the beginning of an answer. */
function begins(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function notHttp(): ProtocolError {
  return new ProtocolError("what it answers is not HTTP/1.1");
}
