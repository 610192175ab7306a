// A host in a process of its own, at work when a fault strikes: `node struck-process.js PORT GETS CLOSES [down]`, forked.
// It says "ready", waits for "struck", reports how long `get` and `close` took and what holds it after that, and ends when
// it has been heard.
import { once } from "node:events";
import { createMirror, type Mirror, TOKENS } from "redis-mirrored";
import { history } from "../../bench/hosts.js";
import { optionsOfAccount } from "../support/mirrors.js";
import type { Struck } from "./strike.js";

const HISTORY = { userId: "alice", record: "taskHistory" };
const INSTRUCTIONS = { userId: "alice", record: "customInstructions" };

const [port, gets, closes, isDown] = process.argv.slice(2);
const struck: Struck = { firstGetMs: 0, getMs: [], closeMs: [], flushed: [], left: [] };
const mirrors: Mirror[] = [];
for (let made = 0; made < Number(closes); made++) {
  const mirror = createMirror(optionsOfAccount(Number(port)));
  mirrors.push(mirror);
  // The first contact of a process loads the Redis client, which holds its event loop: that is a figure of its own.
  if (made === 0) struck.firstGetMs = await timeOf(() => serviceOf(mirror).get(HISTORY));
  // Where nobody listens it would not ask Redis for what it has yet to send.
  if (isDown !== undefined) continue;
  serviceOf(mirror).set(HISTORY, history(made));
  if (!(await mirror.flush({ timeoutMs: 10_000 })).flushed)
    throw new Error("Expected a healthy Redis to take the save before the fault");
}
process.send!("ready");
await once(process, "message");

const [asked, ...others] = mirrors as [Mirror, ...Mirror[]];
for (const mirror of others) await close(mirror);
for (let asking = 0; asking < Number(gets); asking++) {
  struck.getMs.push(await timeOf(() => serviceOf(asked).get(HISTORY)));
}
await close(asked);

// A socket that is let go of is gone a turn later.
for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
// But for the pipes to the parent.
struck.left.push(...process.getActiveResourcesInfo().filter((resource) => resource !== "PipeWrap"));
process.send!(struck);
await once(process, "message");
process.disconnect();

async function close(mirror: Mirror): Promise<void> {
  serviceOf(mirror).set(INSTRUCTIONS, "the last save");
  const closeMs = await timeOf(async () => struck.flushed.push((await mirror.close()).flushed));
  struck.closeMs.push(closeMs);
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

function serviceOf(mirror: Mirror) {
  return mirror.container.get(TOKENS.RedisSyncService);
}
