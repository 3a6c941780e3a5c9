import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runBounded } from './bounded-run.ts';
import { VERDICTS_FILE, type Verdicts } from './verdicts.ts';

/**
 * `npm test` and `npm run test:full`: installs what only tests need, runs the tier, names what
 * failed and what passed only when tried again, and prints `N passed, N failed` as the last line.
 * Further arguments go to Vitest.
 */
export type Tier = 'daily' | 'full';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const USAGE = 'usage: node scripts/test.ts daily|full [vitest arguments]';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  numFailedTestSuites: number;
  success: boolean;
}

/**
 * The lines that end a run, from Vitest's JSON report and what is worth naming; a file that does not
 * load counts as failed, and so does an error that nothing caught.
 */
export function summaryOf(report: Report, verdicts: Verdicts): string[] {
  const skipped = report.numPendingTests + report.numTodoTests;
  const failed =
    report.numFailedTests === 0 && !report.success
      ? Math.max(1, report.numFailedTestSuites)
      : report.numFailedTests;
  return [
    ...named('passed only when tried again: each is a defect to be found', verdicts.triedAgain),
    ...named('failed', verdicts.failed),
    ...named('thrown with nothing to catch it', verdicts.uncaught),
    ...(skipped === 0 ? [] : [`${skipped} skipped (see above for why)`]),
    `${report.numPassedTests} passed, ${failed} failed`,
  ];
}

function named(what: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${lines.length} ${what}`, ...lines.map((line) => `  ${line}`)];
}

function run(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

async function main(tier: Tier, vitestArguments: string[]): Promise<number> {
  const env = { ...process.env, KARTA_TIER: tier };
  const setup = await run(process.execPath, [join(ROOT, 'scripts/setup-test.ts')], env);
  if (setup !== 0) {
    console.error('npm run setup:test failed: suites that need its packages skip themselves.');
    // A green run must mean that everything ran.
    if (process.env.CI !== undefined) return setup;
  }
  const folder = await mkdtemp(join(tmpdir(), 'karta-test-report-'));
  try {
    const file = join(folder, 'report.json');
    const verdictsFile = join(folder, 'verdicts.json');
    const code = await runBounded(
      process.execPath,
      [
        join(ROOT, 'node_modules/vitest/vitest.mjs'),
        'run',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${file}`,
        `--reporter=${join(ROOT, 'scripts/verdicts.ts')}`,
        ...vitestArguments,
      ],
      { cwd: ROOT, env: { ...env, [VERDICTS_FILE]: verdictsFile }, report: file },
    );
    const report = JSON.parse(await readFile(file, 'utf8')) as Report;
    const verdicts = JSON.parse(await readFile(verdictsFile, 'utf8')) as Verdicts;
    for (const line of summaryOf(report, verdicts)) console.log(line);
    return code;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const [tier, ...rest] = process.argv.slice(2);
  if (tier !== 'daily' && tier !== 'full') {
    console.error(USAGE);
    process.exitCode = 2;
  } else {
    process.exitCode = await main(tier, rest);
  }
}
