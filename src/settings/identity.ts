import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname, networkInterfaces, userInfo } from "node:os";
import { givenInHost } from "./host-settings.js";
import type { MirrorOptions } from "./options.js";

type IdentityOptions = Pick<MirrorOptions, "userId" | "env" | "settings">;

/** Whose state is mirrored, asked at each save. */
export class Identity {
  #userId: () => string | undefined;
  #isAssigned = false;

  constructor(options: IdentityOptions) {
    this.#userId = userIdOf(options);
  }

  /** `undefined`: nobody is signed in, and nothing is mirrored. */
  get current(): string | undefined {
    const userId: unknown = this.#userId();
    return typeof userId === "string" && userId !== "" ? userId : undefined;
  }

  /** Sign-in, switch or, with `undefined`, sign-out. Takes the place of whatever was configured. */
  set(userId: string | undefined): void {
    this.#userId = () => userId;
    this.#isAssigned = true;
  }

  /** Other settings from now on; who was signed in by `set` stays so. */
  configure(options: IdentityOptions): void {
    if (!this.#isAssigned) this.#userId = userIdOf(options);
  }
}

function userIdOf({ userId, settings, env = process.env }: IdentityOptions): () => string | undefined {
  if (typeof userId === "function") return userId;
  let known = userId || setInHost(settings) || env["ROO_USER_ID"];
  return () => (known ||= localUserId()) as string | undefined;
}

/** A host that cannot be asked has set nothing; that its settings cannot be read is reported with the others. */
function setInHost(settings: MirrorOptions["settings"]): unknown {
  try {
    return givenInHost(settings, "userId")?.value;
  } catch {
    return undefined;
  }
}

/** An id of this machine and this user of it, the same in each process and after each start: `alice@laptop-1f3a9c`. */
export function localUserId(): string {
  return `${userName()}@${hostname().split(".")[0]}-${machineFingerprint()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user need not have a name.
    return `uid${process.getuid?.() ?? 0}`;
  }
}

/** Tells machines of the same name apart, and says nothing else of them. */
function machineFingerprint(): string {
  return createHash("sha256").update(`redis-mirrored machine\0${machineId()}`).digest("hex").slice(0, 6);
}

function machineId(): string {
  for (const file of ["/etc/machine-id", "/var/lib/dbus/machine-id"]) {
    try {
      const id = readFileSync(file, "utf8").trim();
      if (id !== "") return id;
    } catch {
      // Not on this system.
    }
  }
  const addresses = Object.values(networkInterfaces()).flatMap((network) => network ?? []);
  return addresses.find(({ internal }) => !internal)?.mac ?? "";
}
