import { type NodeView, nodeList, retiredNode } from '@karta/protocol';
import { type OperatorOptions, openAdminPlane } from '../../client/operator-access.ts';
import { EXIT } from '../../exit-codes.ts';
import { type Column, shortTime, table } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

export interface RetireNodeOptions extends OperatorOptions {
  returnUntold?: boolean;
}

/** `karta operator nodes`: the data planes, and what their doors hold of budgets. */
export async function listNodes(options: OperatorOptions, terminal: Terminal): Promise<number> {
  const plane = await openAdminPlane(options);
  const answer = await plane.ask('GET', '/v1/nodes', nodeList);
  if (options.json === true) terminal.json(answer);
  else terminal.out(table(answer.nodes, COLUMNS, terminal));
  return EXIT.ok.code;
}

/** `karta operator nodes retire <node>`: a node is gone. */
export async function retireNode(
  nodeId: string,
  options: RetireNodeOptions,
  terminal: Terminal,
): Promise<number> {
  const plane = await openAdminPlane(options);
  const untold = options.returnUntold === true ? 'return' : 'hold';
  const path = `/v1/nodes/${encodeURIComponent(nodeId)}/retire`;
  const retired = await plane.ask('POST', path, retiredNode, { untold });
  if (options.json === true) {
    terminal.json(retired);
    return EXIT.ok.code;
  }
  const { node_id, blocks } = retired;
  terminal.out(`${node_id} is retired: its doors spend nothing more\n`);
  if (blocks > 0) {
    const rest = untold === 'return' ? 'has returned' : 'stays reserved until it is back';
    terminal.note(`What it never told of its ${blocks} blocks of budgets ${rest}.`);
  }
  return EXIT.ok.code;
}

const COLUMNS: readonly Column<NodeView>[] = [
  ['node', (node) => node.node_id],
  ['configured', (node) => (node.configured ? 'yes' : 'no')],
  ['doors since', (node) => shortTime(node.doors_since)],
  ['blocks', (node) => node.blocks],
  ['spends until', (node) => shortTime(node.spends_until)],
];
