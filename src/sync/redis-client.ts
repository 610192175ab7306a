// A module of its own because it is the one that is loaded late: 45–100 ms that activation must not pay, and the
// chunk that the extension's bundle splits off. The class and not `createClient`, which takes 35–135 ms to make a method
// of each of Redis's commands, again and again where clients of different settings are made in turn.
export { RedisClient } from "@redis/client";
