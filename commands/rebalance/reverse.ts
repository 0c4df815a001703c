import { reverseCommand } from "../shard/reverse.ts";

export default reverseCommand({
  noun: "rebalance",
  details:
    "From where the points are now to how they were placed when the plan was made: it undoes a plan that was applied, and one that stopped half way (what has moved " +
    "goes home, and the old partitioner stays). It changes nothing itself; rebalance apply does.",
});
