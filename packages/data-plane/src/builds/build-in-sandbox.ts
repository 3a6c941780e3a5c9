import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { AppProblem } from '@karta/harness';
import type { Sandbox, SandboxProcess } from '@karta/sandbox';
import type { z } from 'zod';
import { appError } from '../releases/problem.ts';
import {
  type BuilderLine,
  type BuilderRequest,
  builderLine,
  type Examined,
  MAX_BUILDER_LINE,
} from './build-wire.ts';
import { builderCommand } from './builder-program.ts';
import { ByteSource } from './image/byte-source.ts';
import { type Extracted, extractImage } from './image/extract-image.ts';
import { ImageError } from './image/manifest.ts';

/** The longest that one publish may take, in milliseconds; `[build] setup` has most of it. */
const BUILD_MS = 15 * 60_000;
/** What the builder's own complaints are cut to, for the server's log. */
const MAX_COMPLAINT_CHARS = 4_000;

/** What a build needs beside its sandbox. */
export interface BuildOrder {
  /** Empty for the step `setup`. */
  archive: Readable;
  /** For the step `setup`: what the step before has told. */
  examined?: Examined;
  request: Omit<BuilderRequest, 'workspace' | 'incoming'>;
  /** An empty folder that the image is written out to. */
  target: string;
  log(text: string): void;
  signal: AbortSignal;
}

export type BuildOutcome =
  | { ok: true; facts: Examined; image: Extracted }
  | { ok: false; problems: readonly AppProblem[] };

/** What one step leads to: an outcome, or what is known before setup runs where it reaches hosts. */
export type BuildStep = BuildOutcome | { ok: 'examined'; facts: Examined };

/**
 * Runs the builder in a sandbox made for it and writes its image out. What comes back is hostile
 * once code of the application has run: of the facts only those count that were told before, and
 * the image is checked byte for byte. Throws an `Error` when the builder itself fails.
 */
export async function buildInSandbox(sandbox: Sandbox, order: BuildOrder): Promise<BuildStep> {
  let violated: string | null = null;
  const child = sandbox.spawn({ argv: builderCommand(sandbox), env: {}, cwd: '/' });
  sandbox.onViolation(({ message }) => {
    violated = message;
    child.kill('SIGKILL');
  });
  const complaint = complaintOf(child);
  const stop = () => child.kill('SIGKILL');
  const timer = setTimeout(stop, BUILD_MS);
  order.signal.addEventListener('abort', stop, { once: true });
  child.stdout.on('error', stop);
  try {
    const sent = send(child, sandbox, order);
    const outcome = await listen(child, order).catch((error: unknown) => {
      if (error instanceof ImageError)
        return failure(`the build was not completed: ${error.message}`);
      throw error;
    });
    const uploadFault = await sent;
    if (violated !== null) return failure(`the build reached a limit of its sandbox: ${violated}`);
    if (outcome !== null) return outcome;
    order.signal.throwIfAborted();
    if (uploadFault !== null) throw uploadFault;
    throw new Error(`the builder ended without a result: ${complaint()}`);
  } finally {
    clearTimeout(timer);
    order.signal.removeEventListener('abort', stop);
    stop();
  }
}

/** Sends request and archive. A builder that refuses early closes its input: no fault of its own. */
async function send(
  child: SandboxProcess,
  sandbox: Sandbox,
  order: BuildOrder,
): Promise<Error | null> {
  const request: BuilderRequest = {
    ...order.request,
    workspace: sandbox.place('/workspace'),
    incoming: `${sandbox.place('/home/agent')}/incoming`,
  };
  try {
    if (!child.stdin.write(`${JSON.stringify(request)}\n`)) await once(child.stdin, 'drain');
    await pipeline(order.archive, child.stdin);
    return null;
  } catch (error) {
    return error as Error;
  }
}

async function listen(child: SandboxProcess, order: BuildOrder): Promise<BuildStep | null> {
  const source = new ByteSource(child.stdout, () => {});
  let facts: Examined | null = order.examined ?? null;
  for (;;) {
    const line = await source.line(MAX_BUILDER_LINE);
    if (line === null) return waitsForHosts(order, facts);
    const said = parse(builderLine, line);
    switch (said?.kind) {
      case undefined:
        return null;
      case 'log':
        order.log(said.text);
        break;
      case 'failed':
        return { ok: false, problems: said.problems };
      case 'examined':
        // A second one could only come from the application's own code.
        facts ??= said;
        break;
      case 'image':
        if (facts === null) return null;
        return { ok: true, facts, image: await extractImage(source.rest(), order.target) };
    }
  }
}

/** Only before code of the application has run may a build end without an image, to go on elsewhere. */
function waitsForHosts(order: BuildOrder, facts: Examined | null): BuildStep | null {
  const first = order.examined === undefined;
  return first && facts?.setup && facts.build_allow.length > 0 ? { ok: 'examined', facts } : null;
}

function parse(schema: z.ZodType<BuilderLine>, line: string): BuilderLine | null {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}

function failure(message: string): BuildStep {
  return { ok: false, problems: [appError('', 0, message)] };
}

/** The last of what the builder said on its error stream. */
function complaintOf(child: SandboxProcess): () => string {
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    text = (text + more).slice(-MAX_COMPLAINT_CHARS);
  });
  child.stderr.on('error', () => {});
  return () => text.trim() || 'it said nothing';
}
