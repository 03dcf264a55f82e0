// anywidget's build has no types of its own. It gives a widget's model and view.
declare module 'anywidget' {
  import type { ExportMap } from '@jupyter-widgets/base';
  const frontEnd: ExportMap;
  export default frontEnd;
}
