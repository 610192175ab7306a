// Another process that wants the lock of a file: `node lock-owner.js LOCK RENEW_MS STALE_MS PATIENCE_MS`, forked. It says
// "held", works until it is told to end, and says what became of it.
import { once } from "node:events";
import { withFileLock } from "#dist/container/file-lock.js";

const [path, renewMs, staleMs, patienceMs] = process.argv.slice(2);
const timings = { renewMs: Number(renewMs), staleMs: Number(staleMs), patienceMs: Number(patienceMs) };
const end = await withFileLock(
  path!,
  async (lock) => {
    process.send!("held");
    await once(process, "message");
    return lock.assertHeld().then(
      () => "had it to the end",
      () => "lost it",
    );
  },
  timings,
).catch((error: Error) => error.message);
process.send!(end);
process.disconnect();
