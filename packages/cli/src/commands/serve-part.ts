import { planeKeys, publicHalf } from '@karta/service/plane-auth';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import type { Terminal } from '../output/terminal.ts';
import {
  type PartRequest,
  type RunningPart,
  startControlPart,
  startDataPart,
  startDoorsPart,
} from '../supervisor/parts.ts';
import { modelLine, takeUpstreams } from '../supervisor/provider-keys.ts';
import { runUntilStopped } from '../supervisor/run-until-stopped.ts';
import { homeFolder, type ServeOptions, serveSettings } from '../supervisor/settings.ts';

export interface ServePartOptions extends ServeOptions {
  json?: boolean;
}

/** `karta serve control`: serves until a signal. Resolves with the exit code. */
export function serveControl(options: ServePartOptions, terminal: Terminal): Promise<number> {
  takeUpstreams(process.env); // Not this part's to know.
  return servePart(
    'control plane',
    startControlPart(requestOf(options, terminal)),
    options,
    terminal,
  );
}

/** `karta serve data` */
export function serveData(options: ServePartOptions, terminal: Terminal): Promise<number> {
  takeUpstreams(process.env);
  return servePart('data plane', startDataPart(requestOf(options, terminal)), options, terminal);
}

/** `karta serve doors` */
export function serveDoors(options: ServePartOptions, terminal: Terminal): Promise<number> {
  const upstreams = takeUpstreams(process.env);
  if (options.json !== true) terminal.note(modelLine(upstreams));
  const request = { ...requestOf(options, terminal), upstreams };
  return servePart('doors', startDoorsPart(request), options, terminal);
}

/** `karta plane-key control|data|doors`: what the other plane must know of this one; no secret. */
export async function printPlaneKey(
  plane: string,
  options: { home?: string },
  terminal: Terminal,
): Promise<number> {
  if (plane !== 'control' && plane !== 'data' && plane !== 'doors') {
    throw new CliError('usage', `There is no plane "${plane}"`, 'Choose control, data or doors.');
  }
  const keys = await planeKeys(homeFolder(options.home));
  terminal.json(publicHalf(keys[plane]));
  return EXIT.ok.code;
}

function requestOf(options: ServePartOptions, terminal: Terminal): PartRequest {
  return {
    settings: serveSettings(options),
    environment: process.env,
    notice: (message) => terminal.note(message),
  };
}

async function servePart(
  name: string,
  starting: Promise<RunningPart>,
  options: ServePartOptions,
  terminal: Terminal,
): Promise<number> {
  const part = await starting;
  return runUntilStopped(part, terminal, () => {
    if (options.json === true) {
      terminal.json({ ready: true, ...part.ready, pid: process.pid });
      return;
    }
    terminal.out(`${terminal.style('bold', 'Karta')} ${name}\n`);
    for (const [what, where] of Object.entries(part.ready)) {
      if (where !== null) terminal.out(`  ${what.replaceAll('_', ' ')}: ${where}\n`);
    }
  });
}
