import { ACCOUNT, PASSWORD } from "./mirrors.js";
import type { WireMode } from "./tcp-proxy.js";
import type { TestBed } from "./test-bed.js";

/** One way in which Redis is of no use to a mirror, from the outside. */
export interface Fault {
  readonly name: string;
  /** Nobody listens before the fault ends: there is no time before it. */
  readonly isAtStart?: boolean;
  /** Over as soon as it has begun: it can strike again and again. */
  readonly isMomentary?: boolean;
  /** What it is to a mirror: nothing it need notice, a lost connection, a refusal, or data lost without a word. */
  readonly kind: "none" | "lost" | "refused" | "silent loss";
  begin(bed: TestBed): unknown;
  end(bed: TestBed): unknown;
}

export const HEALTHY: Fault = { name: "healthy", kind: "none", begin: () => {}, end: () => {} };

/** Each ends as it began; what is saved meanwhile and before is to be in Redis afterwards. */
export const FAULTS: readonly Fault[] = [
  {
    name: "down at start",
    kind: "lost",
    isAtStart: true,
    begin: () => {},
    end: ({ server }) => server.restart(),
  },
  {
    name: "killed, comes back empty",
    kind: "lost",
    begin: ({ server }) => server.kill(),
    end: ({ server }) => server.restart(),
  },
  {
    name: "killed, back at once, empty",
    kind: "lost",
    isMomentary: true,
    begin: async ({ server }) => {
      await server.kill();
      await server.restart();
    },
    end: () => {},
  },
  {
    name: "black hole (SIGSTOP)",
    kind: "lost",
    begin: ({ server }) => server.freeze(),
    end: ({ server }) => server.thaw(),
  },
  {
    name: "connection dead, new ones work",
    kind: "lost",
    isMomentary: true,
    begin: ({ proxy }) => proxy.killSilently(),
    end: () => {},
  },
  wireThat("refuses", "lost"),
  wireThat("swallows", "lost"),
  wireThat("cuts replies", "lost"),
  wireThat("throttles", "none"),
  {
    name: "CLIENT KILL",
    kind: "lost",
    isMomentary: true,
    begin: (bed) => bed.order("CLIENT", "KILL", "USER", ACCOUNT),
    end: () => {},
  },
  {
    name: "out of memory",
    kind: "refused",
    begin: (bed) => bed.order("CONFIG", "SET", "maxmemory", "1"),
    end: (bed) => bed.order("CONFIG", "SET", "maxmemory", "0"),
  },
  {
    name: "wrong password",
    kind: "refused",
    begin: async (bed) => {
      await bed.order("ACL", "SETUSER", ACCOUNT, "resetpass", ">another");
      // Those who are in stay in; this is about who comes new.
      await bed.order("CLIENT", "KILL", "USER", ACCOUNT);
    },
    end: (bed) => bed.order("ACL", "SETUSER", ACCOUNT, "resetpass", `>${PASSWORD}`),
  },
  {
    name: "no permission (ACL)",
    kind: "refused",
    begin: (bed) => bed.order("ACL", "SETUSER", ACCOUNT, "resetkeys"),
    end: (bed) => bed.order("ACL", "SETUSER", ACCOUNT, "~roo:*"),
  },
  {
    name: "read-only replica",
    kind: "refused",
    begin: (bed) => bed.order("REPLICAOF", "127.0.0.1", "1"),
    end: (bed) => bed.order("REPLICAOF", "NO", "ONE"),
  },
  {
    name: "disk broken (MISCONF)",
    kind: "refused",
    begin: (bed) => bed.breakDisk(),
    end: (bed) => bed.mendDisk(),
  },
  {
    name: "SCRIPT FLUSH",
    kind: "none",
    isMomentary: true,
    begin: (bed) => bed.order("SCRIPT", "FLUSH"),
    end: () => {},
  },
  {
    name: "FLUSHALL",
    kind: "silent loss",
    isMomentary: true,
    begin: (bed) => bed.order("FLUSHALL"),
    end: () => {},
  },
];

function wireThat(mode: WireMode, kind: Fault["kind"]): Fault {
  return {
    name: `wire ${mode}`,
    kind,
    begin: ({ proxy }) => {
      proxy.mode = mode;
      if (mode === "refuses") proxy.cutAll();
    },
    end: ({ proxy }) => {
      proxy.mode = "passes";
    },
  };
}
