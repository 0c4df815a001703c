import { render } from "ink-testing-library";
import { createElement } from "react";
import { expect, test } from "vitest";
import { LiveStatus, StatusView } from "../../../src/ui/status-view.ts";
import type { StatusResult } from "../../../src/status/result.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { troubled } from "../status/helpers.ts";

test("one look", () => {
  const { lastFrame, unmount } = render(createElement(StatusView, { status: troubled, footer: "q ends" }));
  expect(lastFrame()).toMatchInlineSnapshot(`
    "cluster local · routed · 3 nodes: 1 healthy, 1 degraded, 1 dead
    node  health    zone  version  answers in  points  url
    n1    healthy   a     1.18.0       420 µs     933  http://127.0.0.1:7001
    n2    dead      b     -                 -       -  http://127.0.0.1:7002
    n3    degraded  a     1.18.0       312 ms     933  http://127.0.0.1:7003
    docs: 1,864 copies
    cache redis://127.0.0.1:7100 · 1.00 MiB of 64.0 MiB · 12 entries · 200 µs
    q ends"
  `);
  unmount();
});

test("it looks again, shows what it saw, survives a look that fails, and ends with q", async () => {
  const clock = new SimClock();
  const healed: StatusResult = { ...troubled, nodes: troubled.nodes.map((node) => ({ ...node, health: "healthy" as const })) };
  const looks: (() => StatusResult)[] = [
    () => {
      throw new Error("the state file is locked");
    },
    () => healed,
  ];
  const seen: StatusResult[] = [];
  const { lastFrame, stdin, unmount } = render(
    createElement(LiveStatus, {
      first: troubled,
      look: async () => (looks.shift() ?? (() => healed))(),
      everyMs: 1_000,
      sleep: (ms: number, signal: AbortSignal) => clock.sleep(ms, signal),
      onEach: (status: StatusResult) => seen.push(status),
    }),
  );
  const advance = async () => {
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
  };
  expect(lastFrame()).toContain("1 dead");
  await advance();
  expect(lastFrame()).toContain("the state file is locked");
  expect(lastFrame()).toContain("1 dead");
  await advance();
  expect(lastFrame()).toContain("all healthy");
  expect(lastFrame()).not.toContain("locked");
  expect(seen).toEqual([healed]);
  stdin.write("q");
  await new Promise((resolve) => setTimeout(resolve, 50));
  await advance();
  expect(seen).toHaveLength(1);
  unmount();
});
