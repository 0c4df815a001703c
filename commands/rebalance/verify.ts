import { verifyCommand } from "../shard/verify.ts";

export default verifyCommand({
  noun: "rebalance",
  details:
    "Compares every replica id by id and version by version, and a sample of vectors and payloads; finds gaps, orphans (points on nodes that do not own their cell) and " +
    "differences, while writes go on. With --repair owners get the highest version that one of them holds, and orphans are deleted. Exits 4 when anything is (still) wrong.",
});
