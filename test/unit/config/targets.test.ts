import { describe, expect, test } from "vitest";
import { clusterSchema } from "../../../src/config/schema.ts";

function accepts(target: object): boolean {
  const node = { id: "n1", url: "http://n1:6333", target };
  return clusterSchema.safeParse({ topology: "routed", store: { driver: "qdrant" }, nodes: [node] }).success;
}

describe("names of targets hold nothing that a command line could take for something else", () => {
  test.each([
    [
      "host",
      ["h1", "10.0.0.1", "fd00::1", "fe80::1%eth0", "my_host.internal"],
      ["-oProxyCommand=x", "a b", "a;b", "", "$(x)", "a'b"],
    ],
    ["user", ["ops", "svc-1", "dom\\user", "host$"], ["-l", "a b", "a;b", ""]],
    ["unit", ["qdrant.service", "node@1.service", "a\\x2db"], ["-H", "a b", "a;b", "$(x)", ""]],
    ["pidFile", ["/run/q.pid", "/run/it's here.pid"], ["q.pid", "", "/a\nb"]],
    ["port", [22, 65_535], [0, 65_536, "22"]],
    ["servicePort", [6333], [0, -1, 1.5]],
  ] as const)("%s", (key, good, bad) => {
    const target = { kind: "ssh", host: "h1" };
    for (const value of good) expect([value, accepts({ ...target, [key]: value })]).toEqual([value, true]);
    for (const value of bad) expect([value, accepts({ ...target, [key]: value })]).toEqual([value, false]);
  });

  test("options of ssh are Name=value", () => {
    for (const [option, good] of [
      ["UserKnownHostsFile=/a b", true],
      ["-F /etc/passwd", false],
      ["ProxyJump", false],
      ["A=b\nc", false],
    ] as const)
      expect([option, accepts({ kind: "ssh", host: "h1", options: [option] })]).toEqual([option, good]);
  });

  test("a toxiproxy's proxy can be addressed", () => {
    expect(accepts({ kind: "toxiproxy", proxy: "qdrant 1" })).toBe(true);
    expect(accepts({ kind: "toxiproxy", proxy: "a/b" })).toBe(false);
  });
});
