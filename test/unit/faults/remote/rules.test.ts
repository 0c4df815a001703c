import { describe, expect, test } from "vitest";
import type { Impairment, SshTarget } from "../../../../src/faults/contract.ts";
import { sshLink } from "../../../../src/faults/links/ssh.ts";
import { toxicsOf } from "../../../../src/faults/links/toxiproxy.ts";
import { filterRules } from "../../../../src/faults/remote/filter.ts";
import { shapingHandle, shapingScript } from "../../../../src/faults/remote/shaping.ts";
import { sshArguments } from "../../../../src/faults/remote/ssh.ts";

const rulesOf = (impairment: Omit<Impairment, "id">) =>
  filterRules({ id: "f-1.2", ...impairment }, 6333).map(({ binary, chain, match }) => [binary, chain, ...match].join(" "));

describe("rules of the packet filter", () => {
  test("both ways, both families, each with the record's id", () => {
    expect(rulesOf({ kind: "partition", direction: "both" })).toEqual([
      "iptables INPUT -p tcp --dport 6333 -m comment --comment ragctl:f-1.2 -j DROP",
      "iptables OUTPUT -p tcp --sport 6333 -m comment --comment ragctl:f-1.2 -j DROP",
      "ip6tables INPUT -p tcp --dport 6333 -m comment --comment ragctl:f-1.2 -j DROP",
      "ip6tables OUTPUT -p tcp --sport 6333 -m comment --comment ragctl:f-1.2 -j DROP",
    ]);
  });
  test("one way, one client, of its own family alone", () => {
    expect(rulesOf({ kind: "partition", direction: "to-node", from: "10.0.0.7" })).toEqual([
      "iptables INPUT -s 10.0.0.7 -p tcp --dport 6333 -m comment --comment ragctl:f-1.2 -j DROP",
    ]);
    expect(rulesOf({ kind: "partition", direction: "from-node", from: "fd00::7" })).toEqual([
      "ip6tables OUTPUT -d fd00::7 -p tcp --sport 6333 -m comment --comment ragctl:f-1.2 -j DROP",
    ]);
  });
  test("loss is a probability; one that would print in exponents does not", () => {
    expect(rulesOf({ kind: "loss", direction: "to-node", lossRatio: 0.000_000_5, from: "10.0.0.7" })).toEqual([
      "iptables INPUT -s 10.0.0.7 -p tcp --dport 6333 -m statistic --mode random --probability 0.000000500 -m comment --comment ragctl:f-1.2 -j DROP",
    ]);
  });
});

describe("queues", () => {
  test("a handle of its own: neither 0 nor ffff, and the same again", () => {
    const handles = Array.from({ length: 2_000 }, (_, index) => shapingHandle(`latency-${index}`));
    for (const handle of handles)
      expect(Number.parseInt(handle, 16)).toSatisfy((value: number) => value > 0x80_00 && value < 0xff_ff);
    expect(new Set(handles).size).toBeGreaterThan(1_900);
    expect(shapingHandle("latency-7")).toBe(handles[7]);
  });
  test("delay with its distribution; a rate in bytes", () => {
    const id = "q";
    const latency = { id, kind: "latency", direction: "from-node", delayMs: 300, jitterMs: 50, distribution: "pareto" } as const;
    expect(shapingScript(latency, 6333)).toContain("netem delay 300ms 50ms distribution pareto limit 100000");
    expect(shapingScript({ ...latency, distribution: "uniform" }, 6333)).toMatch(/delay 300ms 50ms +limit/);
    const rate = { id, kind: "bandwidth", direction: "from-node", bytesPerSec: 1_048_576, from: "10.0.0.7" } as const;
    expect(shapingScript(rate, 6333)).toContain("htb rate 1048576bps");
    expect(shapingScript(rate, 6333)).toContain("match ip sport 6333 0xffff match ip dst 10.0.0.7");
    expect(shapingScript(rate, 6333)).not.toContain("ip6");
  });
});

test("what a machine behind ssh cannot do it says, with the reason", () => {
  const all = { root: true, iptables: true, shaping: true, netem: true, systemd: true };
  const says = (facts: Partial<typeof all>, impairment: Partial<Impairment>) =>
    sshLink({ kind: "ssh", node: "n1", host: "h1", servicePort: 1, readyUrl: "http://h1", facts: { ...all, ...facts } }).supports(
      {
        kind: "partition",
        direction: "both",
        ...impairment,
      },
    );
  expect(says({}, {})).toBe(true);
  expect(says({}, { kind: "latency", direction: "from-node" })).toBe(true);
  expect(says({ root: false }, {})).toContain("sudo");
  expect(says({ iptables: false }, { kind: "loss" })).toContain("iptables");
  expect(says({}, { from: "n1; reboot" })).toContain("no address");
  expect(says({ netem: false }, { kind: "latency", direction: "from-node" })).toContain("netem");
  expect(says({ shaping: false }, { kind: "bandwidth", direction: "from-node" })).toContain("tc");
  expect(says({}, { kind: "bandwidth" })).toContain("from-node");
  expect(says({}, { kind: "reset" })).toContain("proxy");
  expect(says({}, { kind: "wrong-answers" })).toContain("proxy");
});

describe("ssh", () => {
  const target: Pick<SshTarget, "node" | "host"> = { node: "n1", host: "h1" };
  test("asks for no password, refuses an unknown key, and hands the login shell nothing of ours", () => {
    const line = sshArguments(target);
    expect(line).toContain("BatchMode=yes");
    expect(line.slice(-3)).toEqual(["--", "h1", "exec sh -s"]);
    expect(line).not.toContain("-p");
  });
  test("the target's options come before our defaults, and after what is not theirs to say", () => {
    const options = ["StrictHostKeyChecking=no", "BatchMode=no"];
    const line = sshArguments({ ...target, port: 2222, user: "ops", identityFile: "/k", options, sudo: true });
    expect(line.indexOf("StrictHostKeyChecking=no")).toBeLessThan(line.indexOf("StrictHostKeyChecking=yes"));
    expect(line.indexOf("BatchMode=yes")).toBeLessThan(line.indexOf("BatchMode=no"));
    expect(line.join(" ")).toMatch(/IdentityFile=\/k .*-p 2222 -l ops -- h1 exec sudo -n sh -s$/);
  });
});

test("toxics", () => {
  const of = (impairment: Omit<Impairment, "id">) =>
    toxicsOf({ id: "x", ...impairment }).map(({ name, type, toxicity, attributes }) => [name, type, toxicity, attributes]);
  expect(of({ kind: "partition", direction: "both" })).toEqual([
    ["ragctl-x-upstream", "timeout", 1, { timeout: 0 }],
    ["ragctl-x-downstream", "timeout", 1, { timeout: 0 }],
  ]);
  expect(of({ kind: "latency", direction: "to-node", delayMs: 300.4, jitterMs: 50 })).toEqual([
    ["ragctl-x-upstream", "latency", 1, { latency: 300, jitter: 50 }],
  ]);
  expect(of({ kind: "bandwidth", direction: "from-node", bytesPerSec: 1_048_576 })).toEqual([
    ["ragctl-x-downstream", "bandwidth", 1, { rate: 1049 }],
  ]);
  expect(of({ kind: "reset", direction: "from-node", ratio: 0.1, afterBytes: 1024 })).toEqual([
    ["ragctl-x-downstream", "limit_data", 0.1, { bytes: 1024 }],
  ]);
});
