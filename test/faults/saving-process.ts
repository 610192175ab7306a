// A host in a process of its own: `node saving-process.js PORT [close|work|ask|flush]` saves once, closes, flushes or asks for
// another record if it is told to, and ends when nothing holds it any more.
import { installMirror, TOKENS } from "redis-mirrored";
import { KEY, Notes, SILENT } from "../support/mirrors.js";

const [port, ending] = process.argv.slice(2);
const mirror = installMirror({
  redis: { host: "127.0.0.1", port: Number(port) },
  userId: "alice",
  keys: [KEY],
  env: {},
  logger: SILENT,
});
const notes = new Notes();
// A host at work is connected long before it closes; what the first connection takes is no part of that.
if (ending === "work") {
  await notes.save("customInstructions", "an earlier save");
  await mirror.flush({ timeoutMs: 30_000 });
}
await notes.save("customInstructions", "the last save");
if (ending === "close" || ending === "work") {
  const begin = performance.now();
  const result = await mirror.close();
  console.log(JSON.stringify({ ...result, elapsedMs: performance.now() - begin }));
}
if (ending === "flush") console.log(JSON.stringify(await mirror.flush({ timeoutMs: 30_000 })));
if (ending === "ask") {
  const value = await mirror.container.get(TOKENS.RedisSyncService).get({ userId: "alice", record: "taskHistory" });
  console.log(JSON.stringify({ value: value ?? null }));
}
