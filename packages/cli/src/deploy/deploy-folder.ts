import type { BuildView, DeployOptions, Releases } from '@karta/sdk';
import { type PackedFolder, packFolder } from './pack-folder.ts';

export interface DeployFolderOptions extends DeployOptions {
  /** Hears of the archive before it is uploaded. */
  packed?: (archive: Pick<PackedFolder, 'files' | 'bytes'>) => void;
}

/**
 * Packs a folder and publishes it to a project. What is wrong with the application is in the build
 * (`status: "failed"`). Throws `CliError` for what cannot be packed, and the SDK's errors.
 */
export async function deployFolder(
  releases: Releases,
  folder: string,
  project: string,
  options: DeployFolderOptions = {},
): Promise<BuildView> {
  const packed = await packFolder(folder);
  options.packed?.(packed);
  return releases.deploy(project, packed.archive, options);
}
