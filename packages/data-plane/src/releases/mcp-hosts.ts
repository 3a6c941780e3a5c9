import type { AppFolder, AppProblem, Detection } from '@karta/harness';
import { KARTA_TOML } from './karta-toml.ts';
import type { KartaToml } from './karta-toml-schema.ts';
import { appWarning } from './problem.ts';
import { tomlLine } from './toml-lines.ts';

/** Warns of remote MCP servers that `[network] allow` does not let a sandbox reach. */
export function unreachableMcpHosts(
  app: AppFolder,
  toml: KartaToml,
  detection: Pick<Detection, 'mcpHosts'>,
): AppProblem[] {
  const allowed = new Set((toml.network?.allow ?? []).map(({ host, port }) => `${host}:${port}`));
  const text = app.text(KARTA_TOML);
  const [file, line] = text === null ? ['', 0] : [KARTA_TOML, tomlLine(text, ['network', 'allow'])];
  return detection.mcpHosts
    .filter((host) => !allowed.has(host.toLowerCase()))
    .map((host) =>
      appWarning(
        file,
        line,
        `the MCP server at ${host} cannot be reached; add "${host}" to [network] allow`,
      ),
    );
}
