export { dropTo, userToBecome } from './drop-user.ts';
export { ownFolder } from './own-folder.ts';
