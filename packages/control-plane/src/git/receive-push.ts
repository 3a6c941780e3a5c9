import type { BuildView } from '@karta/protocol';
import {
  FAILURE_BAND,
  flushPkt,
  onBand,
  PERSON_BAND,
  pktLine,
  pktLines,
  REPORT_BAND,
} from './pkt-line.ts';
import type { PushRepo } from './push-repo.ts';

/** The branch whose pushes are published. */
const BRANCH = 'refs/heads/main';
const NOT_PUBLISHED = 'only the branch main is published; git push karta HEAD:main does it';
const GIT_ENDED = 'git on the server ended before it was done; nothing was published, push again';
/** The longest report of git's own that is held, in bytes: a line for each ref. */
const MAX_REPORT_BYTES = 1024 * 1024;

export interface PushParts {
  repo: PushRepo;
  /** What git answered to the push, in its own framing. */
  answer: AsyncIterable<Uint8Array>;
  /** Publishes an archive and waits for its end; `say` hears the build's log. */
  publish(archive: AsyncIterable<Uint8Array>, say: (line: string) => void): Promise<BuildView>;
  /** Hears why git ended before it was done. */
  failed(error: unknown): void;
}

/**
 * The answer to a push: git's own, but told of only once what was pushed is published. People read
 * the build as it goes; the push fails when the build does.
 */
export async function* receivePush(parts: PushParts): AsyncGenerator<Buffer> {
  let report = Buffer.alloc(0);
  let pushed: string[];
  try {
    for await (const line of pktLines(parts.answer)) {
      if (line === null) continue;
      if (line[0] !== REPORT_BAND) {
        yield pktLine(line);
        continue;
      }
      report = Buffer.concat([report, line.subarray(1)]);
      if (report.length > MAX_REPORT_BYTES) throw new Error('git reported too much');
    }
    pushed = await parts.repo.refs();
  } catch (error) {
    parts.failed(error);
    yield onBand(FAILURE_BAND, Buffer.from(`${GIT_ENDED}\n`));
    return;
  }
  if (pushed.length === 0) {
    // Git itself refused; its report says why.
    yield Buffer.concat([onBand(REPORT_BAND, report), flushPkt()]);
    return;
  }
  const verdicts = new Map<string, string | null>(
    pushed.map((ref) => [ref, ref === BRANCH ? null : NOT_PUBLISHED]),
  );
  if (verdicts.has(BRANCH)) {
    const outcome = yield* published(parts);
    verdicts.set(BRANCH, outcome);
  }
  const lines = [...verdicts].map(([ref, why]) =>
    pktLine(why === null ? `ok ${ref}\n` : `ng ${ref} ${why}\n`),
  );
  const told = Buffer.concat([pktLine('unpack ok\n'), ...lines, flushPkt()]);
  yield Buffer.concat([onBand(REPORT_BAND, told), flushPkt()]);
}

/** Publishes what was pushed; why it failed, or `null`. */
async function* published({ repo, publish }: PushParts): AsyncGenerator<Buffer, string | null> {
  const content = repo.archive(BRANCH);
  // Nobody needs the repository while what was in it is built.
  content.once('end', () => void repo.remove());
  const said: string[] = [];
  let wake = () => {};
  const outcome = publish(content, (line) => {
    said.push(line);
    wake();
  }).then(
    (build) => ({ build, error: null }),
    (error: unknown) => ({ build: null, error: error as Error }),
  );
  let over = false;
  void outcome.then(() => {
    over = true;
    wake();
  });
  try {
    for (;;) {
      const lines = said.splice(0);
      if (lines.length > 0) yield toPerson(lines);
      else if (over) break;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    content.destroy();
  }
  const { build, error } = await outcome;
  if (build === null) {
    yield toPerson([error.message]);
    return 'not published';
  }
  yield toPerson(summaryOf(build));
  return build.status === 'succeeded' ? null : 'the build failed';
}

function summaryOf(build: BuildView): string[] {
  const problems = build.problems.map(({ severity, file, line, message }) => {
    const place = line > 0 ? `${file}:${line}` : file;
    return `${severity}: ${place === '' ? '' : `${place}: `}${message}`;
  });
  if (build.release === null) return problems;
  const { version, created } = build.release;
  return [...problems, `${version}${created ? '' : ' (the same content)'} ${build.url}`];
}

/** Lines that git shows with `remote:` in front, without what would move the terminal's cursor. */
function toPerson(lines: readonly string[]): Buffer {
  const text = lines.map((line) => `${line.replace(/[\p{Cc}\p{Cf}]/gu, ' ')}\n`).join('');
  return onBand(PERSON_BAND, Buffer.from(text));
}
