// A module of its own because it is the one that is loaded late: 45–100 ms that activation must not pay, and the
// chunk that the extension's bundle splits off.
export { createClient } from "@redis/client";
