/** Why a command ends without having done what it was asked for: its sentence, and a code to branch on. Status 1. */
export class Failure extends Error {
  override readonly name = "Failure";
  /** Stays the same from version to version, unlike the message. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
