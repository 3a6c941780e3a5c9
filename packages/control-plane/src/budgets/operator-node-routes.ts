import { nodeList, retiredNode, retireNodeBody } from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import { platformActor } from '../operator/operators.ts';
import type { Database } from '../sql/database.ts';
import { listNodes } from './list-nodes.ts';
import { retireNode } from './retire-node.ts';

/** What an operator reads and says of nodes, on the admin plane. `configured` are ids. */
export function operatorNodeRoutes(
  database: Database,
  configured: () => Promise<readonly string[]>,
): BoundRoute[] {
  return [
    defineRoute({
      id: 'listNodes',
      summary: 'Data planes, and what their doors hold of budgets',
      tag: 'server',
      method: 'get',
      path: '/v1/nodes',
      access: 'operator',
      answers: {
        200: { description: 'By id', content: { 'application/json': nodeList } },
      },
      handle: async () => json(200, { nodes: await listNodes(database, await configured()) }),
    }),
    defineRoute({
      id: 'retireNode',
      summary: 'A node is gone: fence its doors, and hold or return what it never told of',
      tag: 'server',
      method: 'post',
      path: '/v1/nodes/{node_id}/retire',
      access: 'operator',
      body: retireNodeBody,
      answers: {
        200: {
          description: 'The blocks that it had',
          content: { 'application/json': retiredNode },
        },
      },
      handle: ({ caller, body, param }) =>
        database.transaction().execute(async (tx) => {
          const nodeId = param('node_id');
          const retired = await retireNode(tx, { nodeId, now: new Date() }, body);
          await recordAudit(tx, {
            actor: platformActor(caller),
            action: 'nodes.retire',
            target: { kind: 'node', id: nodeId },
            details: { ...body, blocks: retired.blocks },
          });
          return json(200, retired);
        }),
    }),
  ];
}
