import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';

const passwordFile = z.record(z.string(), z.string());

/** Generated passwords of database roles, in one file of mode 0600. */
export class Passwords {
  readonly #path: string;
  #known: Record<string, string>;

  private constructor(path: string, known: Record<string, string>) {
    this.#path = path;
    this.#known = known;
  }

  static async open(path: string): Promise<Passwords> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw error;
    });
    return new Passwords(path, passwordFile.parse(JSON.parse(text)));
  }

  has(role: string): boolean {
    return this.#known[role] !== undefined;
  }

  /** The role's password; a new one is on disk before it is returned. */
  async of(role: string): Promise<string> {
    const known = this.#known[role];
    if (known !== undefined) return known;
    const password = randomBytes(24).toString('base64url');
    this.#known = { ...this.#known, [role]: password };
    await writeSecretFile(this.#path, JSON.stringify(this.#known));
    return password;
  }
}

async function writeSecretFile(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${process.pid}`;
  const file = await open(partial, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
}
