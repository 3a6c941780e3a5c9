import { PassThrough } from 'node:stream';
import type { BuildView } from '@karta/protocol';
import type { GitRepo } from './git-repo.ts';
import { flushPkt, onBand, PERSON_BAND, pktLine, pktLines, REPORT_BAND } from './pkt-line.ts';

/** The branch whose pushes are published. */
const BRANCH = 'refs/heads/main';
const NOT_PUBLISHED = 'only the branch main is published; git push karta HEAD:main does it';

export interface PushParts {
  repo: GitRepo;
  /** What git answered to the push, in its own framing. */
  answer: AsyncIterable<Uint8Array>;
  /** Publishes an archive and waits for its end; `say` hears the build's log. */
  publish(archive: AsyncIterable<Uint8Array>, say: (line: string) => void): Promise<BuildView>;
}

/**
 * The answer to a push: git's own, but told of only once what was pushed is published. People read
 * the build as it goes; the push fails when the build does.
 */
export async function* receivePush(parts: PushParts): AsyncGenerator<Buffer> {
  const report: Buffer[] = [];
  for await (const line of pktLines(parts.answer)) {
    if (line === null) continue;
    if (line[0] === REPORT_BAND) report.push(line.subarray(1));
    else yield pktLine(line);
  }
  const pushed = await refsOf(parts.repo);
  if (pushed.length === 0) {
    // Git itself refused; its report says why.
    yield Buffer.concat([onBand(REPORT_BAND, Buffer.concat(report)), flushPkt()]);
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
  const archive = repo.spawn(['archive', '--format=tar', BRANCH]);
  archive.stdin.on('error', () => {}).end();
  archive.stderr.resume();
  // Read from the first moment: Node throws away what a process has said that ended unread.
  const content = archive.stdout.pipe(new PassThrough());
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
    archive.kill('SIGKILL');
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

async function refsOf(repo: GitRepo): Promise<string[]> {
  const out = await repo.run(['-C', 'push.git', 'for-each-ref', '--format=%(refname)']);
  return out.split('\n').filter((line) => line !== '');
}
