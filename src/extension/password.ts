import type { HostContext } from "./roo-types.js";
import type { HostWindow } from "./window.js";

/** Under which VS Code's SecretStorage has it. */
export const PASSWORD_SECRET = "redisMirrored.password";

/**
 * How the mirror gets at it: asked at each connection. Each answer of this is another one, by which the mirror knows that
 * the password may be another.
 */
export function passwordFrom(secrets: HostContext["secrets"]): () => PromiseLike<string | undefined> {
  return () => secrets.get(PASSWORD_SECRET);
}

/** Takes a password, or after a question none: it is in the SecretStorage and nowhere else. */
export async function setPassword(window: HostWindow, secrets: HostContext["secrets"]): Promise<void> {
  const t = window.translate;
  const text = await window.askSecret(
    t("Set the password for Redis"),
    t("It is kept in VS Code's secret storage. Empty: none, or the one that REDIS_PASSWORD says."),
    () => undefined,
  );
  if (text === undefined) return;
  if (text !== "") {
    await secrets.store(PASSWORD_SECRET, text);
    return window.inform(t("The password is kept, and used from now on."));
  }
  if ((await secrets.get(PASSWORD_SECRET)) === undefined) return window.inform(t("No password was kept."));
  const isAgreed = await window.confirm(
    t("Remove the password for Redis?"),
    t("The mirror then logs in without one, or with the one that REDIS_PASSWORD says."),
    t("Remove"),
  );
  if (!isAgreed) return;
  await secrets.delete(PASSWORD_SECRET);
  window.inform(t("The password is removed."));
}
