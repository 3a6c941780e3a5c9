import { writeFileSync } from 'node:fs';
import { type Action, PERMISSIONS, roleMay } from '@karta/control-plane/permissions';
import { ROLES } from '@karta/protocol';
import { table } from './api-docs.ts';

const DOCUMENT = new URL('../docs/permissions.md', import.meta.url);

/** `docs/permissions.md`, whole, from the matrix that the code itself asks. */
export function renderPermissionDocs(): string {
  const actions = Object.keys(PERMISSIONS) as Action[];
  const rows = actions.map((action) => {
    const { summary, scope } = PERMISSIONS[action];
    const roles = ROLES.map((role) => (roleMay(role, action) ? 'yes' : '–'));
    return [`\`${action}\``, summary, ...roles, scope === null ? '–' : `\`${scope}\``];
  });
  return `# Who may do what

Made from the code by \`npm run docs\`. People have one role in each org; API keys have scopes, of which
a higher one includes the lower: \`read\` < \`write\` < \`admin\`. What stands as "–" under "API key" is
for signed-in people only. Whoever is in no such org gets 404, whatever the action; whoever may not
gets 403 with the roles that may.

${table(['action', 'what', ...ROLES, 'API key'], rows)}

Every signed-in person may create orgs, see their own and accept invitations. Operators are no
members of orgs: what they may do is on the admin plane alone, under accounts of its own.
`;
}

if (import.meta.main) writeFileSync(DOCUMENT, renderPermissionDocs());
