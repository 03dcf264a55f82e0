// The kernel of a notebook: there before cells run, and another one when that was allowed.
import type { NotebookPanel } from '@jupyterlab/notebook';

import { kernelStartFailed, noKernel, tabGone } from './failures';
import { within } from './saving';

// Milliseconds.
const KERNEL_PATIENCE = 60_000;
const LOOK_AGAIN = 50;

const RESTARTING = new Set(['restarting', 'autorestarting']);

/**
 * Have a kernel, without asking the person which; a restart that goes on is waited for.
 *
 * @throws RpcFailure TAB_GONE when the notebook is closed meanwhile: a kernel started for it then
 *   would be a second one.
 */
export async function kernelReady(panel: NotebookPanel): Promise<void> {
  const { sessionContext } = panel;
  const path = panel.context.localPath;
  const present = (): void => {
    if (panel.isDisposed || sessionContext.isDisposed) {
      throw tabGone(path);
    }
  };
  present();
  await within(KERNEL_PATIENCE, sessionContext.ready, undefined);
  present();
  await restarted(panel);
  present();
  if (sessionContext.hasNoKernel) {
    const undecided = await within(KERNEL_PATIENCE, sessionContext.startKernel(), true);
    present();
    if (undecided || sessionContext.hasNoKernel) {
      throw noKernel('The notebook has no kernel, and it is not clear which to start.');
    }
  }
  const info = sessionContext.session?.kernel?.info.then(() => true);
  if (!(await within(KERNEL_PATIENCE, info ?? Promise.resolve(false), false))) {
    throw noKernel('The kernel did not answer.');
  }
}

/** Wait for the end of a restart. What is sent before may land in either kernel, or in none. */
async function restarted(panel: NotebookPanel): Promise<void> {
  const { sessionContext } = panel;
  const deadline = Date.now() + KERNEL_PATIENCE;
  while (
    !panel.isDisposed &&
    (sessionContext.isRestarting || RESTARTING.has(sessionContext.session?.kernel?.status ?? ''))
  ) {
    if (Date.now() > deadline) {
      throw noKernel('The kernel is restarting, and does not come back.');
    }
    await new Promise(resolve => setTimeout(resolve, LOOK_AGAIN));
  }
}

/** Start another kernel in place of the notebook's, as Lab's own dialog does. */
export async function selectKernel(panel: NotebookPanel, name: string): Promise<void> {
  const { sessionContext } = panel;
  await within(KERNEL_PATIENCE, sessionContext.ready, undefined);
  const kernel = await sessionContext.changeKernel({ name }).catch((error: Error) => {
    throw kernelStartFailed(error.message);
  });
  if (kernel?.name !== name) {
    throw kernelStartFailed(`The ${name} kernel did not start.`);
  }
  await kernelReady(panel);
}
