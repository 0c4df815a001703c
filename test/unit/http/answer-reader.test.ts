import { describe, expect, test } from "vitest";
import { AnswerReader, ProtocolError } from "../../../src/http/wire/answer-reader.ts";

const answers: Record<string, { text: string; status: number; keepAlive?: boolean; keepAliveMs?: number }> = {
  "a counted body": { text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200 },
  "an empty body": { text: "HTTP/1.1 503 Busy\r\ncontent-length:0\r\n\r\n", status: 503 },
  "no body by its status": { text: "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n", status: 204 },
  chunks: {
    text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
    status: 200,
  },
  "chunks with a trailer": {
    text: "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\n\n\r\n0\r\nX: y\r\n\r\n",
    status: 200,
  },
  "chunks that look like the end": {
    text: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n",
    status: 200,
  },
  "something before it": {
    text: "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 1\r\n\r\nx",
    status: 201,
  },
  "a body that looks like a head": { text: "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nHTTP\r\n\r\n\r\n\r\n", status: 200 },
  "the end of its connection": {
    text: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    status: 200,
    keepAlive: false,
  },
  "an old protocol": { text: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", status: 200, keepAlive: false },
  "an old protocol that keeps alive": {
    text: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok",
    status: 200,
  },
  "how long it keeps alive": {
    text: "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=9\r\nContent-Length: 0\r\n\r\n",
    status: 200,
    keepAliveMs: 5000,
  },
};

describe("an answer with", () => {
  test.each(Object.entries(answers))(
    "%s, whole and cut at every byte, twice over",
    (_, { text, status, keepAlive = true, keepAliveMs }) => {
      const bytes = Buffer.from(text, "latin1");
      for (let cut = 0; cut <= bytes.length; cut++) {
        const reader = new AnswerReader();
        for (let again = 0; again < 2; again++) {
          reader.reset();
          const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)].filter((piece) => piece.length > 0);
          const complete = pieces.map((piece) => reader.read(piece));
          expect(complete, `cut at ${cut}`).toEqual(pieces.length === 2 ? [false, true] : [true]);
          expect(reader).toMatchObject({ status, keepAlive, keepAliveMs });
        }
      }
    },
  );

  test.each(Object.entries(answers))("%s, byte by byte", (_, { text, status }) => {
    const reader = new AnswerReader();
    const complete = Array.from(Buffer.from(text, "latin1"), (byte) => reader.read(Buffer.from([byte])));
    expect(complete.indexOf(true)).toBe(text.length - 1);
    expect(reader.status).toBe(status);
  });

  test("no length ends with its connection, and only then", () => {
    const reader = new AnswerReader();
    expect(reader.read(Buffer.from("HTTP/1.1 200 OK\r\n\r\nsome"))).toBe(false);
    expect(reader.closed()).toBe(true);
    reader.reset();
    expect(reader.read(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome"))).toBe(false);
    expect(reader.closed()).toBe(false);
  });

  test.each([
    ["SSH-2.0-OpenSSH_9.2\r\n\r\n", "not HTTP"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", "more than one answer"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not a number"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "longer than it said"],
    ["HTTP/1.1 101 Switching\r\n\r\n", "another protocol"],
    [`HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}`, "longer than 64 KiB"],
  ])("%j is refused", (text, message) => {
    const reader = new AnswerReader();
    const read = () => reader.read(Buffer.from(text, "latin1"));
    expect(read).toThrow(ProtocolError);
    reader.reset();
    expect(read).toThrow(message);
  });
});

describe("an answer that is kept", () => {
  const counted = "HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 11\r\n\r\nhello world";
  const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nt: 1\r\n\r\n";
  test.each([counted, chunked])("has its body, in pieces of any size: %j", (text) => {
    for (let size = 1; size <= text.length; size++) {
      const reader = new AnswerReader(true);
      reader.reset();
      let complete = false;
      for (let at = 0; at < text.length; at += size) complete = reader.read(Buffer.from(text.slice(at, at + size)));
      expect([complete, reader.body.toString(), reader.head.split("\r\n")[0]]).toEqual([true, "hello world", "HTTP/1.1 200 OK"]);
    }
  });

  test("what cannot be the beginning of an answer is known at once", () => {
    const reader = new AnswerReader(true);
    reader.reset();
    expect(reader.read(Buffer.from("HT"))).toBe(false);
    expect(() => reader.read(Buffer.from("ML"))).toThrow("not HTTP");
    expect(() => new AnswerReader().read(Buffer.from("SSH-2.0-OpenSSH_9.6\r\n"))).toThrow("not HTTP");
  });
});
