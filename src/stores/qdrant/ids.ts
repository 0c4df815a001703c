import { ExitCode, RagctlError } from "../../errors.ts";
import type { PointId } from "../contract.ts";

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @throws RagctlError exit 2 naming the first id that is neither an unsigned integer below 2^53 nor a lower-case UUID */
export function checkIds(ids: readonly PointId[]): void {
  for (const id of ids)
    if (!isPointId(id))
      throw new RagctlError(
        `${JSON.stringify(id)} is not a point id: ids are unsigned integers below 2^53, and UUIDs in lower case`,
        {
          code: "point-id-invalid",
          exitCode: ExitCode.usage,
          hint: "Use a UUID where integers would be larger; a key of any other form is turned into one by the routed client.",
        },
      );
}

export function isPointId(id: unknown): id is PointId {
  return typeof id === "number" ? Number.isSafeInteger(id) && id >= 0 : typeof id === "string" && uuid.test(id);
}
