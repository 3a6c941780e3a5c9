import { createHarnesses } from '@karta/harness';
import { runningServer } from '../client/known-server.ts';
import { databaseFinding } from '../doctor/database.ts';
import type { Finding } from '../doctor/finding.ts';
import { gitFinding } from '../doctor/git.ts';
import { harnessFindings } from '../doctor/harnesses.ts';
import { diskFinding, memoryFinding, portFinding } from '../doctor/machine.ts';
import { modelFinding } from '../doctor/models.ts';
import { sandboxFindings } from '../doctor/sandboxes.ts';
import { EXIT } from '../exit-codes.ts';
import type { Terminal } from '../output/terminal.ts';
import { type ServeOptions, serveSettings } from '../supervisor/settings.ts';

export interface DoctorOptions extends Pick<ServeOptions, 'home' | 'port' | 'host'> {
  json?: boolean;
}

/** `karta doctor`: what this machine has. Exits with `machine` when a server could not start. */
export async function doctor(options: DoctorOptions, terminal: Terminal): Promise<number> {
  const { home, host, port } = serveSettings(options);
  const serving = (await runningServer(home))?.url ?? null;
  const findings = [
    ...(await sandboxFindings()),
    ...(await harnessFindings([...createHarnesses().values()])),
    modelFinding(process.env),
    await databaseFinding(process.env.KARTA_DATA_DATABASE_URL),
    await portFinding(host, port, serving),
    await diskFinding(home),
    await gitFinding(),
    memoryFinding(),
  ];
  const fit = isFit(findings);
  if (options.json === true) terminal.json({ ok: fit, findings });
  else print(findings, fit, terminal);
  return fit ? EXIT.ok.code : EXIT.machine.code;
}

/** Whether a server can start: a missing rung of isolation only weakens it. */
export function isFit(findings: readonly Finding[]): boolean {
  return findings.every((found) => found.state !== 'missing' || found.area === 'sandbox');
}

const MARKS: Readonly<
  Record<Finding['state'], { mark: string; style: 'green' | 'yellow' | 'red' }>
> = {
  good: { mark: '✓', style: 'green' },
  weak: { mark: '!', style: 'yellow' },
  missing: { mark: '✗', style: 'red' },
};

function print(findings: readonly Finding[], fit: boolean, terminal: Terminal): void {
  let area = '';
  for (const found of findings) {
    if (found.area !== area) terminal.out(`\n${terminal.style('bold', found.area)}\n`);
    area = found.area;
    const { mark, style } = MARKS[found.state];
    const [first, ...more] = found.notes;
    terminal.out(`  ${terminal.style(style, mark)} ${found.name}: ${first ?? ''}\n`);
    for (const note of more) terminal.out(`      ${note}\n`);
    for (const advice of found.advice) terminal.out(`      ${terminal.style('dim', advice)}\n`);
  }
  const verdict = fit ? 'This machine can run Karta.' : 'This machine cannot run Karta yet.';
  terminal.out(`\n${terminal.style('bold', verdict)}\n`);
}
