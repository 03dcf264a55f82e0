// Where the person's settings of the front end are: `schema/plugin.json`.
export const SETTINGS = 'jupyter-agent:plugin';
