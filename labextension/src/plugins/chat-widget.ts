// The front end of the chat widget: anywidget's, brought along, since the widget's Python half does
// without anywidget's. Where that is installed too, each version is there by its own number.
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

const NAME = 'anywidget';
// The version in package.json; `widget.py` asks for it.
const VERSION = '0.11.0';

export const chatWidgetPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-agent:chat-widget',
  description: 'Draws the chat widget of `agent.chat()`.',
  autoStart: true,
  // Finished before notebooks with widgets in them are restored.
  activate: async (app: JupyterFrontEnd): Promise<void> => {
    // Loaded only now: where widgets are disabled there is no such module, and the panel must work.
    const base = await import('@jupyter-widgets/base').catch(() => null);
    const registry = base && (await app.resolveOptionalService(base.IJupyterWidgetRegistry));
    registry?.registerWidget({
      name: NAME,
      version: VERSION,
      exports: async () => (await import('anywidget')).default
    });
  }
};
