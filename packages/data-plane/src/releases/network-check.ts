import type { AppFolder, AppProblem, McpHost } from '@karta/harness';
import { KARTA_TOML } from './karta-toml.ts';
import type { KartaToml } from './karta-toml-schema.ts';
import { sameTarget } from './network-targets.ts';
import { appError, appWarning } from './problem.ts';
import { tomlLine } from './toml-lines.ts';

/** Where plain HTTP is spoken to a host that gets a header added. */
const HTTP_PORT = 80;

/**
 * What is wrong between an application and the hosts it may reach: MCP servers that no sandbox will
 * reach, each where it is named, and secrets to add that `[env]` does not declare as such.
 */
export function networkProblems(
  app: AppFolder,
  toml: KartaToml,
  mcpHosts: readonly McpHost[],
): AppProblem[] {
  return [...mcpHosts.flatMap((mcp) => mcpProblem(toml, mcp)), ...injectProblems(app, toml)];
}

function mcpProblem(toml: KartaToml, mcp: McpHost): AppProblem[] {
  const { host, port, tls, file, line } = mcp;
  const allow = toml.network?.allow ?? [];
  const named = allow.find((target) => sameTarget(target, mcp));
  const injected = allow.find((target) => target.host === host && target.inject !== null);
  if (
    injected !== undefined &&
    (named === injected || (named === undefined && port === HTTP_PORT))
  ) {
    if (!tls) return [];
    const message = `speak plain http to ${host}: its TLS is opened outside the sandbox, where the secret is added`;
    return [appWarning(file, line, message)];
  }
  if (named !== undefined) return [];
  const message = `the MCP server at ${host}:${port} cannot be reached; add "${host}:${port}" to [network] allow in ${KARTA_TOML}`;
  return [appWarning(file, line, message)];
}

function injectProblems(app: AppFolder, toml: KartaToml): AppProblem[] {
  const line = tomlLine(app.text(KARTA_TOML) ?? '', ['network', 'allow']);
  return (toml.network?.allow ?? []).flatMap(({ host, inject }): AppProblem[] => {
    if (inject === null) return [];
    const { secret } = inject;
    const variable = Object.hasOwn(toml.env ?? {}, secret) ? toml.env?.[secret] : undefined;
    if (variable?.secret !== true) {
      const message = `${host} gets the secret ${secret}, which [env] must declare: ${secret} = { secret = true }`;
      return [appError(KARTA_TOML, line, message)];
    }
    if (!variable.expose) return [];
    const message = `${secret} is added outside the sandbox for ${host}, and expose = true shows it inside all the same`;
    return [appWarning(KARTA_TOML, line, message)];
  });
}
