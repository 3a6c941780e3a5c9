import { open, readFile } from 'node:fs/promises';
import { type AuditHead, type AuditKeys, auditHead, auditKeys, verifyAudit } from '@karta/protocol';
import type { z } from 'zod';
import { CliError } from '../../cli-error.ts';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { EXIT } from '../../exit-codes.ts';
import { shortTime, showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

const DEFAULT_LIMIT = 50;

export interface AuditCommand extends AccountOptions {
  action?: string;
  actor?: string;
  target?: string;
  since?: string;
  limit?: number;
}

/** `karta audit`: who did what, the newest first. */
export async function listAudit(options: AuditCommand, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  const { action, actor, target, since, limit = DEFAULT_LIMIT } = options;
  await showList(
    karta.audit.list({
      ...(action === undefined ? {} : { action }),
      ...(actor === undefined ? {} : { actor }),
      ...(target === undefined ? {} : { target }),
      ...(since === undefined ? {} : { since }),
    }),
    {
      columns: [
        ['#', (event) => event.seq],
        ['when', (event) => shortTime(event.at)],
        ['who', (event) => event.actor.label],
        ['did', (event) => event.action],
        ['what', (event) => `${event.target.kind} ${event.target.id}`],
        ['details', (event) => detailsText(event.details)],
      ],
      empty: 'Nothing was done yet.',
      json: options.json === true,
      limit,
    },
    terminal,
  );
  return EXIT.ok.code;
}

/** `karta audit export`: the whole log as lines of JSON, closed by a signed head. */
export async function exportAudit(options: AccountOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  const { body } = await karta.audit.export();
  if (body === null) throw new CliError('failed', 'The export is empty', 'Try again.');
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) terminal.out(chunk);
  return EXIT.ok.code;
}

/** `karta audit head`: the end of the log now, signed. Kept elsewhere, it proves what was there. */
export async function auditHeadNow(options: AccountOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  terminal.json(await karta.audit.head());
  return EXIT.ok.code;
}

export interface VerifyCommand extends AccountOptions {
  /** A file with a head that was kept. */
  against?: string;
  /** A file with an export, rather than the log as the server tells it now. */
  file?: string;
  /** A file with the public keys as they were kept, rather than what the server says now. */
  keys?: string;
}

/**
 * `karta audit verify`: whether every event, their order and the signed head fit, and whether the
 * log still begins as it was at an older head. Exits with `failed` when not.
 */
export async function checkAudit(options: VerifyCommand, terminal: Terminal): Promise<number> {
  const against = options.against && (await jsonFile(options.against, auditHead));
  const verdict = await verifyAudit(exportLines(options), {
    keys: await knownKeys(options),
    ...(against ? { against } : {}),
  });
  if (options.json === true) terminal.json(verdict);
  if (!verdict.ok) {
    if (options.json === true) return EXIT.failed.code;
    const where = verdict.seq === null ? '' : ` at event ${verdict.seq}`;
    throw new CliError(
      'failed',
      `The audit log does not hold${where}: ${verdict.reason}`,
      'Keep this export, and ask who could write to the database.',
    );
  }
  if (options.json !== true) {
    const since = against ? `; what was signed at event ${against.seq} is still there` : '';
    terminal.out(`${verdict.events} events hold, up to ${verdict.head.seq}${since}\n`);
    if (!against) {
      terminal.note('Keep a head elsewhere to compare with later: karta audit head > head.json');
    }
  }
  return EXIT.ok.code;
}

/** The lines of an export, read as they are asked for. */
async function* exportLines(options: VerifyCommand): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of await exportText(options)) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function exportText(options: VerifyCommand): Promise<AsyncIterable<string>> {
  if (options.file !== undefined) {
    // Opened here, so that a file which cannot be read is told as such.
    const file = await open(options.file).catch((cause: NodeJS.ErrnoException) => {
      throw unreadable(options.file ?? '', cause);
    });
    return file.createReadStream({ encoding: 'utf8' });
  }
  const { karta } = await openAccount(options);
  const { body } = await karta.audit.export();
  if (body === null) throw new CliError('failed', 'The export is empty', 'Try again.');
  return body.pipeThrough(new TextDecoderStream());
}

async function knownKeys(options: VerifyCommand): Promise<AuditKeys> {
  if (options.keys !== undefined) return jsonFile(options.keys, auditKeys);
  const { karta } = await openAccount(options);
  return karta.audit.keys();
}

async function jsonFile<T extends AuditHead | AuditKeys>(
  path: string,
  schema: z.ZodType<T>,
): Promise<T> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(path, cause);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null; // Refused below, as anything else that is not what was asked for.
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CliError('usage', `${path} is not what "karta audit" wrote`, 'Name another file.');
}

function unreadable(path: string, cause: NodeJS.ErrnoException): CliError {
  return new CliError('usage', `${path} cannot be read (${cause.code})`, 'Check the path.', {
    cause,
  });
}

function detailsText(details: Readonly<Record<string, unknown>>): string {
  return Object.entries(details)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
    .slice(0, 80);
}
