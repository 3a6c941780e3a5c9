import { KeyParts } from '../../keys/key-parts.ts';
import { awsParts } from './aws-parts.ts';

/** How long what the file said counts, in ms. */
const READ_MS = 10_000;

/** Where the operator keeps a key that somebody renews. */
export interface CredentialsFileOptions {
  /** AWS's shared credentials file. */
  path: string;
  /** Its section. */
  profile: string;
}

/** A key in AWS's shared credentials file, read again as it is used: whoever renews it renews it there. */
export class CredentialsFile {
  readonly #options: CredentialsFileOptions;
  readonly #now: () => number;
  #held: { parts: KeyParts | null; text: string; until: number } | null = null;
  #reading: Promise<KeyParts | null> | null = null;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(options: CredentialsFileOptions, now: () => number = () => performance.now()) {
    this.#options = options;
    this.#now = now;
  }

  /**
   * The key; `null`: there is none in the file, or it cannot be read. `refused`: one that is known to
   * be worth nothing, so that the file is read at once. The same key is the same object.
   */
  key(refused: KeyParts | null = null): Promise<KeyParts | null> {
    const held = this.#held;
    if (held !== null && held.parts !== refused && this.#now() < held.until) {
      return Promise.resolve(held.parts);
    }
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #read(): Promise<KeyParts | null> {
    const { path, profile } = this.#options;
    const { credentialsIn } = await awsParts();
    const section = (await credentialsIn(path))[profile] ?? {};
    const text = JSON.stringify(section);
    const parts = text === this.#held?.text ? this.#held.parts : keyOf(section);
    this.#held = { parts, text, until: this.#now() + READ_MS };
    return parts;
  }
}

function keyOf(section: Record<string, string | undefined>): KeyParts | null {
  const {
    aws_access_key_id: access_key_id,
    aws_secret_access_key: secret_access_key,
    aws_session_token: session_token,
  } = section;
  if (!access_key_id || !secret_access_key) return null;
  return new KeyParts({
    ...{ access_key_id, secret_access_key },
    ...(session_token && { session_token }),
  });
}
