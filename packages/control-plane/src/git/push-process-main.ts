import { Socket } from 'node:net';
import { dropTo, userToBecome } from '@karta/service/own-user';
import { GIT_UID } from './git-user.ts';
import { servePush } from './push-process.ts';

/**
 * One push, in a process of git's user: started as root with the control plane's connection as its
 * standard input, it gives up root before it reads a byte of it.
 */
const user = userToBecome(GIT_UID);
if (user !== null) dropTo(user);
servePush(new Socket({ fd: 0, allowHalfOpen: true }), () => process.exit(0));
