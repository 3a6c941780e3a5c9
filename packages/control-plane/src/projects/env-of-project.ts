import type { BuildBody } from '@karta/protocol';
import type { Database, Tx } from '../sql/database.ts';

/** What a build is told of a project's values: of secrets only that they are there. */
export async function envOfProject(
  from: Database | Tx,
  projectId: string,
): Promise<BuildBody['env']> {
  const rows = await from
    .selectFrom('env_values')
    .select(['name', 'secret', 'value'])
    .where('project_id', '=', projectId)
    .execute();
  const env: BuildBody['env'] = { plain: {}, secret: [] };
  for (const { name, secret, value } of rows) {
    if (secret) env.secret.push(name);
    else env.plain[name] = value ?? '';
  }
  return env;
}
