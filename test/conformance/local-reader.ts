import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import type { Reader, Sandbox } from '@karta/sandbox';

/** Reads a home that is a plain folder of this machine, for the driver without isolation. */
export async function localReader(sandbox: Sandbox): Promise<Reader> {
  const home = sandbox.place('/home/agent');
  const none = () => Promise.reject(new Error('not part of this test'));
  return {
    list: none,
    read: none,
    write: none,
    remove: none,
    readHome: async (path) => createReadStream(join(home, path)),
    queryHome: async (database, sql, params) => {
      const db = new DatabaseSync(join(home, database), { readOnly: true });
      try {
        const rows = db.prepare(sql).all(...params);
        return Readable.from(rows.map((row) => Buffer.from(`${JSON.stringify(row)}\n`)));
      } finally {
        db.close();
      }
    },
  };
}
