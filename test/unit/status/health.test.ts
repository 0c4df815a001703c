import { expect, test } from "vitest";
import { classifyHealth, degradedUs, type HealthAnswer } from "../../../src/status/health.ts";
import type { Health } from "../../../src/status/result.ts";

test.each<[HealthAnswer, Health]>([
  [{ kind: "ok", latencyUs: 400 }, "healthy"],
  [{ kind: "ok" }, "healthy"],
  [{ kind: "ok", latencyUs: degradedUs }, "healthy"],
  [{ kind: "ok", latencyUs: degradedUs + 1 }, "degraded"],
  [{ kind: "error", latencyUs: 400 }, "unhealthy"],
  [{ kind: "error", latencyUs: 9_000_000 }, "unhealthy"],
  [{ kind: "silent" }, "unhealthy"],
  [{ kind: "unreachable" }, "dead"],
])("%j is %s", (answer, expected) => {
  expect(classifyHealth(answer)).toBe(expected);
});
