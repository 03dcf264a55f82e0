import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Widget } from '@lumino/widgets';

const panel: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-agent:panel',
  description: 'The side panel.',
  autoStart: true,
  activate: (app: JupyterFrontEnd): void => {
    const widget = new Widget();
    widget.id = 'jupyter-agent-panel';
    widget.addClass('jp-Agent');
    widget.title.caption = 'Agent';
    widget.title.label = 'Agent';
    app.shell.add(widget, 'right', { rank: 600 });
  }
};

const plugins: JupyterFrontEndPlugin<unknown>[] = [panel];

export default plugins;
