import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { askLine, serveLines } from "../../../src/line-socket.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

/** Answers with what it was asked; `wait` is answered when whoever holds it lets it. */
async function echo() {
  const path = join(tempDir({}), "s");
  const held: (() => void)[] = [];
  const server = createServer((socket) =>
    serveLines(socket, async (line) => {
      if (line.includes("wait")) await new Promise<void>((resolve) => held.push(resolve));
      return { reply: JSON.parse(line) as unknown };
    }),
  );
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
  return { path, held };
}

test("a line each way", async () => {
  const { path } = await echo();
  expect(await askLine(path, { op: "status" }, { who: "echo", timeoutMs: 10_000 })).toEqual({ op: "status" });
});

test("whoever asks and is gone before the answer does not take the server along", async () => {
  const { path, held } = await echo();
  for (let round = 0; round < 20; round++) {
    const socket = createConnection(path);
    socket.on("error", () => undefined);
    await new Promise<void>((resolve) => socket.write(`{"wait":${round}}\n`, () => resolve()));
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    socket.destroy();
    // In this very turn, before the server can hear of the end: the write itself must fail.
    held.pop()!();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(await askLine(path, { still: "there" }, { who: "echo", timeoutMs: 10_000 })).toEqual({ still: "there" });
});
