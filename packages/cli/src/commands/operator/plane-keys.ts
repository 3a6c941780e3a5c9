import { type PlaneKeyView, planeKeyKind, planeKeyList } from '@karta/protocol';
import { CliError } from '../../cli-error.ts';
import { type OperatorOptions, openAdminPlane } from '../../client/operator-access.ts';
import { EXIT } from '../../exit-codes.ts';
import { type Column, shortTime, table } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

export interface RotateKeysOptions extends OperatorOptions {
  of?: string;
  node?: string;
  compromised?: boolean;
}

/** `karta operator keys`: the keys by which the planes know each other. */
export async function listPlaneKeys(options: OperatorOptions, terminal: Terminal): Promise<number> {
  const plane = await openAdminPlane(options);
  show(await plane.ask('GET', '/v1/plane_keys', planeKeyList), options, terminal);
  return EXIT.ok.code;
}

/** `karta operator keys rotate`: fresh ones, while everybody serves. */
export async function rotatePlaneKeys(
  options: RotateKeysOptions,
  terminal: Terminal,
): Promise<number> {
  const of = options.of === undefined ? undefined : planeKeyKind.safeParse(options.of);
  if (of?.success === false) {
    throw new CliError('usage', `--of cannot be "${options.of}"`, 'Choose control, node or doors.');
  }
  const plane = await openAdminPlane(options);
  const answer = await plane.ask('POST', '/v1/plane_keys/rotate', planeKeyList, {
    ...(of === undefined ? {} : { of: of.data }),
    ...(options.node === undefined ? {} : { node_id: options.node }),
    compromised: options.compromised === true,
  });
  show(answer, options, terminal);
  if (options.json !== true && answer.plane_keys.some((key) => key.changing_since !== null)) {
    terminal.note('A plane was not reached. The change goes on by itself: karta operator keys');
  }
  return EXIT.ok.code;
}

const COLUMNS: readonly Column<PlaneKeyView>[] = [
  ['of', (key) => key.of],
  ['node', (key) => key.node_id],
  ['key', (key) => key.kid],
  ['since', (key) => (key.since === null ? 'the start' : shortTime(key.since))],
  ['former until', (key) => key.former.map(({ until }) => shortTime(until)).join(', ')],
  ['changing since', (key) => shortTime(key.changing_since)],
];

function show(
  answer: { plane_keys: PlaneKeyView[] },
  { json }: OperatorOptions,
  terminal: Terminal,
): void {
  if (json === true) terminal.json(answer);
  else terminal.out(table(answer.plane_keys, COLUMNS, terminal));
}
